#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Pictures, documents and texts that come with a message: the model is shown them in its provider's form, the journal keeps
them, a limit is named, the trace says what they were.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root.
"""
import base64
import contextlib
import hashlib
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from broker import memfd  # noqa: E402
from provider import Message, Provider, calls, text  # noqa: E402
from stack import Stack, stack  # noqa: E402
from tap import expect, expect_true, run, test, wait_for  # noqa: E402
from varlink import VarlinkError  # noqa: E402

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
PDF = b"%PDF-1.7\n" + b"x\xff" * 500
TEXT = "für dich\n</file> and on".encode()


def b64(data):
    return base64.b64encode(data).decode()


def submit(s, words, *files, **options):
    """files: (name, bytes)"""
    with contextlib.ExitStack() as opened:
        fds = [memfd(data) for _, data in files]
        for fd in fds:
            opened.callback(os.close, fd)
        return s.submit(words, fds=fds, attachments=[{"name": name, "fd": i} for i, (name, _) in enumerate(files)], **options)


def ask(s, words, *files, **options):
    return s.follow(submit(s, words, *files, **options))


def refused(s, *files, **options):
    try:
        submit(s, "look", *files, **options)
    except VarlinkError as failure:
        return failure
    raise AssertionError("was not refused")


def persons(request):
    return [m["content"] for m in request.json["messages"] if m["role"] == "user"]


@test
def openai_is_shown_pictures_and_documents_in_parts_of_the_message():
    with stack([text("a cat"), text("yes")]) as s:
        turn = ask(s, "what is it?", ("cat.png", PNG), ("a b.pdf", PDF), ("note.txt", TEXT))
        expect((turn.state, turn.answer), ("done", "a cat"), turn.reason)
        words = 'what is it?\n\n<file name="note.txt">\nfür dich\n<\\/file> and on\n</file>'
        expect(persons(s.provider.requests[0]), [[
            {"type": "text", "text": "cat.png"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64," + b64(PNG)}},
            {"type": "file", "file": {"filename": "a b.pdf", "file_data": "data:application/pdf;base64," + b64(PDF)}},
            {"type": "text", "text": words}]])
        s.ask("sure?")
        first, second = s.provider.requests
        expect_true(second.body.startswith(first.body[:-2]), "the first prompt is the front of the second")
        expect(persons(second)[1], "sure?")


@test
def anthropic_is_shown_them_in_blocks_and_its_cache_keeps_them():
    with Provider([text("a cat"), text("yes")]) as provider, Stack(provider, backend="anthropic") as s:
        expect(ask(s, "what is it?", ("cat.jpg", b"\xff\xd8\xff" + PNG), ("a.pdf", PDF)).answer, "a cat")
        content, = persons(provider.requests[0])
        mark = {"cache_control": {"type": "ephemeral"}}
        expect(content, [
            {"type": "text", "text": "cat.jpg"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": b64(b"\xff\xd8\xff" + PNG)}},
            {"type": "text", "text": "a.pdf"},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": b64(PDF)}},
            {"type": "text", "text": "what is it?", **mark}])
        s.ask("sure?")
        before, after = provider.requests
        expect_true(after.body.startswith(before.body.rsplit(b',"cache_control"', 1)[0]), "the first prompt is the front of the second")


@test
def after_a_restart_the_same_bytes_come_from_the_journal():
    with stack([calls(("echo", {"message": "1"})), text("a cat"), text("yes")]) as s:
        turn = ask(s, "what is it?", ("cat.png", PNG), ("note.txt", TEXT))
        expect(turn.answer, "a cat")
        s.agentd.kill()
        s.agentd.start()
        s.ask("sure?")
        before, after = s.provider.requests[1:]
        expect_true(after.body.startswith(before.body[:-2]), "the same front")
        record = next(r for r in s.journal().records if r.kind == "accepted")
        expect([(a["name"], a["type"], a["bytes"], a["blob"]) for a in record.data["attachments"]],
               [("cat.png", "image/png", len(PNG), hashlib.sha256(PNG).hexdigest()),
                ("note.txt", "text/plain", len(TEXT), hashlib.sha256(TEXT).hexdigest())])
        expect_true(len(json.dumps(record.data)) < 1500, "the record itself is small")


@test
def a_turn_that_is_made_again_has_its_files():
    with stack([text("a dog"), text("a cat")]) as s:
        ask(s, "what is it?", ("cat.png", PNG))
        s.call("Retry", thread="main", key="again")
        wait_for(lambda: len(s.provider.requests) == 2, "the second request")
        first, second = s.provider.requests
        expect(persons(second), persons(first))


@test
def the_trace_and_the_event_name_them_by_hash_and_size():
    with stack([text("a cat")]) as s:
        turn = ask(s, "what is it?", ("cat.png", PNG))
        wanted = [{"name": "cat.png", "type": "image/png", "bytes": len(PNG), "blob": hashlib.sha256(PNG).hexdigest()}]
        expect(turn.of("accepted")[0]["attachments"], wanted)
        with s.link() as link:
            trace = link.call("io.clawos.Agent.Trace", {"turn": turn.id, "prompt": True})["trace"]
            expect(trace["attachments"], wanted)
            call = trace["modelCalls"][0]
            expect(os.pread(link.fds[call["promptFd"]], 1 << 20, 0), s.provider.requests[0].body)
        expect(s.call("History", thread="main", limit=1)["turns"][0]["attachments"], wanted)


@test
def a_secret_in_an_attached_text_stays_here():
    secret = b"AKIA" + b"Q3J7ZK2M5P8WX4TD"
    with stack([text("ok")]) as s:
        turn = ask(s, "mind this", ("env", b"key = " + secret + b"\n"))
        expect(turn.of("accepted")[0]["secrets"], [{"kind": "aws-access-key", "count": 1, "place": "attachment"}])
        expect_true(secret not in s.provider.requests[0].body and b"[secret:aws-access-key]" in s.provider.requests[0].body, "it left")
        for folder, _, names in os.walk(os.path.join(s.root, "journal")):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    expect_true(secret not in file.read(), f"it is in {name}")


@test
def a_limit_is_named_before_anything_is_asked():
    with stack(otherwise=text("ok"), agent="attachment_kib = 64\nconversation_kib = 128") as s:
        large = refused(s, ("a.png", PNG[:8] + bytes(64 << 10)))
        expect((large.short, large.parameters), ("QuotaExceeded", {"limit": "agent.attachment_kib", "value": 64}))
        many = refused(s, *[(f"{i}.png", PNG[:8] + bytes(50 << 10)) for i in range(2)])
        expect((many.short, many.parameters), ("QuotaExceeded", {"limit": "agent.conversation_kib", "value": 128}))
        expect(refused(s, *[("a.txt", b"x")] * 17).parameters["reason"], "more than 16 files come with one message")
        expect((s.provider.requests, s.status()["turns"]), ([], 0))
        expect(ask(s, "and one?", ("a.png", PNG)).answer, "ok")


@test
def what_no_model_is_shown_is_refused_in_words():
    with stack(otherwise=text("ok")) as s:
        for (name, data), words in ((("a.zip", b"PK\3\4\0\0"), "nothing a model is shown: PNG, JPEG, GIF, WebP, PDF, or text"),
                                    (("a.txt", b""), "a.txt is empty"), (("a\nb", b"x"), "control character"), (("", b"x"), "has no name")):
            failure = refused(s, (name, data))
            expect((failure.short, words in failure.parameters["reason"]), ("InvalidArguments", True), str(failure))
        failure = refused(s, ("a.png", PNG), tool="echo", arguments={"message": "x"})
        expect_true("with a message, not with a tool" in failure.parameters["reason"], failure)
        for wrong in ([{"name": "x", "fd": 7}], [{"name": "x"}], [{"fd": 0}], ["x"], [None], [{"name": "x", "fd": -1}]):
            try:
                s.submit("look", attachments=wrong)
                raise AssertionError(f"{wrong} was taken")
            except VarlinkError as error:
                expect_true(error.short in ("InvalidArguments", "InvalidParameter"), f"{wrong}: {error}")
        reading, writing = os.pipe()
        try:
            s.submit("look", fds=[reading], attachments=[{"name": "x", "fd": 0}])
            raise AssertionError("a pipe was taken")
        except VarlinkError as error:
            expect_true("cannot be read" in error.parameters["reason"], error)
        os.close(reading)
        os.close(writing)
        expect(s.provider.requests, [])


@test
def the_local_model_says_that_it_cannot_see():
    with Stack() as s:
        for (name, data), word in ((("a.png", PNG), "images"), (("a.pdf", PDF), "documents")):
            reason = refused(s, (name, data)).parameters["reason"]
            expect(reason, f"{name}: the local model cannot see {word}; claw model list shows others")


@test
def a_conversation_full_of_pictures_ends_with_what_to_do():
    with stack(otherwise=text("ok"), agent="conversation_kib = 256") as s:
        picture = PNG[:8] + bytes(100 << 10)
        expect(ask(s, "one", ("1.png", picture)).state, "done")
        turn = ask(s, "two", ("2.png", picture))
        expect((turn.state, "too long" in turn.reason or "longer than" in turn.reason), ("failed", True), turn.reason)
        expect(ask(s, "elsewhere", ("2.png", picture), thread="other").state, "done")


@test
def tokens_read_from_and_stored_in_the_cache_are_in_the_trace():
    usage = {"input_tokens": 3, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 20, "output_tokens": 2}

    class Cached(Message):
        def answer(self, stream, number, form=None):
            form.usage = usage
            return super().answer(stream, number, form)

    for stream in ("yes", "no"):
        with Provider([Cached("hi")]) as provider, Stack(provider, backend="anthropic", provider_keys=f"stream = {stream}") as s:
            turn = s.ask("hello")
            call = s.call("Trace", turn=turn.id, prompt=False)["trace"]["modelCalls"][0]
            expect([call[key] for key in ("promptTokens", "cachedTokens", "storedTokens", "answerTokens")], [93, 70, 20, 2])


if __name__ == "__main__":
    run()
