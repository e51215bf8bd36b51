#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""claw-llmd as a separate process, with the real engine on a small model.

Environment: CLAWOS_BIN (folder with the built daemons), CLAWOS_MODEL_FILE (a GGUF file). Needs root.
"""
import contextlib
import hashlib
import json
import os
import select
import shutil
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from damage import flip  # noqa: E402
from llm import AGENT, ASSISTANT, END, LLM, LLM_UID, SYSTEM, USER, Model  # noqa: E402
from tap import Skip, expect, expect_true, run, test  # noqa: E402
from varlink import Gone, VarlinkError  # noqa: E402

BIN = os.environ.get("CLAWOS_BIN", "")
MODEL = os.environ.get("CLAWOS_MODEL_FILE", "")
OTHER = 64899
ANSWER = r'''root ::= "{\"tool\": \"answer\", \"arguments\": {\"text\": " string "}}"
string ::= "\"" char* "\""
char ::= [^"\\\x00-\x1F\x7F] | "\\" (["\\/bfnrt] | "u" hex hex hex hex)
hex ::= [0-9a-fA-F]
'''.encode()


def front(number=0, pairs=6):
    turns = SYSTEM + f"You answer questions of group {number} in one short sentence." + END
    for i in range(pairs):
        turns += USER + f"What is {i + number} plus {i}?" + END + ASSISTANT + f"It is {2 * i + number}." + END
    return turns.encode()


def question(text):
    return (USER + text + END + ASSISTANT).encode()


@contextlib.contextmanager
def served(conf="", uid=LLM_UID, prefixes="/nowhere", weights=MODEL):
    if not MODEL or not os.path.exists(MODEL) or not os.path.exists(os.path.join(BIN, "claw-llmd")):
        raise Skip("the local model (claw-llmd in CLAWOS_BIN, weights in CLAWOS_MODEL_FILE)")
    state = tempfile.mkdtemp(prefix="llmd-")
    os.chmod(state, 0o755)
    try:
        with Model(BIN, weights, state, conf, uid, prefixes=prefixes) as model:
            yield model
    finally:
        shutil.rmtree(state)


def refused(model, prompt, **options):
    try:
        model.complete(prompt, **options)
    except VarlinkError as error:
        return error
    raise AssertionError("it was accepted")


def ended(model, seconds):
    pidfd = os.pidfd_open(model.daemon.pid)
    try:
        return bool(select.select([pidfd], [], [], seconds)[0])
    finally:
        os.close(pidfd)


@test
def output_under_a_grammar_is_one_valid_object():
    with served() as model:
        prompt = front()
        for text in ["Say hello.", "Write \"quotes\" and a \\ backslash.", "List three colours, one a line."]:
            out, replies = model.complete(prompt + question(text), prefix=len(prompt), grammar=ANSWER, max_tokens=300)
            if replies[-1]["reason"] == "stop":
                expect(sorted(json.loads(out)), ["arguments", "tool"])
            else:  # cut: a string without its end
                json.loads(out + '"}}')
            expect_true(out.startswith('{"tool": "answer", "arguments": {"text": "'), out)


@test
def head_comes_before_text_and_done_has_the_figures():
    with served() as model:
        prompt = front()
        out, replies = model.complete(prompt + question("What is 2 plus 2?"), prefix=len(prompt), max_tokens=40)
        expect([r["event"] for r in replies if r["event"] != "reading"], ["loading", "head", "done"])
        head, done = replies[-2:]
        expect(head["promptTokens"], done["promptTokens"])
        expect_true(out.startswith("It is"), out)
        expect((done["reason"], done["cachedTokens"]), ("stop", 0))
        expect_true(0 < done["loadUsec"] < done["firstTokenUsec"] <= done["totalUsec"], str(done))


@test
def a_restored_prefix_gives_the_same_text_as_a_computed_one():
    with served() as model:
        prompt, ask = front(pairs=10), question("What is 40 plus 2?")
        computed, replies = model.complete(prompt + ask, prefix=len(prompt), max_tokens=40)
        tokens = model.status()["prefixes"][0]["tokens"]
        expect_true(tokens >= 32 and replies[-1]["cachedTokens"] == 0, str(replies))
        model.daemon.stop()
        model.daemon.start()
        restored, replies = model.complete(prompt + ask, prefix=len(prompt), max_tokens=40)
        expect_true(replies[-1]["cachedTokens"] >= tokens, str(replies))
        expect(restored, computed)
        model.daemon.kill()  # nothing but the prefix is kept then
        os.unlink(os.path.join(model.kept, "last.session"))
        model.daemon.start()
        restored, replies = model.complete(prompt + ask, prefix=len(prompt), max_tokens=40)
        expect((restored, replies[-1]["cachedTokens"]), (computed, tokens))


@test
def what_the_call_before_left_is_not_computed_again():
    with served() as model:
        prompt = front()
        first = prompt + question("What is 1 plus 2?")
        out, replies = model.complete(first, prefix=len(prompt), max_tokens=40)
        grown = first + out.encode() + END.encode() + question("And 2 plus 3?")
        expect(model.prepare(prompt)["cached"], True)  # forgets nothing
        _, later = model.complete(grown, prefix=len(prompt), max_tokens=40)
        expect_true(later[-1]["cachedTokens"] >= replies[-1]["promptTokens"], str(later))


@test
def a_conversation_goes_on_after_a_restart_without_being_computed_anew():
    with served() as model:
        prompt = front()
        first = prompt + question("What is 1 plus 2?")
        out, replies = model.complete(first, prefix=len(prompt), max_tokens=40)
        grown = first + out.encode() + END.encode() + question("And 2 plus 3?")
        model.daemon.stop()
        model.daemon.start()
        restored, later = model.complete(grown, prefix=len(prompt), max_tokens=40)
        expect_true(later[-1]["cachedTokens"] >= replies[-1]["promptTokens"], str(later))
        with served() as other:
            expect(other.complete(grown, prefix=len(prompt), max_tokens=40)[0], restored)


@test
def two_prefixes_alternate_without_being_computed_again():
    with served() as model:
        fronts = [front(1), front(2)]
        for prompt in fronts:
            model.complete(prompt + question("What is 3 plus 3?"), prefix=len(prompt), max_tokens=20)
        kept = [row["tokens"] for row in model.status()["prefixes"]]
        expect(len(kept), 2)
        for prompt in fronts:
            _, replies = model.complete(prompt + question("What is 4 plus 3?"), prefix=len(prompt), max_tokens=20)
            expect_true(replies[-1]["cachedTokens"] >= min(kept), str(replies))


@test
def a_damaged_state_is_computed_again_with_the_same_text():
    with served() as model:
        prompt, ask = front(), question("What is 5 plus 4?")
        before, _ = model.complete(prompt + ask, prefix=len(prompt), max_tokens=40)
        name, = [n for n in os.listdir(model.kept) if n.endswith(".prefix")]
        path = os.path.join(model.kept, name)
        for damage in ["flip", "cut", "empty"]:
            model.daemon.stop()
            os.unlink(os.path.join(model.kept, "last.session"))
            if damage == "flip":
                flip(path, -1000, whence=os.SEEK_END)
            else:
                os.truncate(path, 1000 if damage == "cut" else 0)
            model.daemon.start()
            after, replies = model.complete(prompt + ask, prefix=len(prompt), max_tokens=40)
            expect((after, replies[-1]["cachedTokens"]), (before, 0), damage)


@contextlib.contextmanager
def copied_weights():
    folder = tempfile.mkdtemp(prefix="llmd-weights-")
    os.chmod(folder, 0o755)
    try:
        yield shutil.copy(MODEL, folder) if os.path.exists(MODEL) else MODEL
    finally:
        shutil.rmtree(folder)


@test
def a_state_of_weights_that_differ_in_one_byte_is_not_restored():
    with copied_weights() as weights, served(weights=weights) as model:
        prompt = front()
        expect(model.prepare(prompt)["cached"], False)
        model.daemon.stop()
        model.daemon.start()
        expect(model.prepare(prompt)["cached"], True)
        model.daemon.stop()
        stat = os.stat(weights)
        flip(weights, stat.st_size * 2 // 3 + 77)  # as somebody would who wants nobody to see it
        os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        model.daemon.start()
        expect(model.prepare(prompt)["cached"], False)


@test
def it_says_which_weights_it_has_without_loading_them():
    with served() as model:
        first = model.prepare(front())
        expect_true(first["model"], "the weights have a name")
        model.daemon.stop()
        model.daemon.start()
        expect(model.prepare(front())["model"], first["model"])
        status = model.status()
        expect((status["loaded"], status["model"], status["sizeBytes"]), (False, first["model"], os.path.getsize(MODEL)))
        with open(MODEL, "rb") as file:
            expect(status["sha256"], hashlib.file_digest(file, "sha256").hexdigest())


@test
def what_set_up_has_computed_is_used_and_not_trusted():
    with served() as first:
        prompt, ask = front(), question("What is 5 plus 4?")
        before, _ = first.complete(prompt + ask, prefix=len(prompt), max_tokens=40)
        name, = [n for n in os.listdir(first.kept) if n.endswith(".prefix")]
        shared = tempfile.mkdtemp(prefix="llmd-shared-")
        os.chmod(shared, 0o755)
        shutil.copy(os.path.join(first.kept, name), shared)
        os.chmod(os.path.join(shared, name), 0o444)
    try:
        with served(prefixes=shared) as model:
            expect((model.prepare(prompt)["cached"], model.status()["loaded"]), (True, False))
            after, replies = model.complete(prompt + ask, prefix=len(prompt), max_tokens=40)
            expect_true(replies[-1]["cachedTokens"] >= 32, str(replies))
            expect((after, model.status()["prefixes"]), (before, []))
        flip(os.path.join(shared, name), -1000, whence=os.SEEK_END)
        with served(prefixes=shared) as model:
            after, replies = model.complete(prompt + ask, prefix=len(prompt), max_tokens=40)
            expect((after, replies[-1]["cachedTokens"]), (before, 0))
            expect([row["hash"] + ".prefix" for row in model.status()["prefixes"]], [name])
        expect(os.listdir(shared), [name])
    finally:
        shutil.rmtree(shared)


@test
def it_says_why_it_takes_long():
    with served() as model:
        long, told = front(3, pairs=60), []
        model.prepare(long, told)
        expect(told[0]["event"], "loading")
        steps = [reply for reply in told if reply["event"] == "reading"]
        expect_true(steps and all(0 < r["readTokens"] < r["promptTokens"] and r["leftUsec"] > 0 for r in steps), str(told))
        with model.client() as link:
            reader = model.start(link, front(4, pairs=60) + question("Say hi."), max_tokens=1)
            expect_true(link.reply()[0]["event"] in ("reading", "head"), "the first call is at work")
            with model.client() as second:
                other = model.start(second, question("Say hi."), max_tokens=1)
                expect(second.reply()[0]["event"], "waiting")
                os.close(other)
        os.close(reader)


@test
def a_killed_preparation_goes_on_where_it_stood():
    with served() as model:
        long = front(5, pairs=110)
        with model.client() as link:
            body = os.memfd_create("prompt")
            os.write(body, long)
            link.send(LLM + "Prepare", {"offset": 0, "length": len(long)}, fds=[body], more=True)
            os.close(body)
            kept = os.path.join(model.kept, "last.session")
            while not os.path.exists(kept):
                expect_true(link.reply()[1], "it takes more than five seconds")
            model.daemon.kill()
        model.daemon.start()
        told = []
        last = model.prepare(long, told)
        first = [reply for reply in told if reply["event"] == "reading"][0]
        expect(last["cached"], False)
        expect_true(first["readTokens"] > first["promptTokens"] // 5, str(told))


@test
def what_is_over_a_limit_is_refused_by_its_key():
    with served("prompt_bytes = 4096\ngrammar_bytes = 4096\n") as model:
        error = refused(model, question("x" * 5000))
        expect((error.short, error.parameters), ("QuotaExceeded", {"limit": "llm.prompt_bytes", "value": 4096}))
        error = refused(model, question("x"), grammar=b'root ::= "' + b"x" * 5000 + b'"')
        expect((error.short, error.parameters), ("QuotaExceeded", {"limit": "llm.grammar_bytes", "value": 4096}))
        expect(model.complete(question("x"), max_tokens=1)[1][-1]["event"], "done")


@test
def at_most_eight_states_are_kept_and_the_unused_goes_first():
    with served() as model:
        for number in range(8):
            model.prepare(front(number, pairs=2))
        _, replies = model.complete(front(0, pairs=2) + question("x"), prefix=len(front(0, pairs=2)), max_tokens=5)
        expect_true(replies[-1]["cachedTokens"] > 0, "the first is kept")
        model.prepare(front(8, pairs=2))
        expect(len([n for n in os.listdir(model.kept) if n.endswith(".prefix")]), 8)
        expect(model.prepare(front(0, pairs=2))["cached"], True)
        expect(model.prepare(front(1, pairs=2))["cached"], False)


@test
def prepare_of_a_kept_prefix_does_not_load_the_weights():
    with served() as model:
        prompt = front()
        first = model.prepare(prompt)
        expect((first["cached"], model.status()["loaded"]), (False, True))
        model.daemon.stop()
        model.daemon.start()
        again = model.prepare(prompt)
        expect((again["cached"], again["promptTokens"]), (True, first["promptTokens"]))
        expect(model.status()["loaded"], False)


@test
def a_question_goes_before_a_prefix_and_loses_nothing_of_it():
    with served() as model:
        model.complete(question("x"), max_tokens=1)  # loads
        long = front(3, pairs=60)
        order = []
        with model.client() as link:
            body = os.memfd_create("prompt")
            os.write(body, long)
            link.send(LLM + "Prepare", {"offset": 0, "length": len(long)}, fds=[body])
            os.close(body)
            thread = threading.Thread(target=lambda: (link.reply(), order.append("prepare")))
            thread.start()
            model.complete(question("Say hi."), max_tokens=5)
            order.append("complete")
            thread.join()
        expect(order, ["complete", "prepare"])
        expect(model.prepare(long)["cached"], True)


@test
def a_persons_question_puts_background_work_aside_which_goes_on_where_it_stood():
    long = front() + question("Count from one to sixty in words.")
    with served() as model:
        alone, _ = model.complete(long, max_tokens=200)
        with model.client() as client:
            reader = model.start(client, long, max_tokens=200, priority="background")
            first = os.read(reader, 64)  # it writes
            with model.client() as other:
                later = model.start(other, long, max_tokens=8, priority="background")
                answer, _ = model.complete(front() + question("Say hello."), max_tokens=8)
                expect_true(answer, "the person is answered")
                expect(select.select([later], [], [], 0)[0], [], "what came before it and is less urgent has not begun")
                rest = b"".join(iter(lambda: os.read(reader, 65536), b""))
                expect((first + rest).decode(), alone)
                expect_true(len(rest) > 64, "and much was left of it")
                os.close(later)
            os.close(reader)


@test
def closing_the_connection_ends_the_computation_at_once():
    with served() as model:
        model.complete(question("x"), max_tokens=1)  # loads
        with model.client() as link:
            reader = model.start(link, front(7, pairs=110) + question("Say hi."), max_tokens=50)
            started = model.daemon.cpu_seconds()
            end = time.monotonic() + 10
            while model.daemon.cpu_seconds() < started + 0.1 and time.monotonic() < end:
                select.select([reader], [], [], 0.01)
        os.close(reader)
        closed = model.daemon.cpu_seconds()
        out, replies = model.complete(question("Say hi."), max_tokens=3)
        expect_true(out, "the next call is served")
        expect_true(model.daemon.cpu_seconds() - closed < 1.0, f"{model.daemon.cpu_seconds() - closed} s of CPU later")


@test
def a_cancelled_prompt_is_gone_on_with_where_it_stood():
    with served() as model:
        prompt = front(9, pairs=60) + question("What is 2 plus 2?")
        model.complete(question("x"), max_tokens=1)
        with model.client() as link:
            reader = model.start(link, prompt, max_tokens=20)
            started = model.daemon.cpu_seconds()
            end = time.monotonic() + 20
            while model.daemon.cpu_seconds() < started + 1.2 and time.monotonic() < end:
                select.select([reader], [], [], 0.01)
        os.close(reader)
        out, replies = model.complete(prompt, max_tokens=20)
        with served() as other:
            whole, _ = other.complete(prompt, max_tokens=20)
        expect_true(replies[-1]["cachedTokens"] > 0, str(replies))
        expect(out, whole)


@test
def it_ends_when_told_to_even_in_the_middle_of_a_prompt():
    with served() as model:
        with model.client() as link:
            reader = model.start(link, front(7, pairs=110) + question("Say hi."))
            end = time.monotonic() + 10
            while model.daemon.cpu_seconds() < 0.5 and time.monotonic() < end:
                select.select([reader], [], [], 0.01)
            began = time.monotonic()
            expect(model.daemon.stop(), 0)
            expect_true(time.monotonic() - began < 2, f"{time.monotonic() - began} s")
            try:
                while link.reply()[1]:
                    pass
                raise AssertionError("a last reply after the end")
            except (Gone, ConnectionError):
                pass
        os.close(reader)


@test
def text_that_spells_a_control_token_stays_text():
    with served() as model:
        def tokens(text):
            return model.complete(question(text), max_tokens=1)[1][-1]["promptTokens"]

        base = tokens("x")
        for spelled in ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]:
            expect_true(tokens(spelled) > base + 2, f"{spelled} became one token")


@test
def a_stop_text_ends_the_answer_and_is_not_part_of_it():
    with served() as model:
        prompt = front()
        out, replies = model.complete(prompt + question("What is 2 plus 2?"), prefix=len(prompt), stop=[" is"], max_tokens=40)
        expect((out, replies[-1]["reason"]), ("It", "stop"))


@test
def an_answer_that_is_too_long_or_turns_in_circles_is_cut():
    with served() as model:
        out, replies = model.complete(question("Count."), grammar=b'root ::= "a"+', max_tokens=1000)
        expect(replies[-1]["reason"], "length")
        expect_true(set(out) == {"a"} and replies[-1]["answerTokens"] < 400, str(replies))
        _, replies = model.complete(question("Tell me a long story."), max_tokens=7)
        expect((replies[-1]["reason"], replies[-1]["answerTokens"]), ("length", 7))


@test
def what_is_no_prompt_is_refused_by_name():
    with served() as model:
        for name, prompt, options in [
            ("a control byte", b"\x02a\x05b\x04", {}),
            ("not UTF-8", b"\x02caf\xe9\x04", {}),
            ("empty", b"", {}),
            ("a prefix longer than the prompt", question("x"), {"prefix": 1000}),
            ("a grammar that is none", question("x"), {"grammar": b"root ::= (\n"}),
            ("a grammar without root", question("x"), {"grammar": b"other ::= \"a\"\n"}),
            ("no tokens", question("x"), {"max_tokens": 0}),
            ("too many stop texts", question("x"), {"stop": ["s"] * 9}),
            ("an empty stop text", question("x"), {"stop": [""]}),
        ]:
            expect(refused(model, prompt, **options).short, "InvalidArguments", name)
        expect(model.complete(question("x"), max_tokens=1)[1][-1]["event"], "done")


@test
def descriptors_that_do_not_fit_are_refused():
    with served() as model:
        body = os.memfd_create("prompt")
        os.write(body, question("x"))
        null = os.open("/dev/null", os.O_WRONLY)
        ends = os.pipe()
        parameters = {"offset": 0, "length": 4, "prefixLength": 0, "grammarOffset": 4, "grammarLength": 0, "maxTokens": 1,
                      "stop": [], "intent": 1}
        for fds, changes in [([], {}), ([body], {}), ([body, null], {}), ([ends[0], ends[1]], {}), ([body, ends[1]], {"length": 400}),
                             ([body, ends[1]], {"offset": -1}), ([body, ends[1]], {"offset": 1 << 62, "length": 1 << 20})]:
            with model.client() as link:
                try:
                    list(link.more(LLM + "Complete", {**parameters, **changes}, fds=fds))
                    raise AssertionError(f"accepted {changes}")
                except VarlinkError as error:
                    expect(error.short, "InvalidArguments")
        for fd in (body, null, *ends):
            os.close(fd)


@test
def a_prompt_over_the_context_says_how_long_it_is():
    with served("context_tokens = 512\n") as model:
        error = refused(model, front(1, pairs=60))
        expect(error.short, "TooLong")
        expect(error.parameters["limit"], 448)
        expect_true(600 < error.parameters["tokens"] < 2049, str(error))


@test
def a_full_pipe_is_waited_for_and_a_closed_one_ends_the_call():
    with served() as model:
        near, far = socket.socketpair()
        far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        with model.client() as link:
            reader = model.start(link, question("Tell a story."), grammar=b'root ::= ("one " | "two " | "three ")+',
                                 max_tokens=120, pipe=(near.detach(), far.detach()))
            expect([link.reply()[0]["event"] for _ in range(2)], ["loading", "head"])
            link.sock.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                link.reply()
                raise AssertionError("done before its text was taken")
            link.sock.settimeout(60)
            out = b""
            while chunk := os.read(reader, 64):
                out += chunk
            os.close(reader)
            done, more = link.reply()
            expect((done["event"], more), ("done", False))
            expect_true(len(out) > 150, str(len(out)))
        with model.client() as link:
            os.close(model.start(link, question("Tell a story."), max_tokens=200))
            try:
                while link.reply()[1]:
                    pass
                raise AssertionError("done without a reader")
            except VarlinkError as error:
                expect(error.short, "ModelFailed")
        expect(model.complete(question("x"), max_tokens=1)[1][-1]["event"], "done")


@test
def only_the_agent_and_the_person_may_speak_to_it():
    with served() as model:
        with model.client(AGENT) as link:
            expect_true("loaded" in link.call(LLM + "Status")["status"], "the agent")
        try:
            with model.client(OTHER) as link:
                link.call(LLM + "Status")
            raise AssertionError("another uid was served")
        except (Gone, ConnectionError):
            pass


@test
def without_calls_it_ends_whoever_is_connected_and_goes_on_when_it_is_called():
    with served("idle_seconds = 1\n") as model:
        with model.client() as link:
            link.call(LLM + "Status")
            expect_true(ended(model, 15), "it ends without having been called")
            expect(model.daemon.wait(), 0)
        model.daemon.start()
        with model.client() as link:
            link.call(LLM + "Status")
            prompt = front()
            _, replies = model.complete(prompt + question("x"), prefix=len(prompt), max_tokens=1)
            expect_true(ended(model, 15), "it ends beside an idle connection")
            expect(model.daemon.wait(), 0)
        model.daemon.start()
        _, again = model.complete(prompt + question("x"), prefix=len(prompt), max_tokens=1)
        expect_true(again[-1]["cachedTokens"] >= replies[-1]["promptTokens"] - 1, f"{replies} {again}")


@test
def a_file_that_is_no_model_is_a_named_failure():
    with served() as model:
        path = os.path.join(os.path.dirname(model.kept), "bad.gguf")
        with open(path, "wb") as file:
            file.write(b"GGUF" + b"\xff" * 4096)
        model.daemon.stop()
        at = model.daemon.arguments.index("--model") + 1
        for bad in [path, path + ".missing", "/dev/null"]:
            model.daemon.arguments[at] = bad
            model.daemon.start()
            expect(refused(model, question("x")).short, "ModelFailed", bad)
            expect(model.daemon.stop(), 0)


@test
def a_configuration_with_an_unknown_key_is_refused():
    with served() as model:
        model.daemon.stop()
        with open(model.conf, "w", encoding="utf-8") as file:
            file.write("[llm]\nwarmth = 1\n")
        model.daemon.start(wait=False)
        expect(model.daemon.wait(), 1)
        expect_true("warmth" in model.daemon.log(), model.daemon.log())


run()
