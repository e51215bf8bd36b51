#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What looks like a secret: not in the journal, not to the model, not in what is shown, and the person is told (spec/secrets.md).

Environment: CLAWOS_BIN (folder with the built daemons). Needs root, outside a chroot.
"""
import json
import os
import subprocess
import sys
import threading
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from broker import KEY, served  # noqa: E402
from claw import Fixture, answer  # noqa: E402
from memory import write  # noqa: E402
from provider import calls, stream, text  # noqa: E402
from stack import stack  # noqa: E402
from tap import expect, expect_true, run, test, wait_for  # noqa: E402
from varlink import Client  # noqa: E402

# in two, so that no scanner of sources takes them for real
OPENAI = "sk-" "proj-abcdefGHIJKL0123456789mnopqrstuvwxyzABCDEF0123456789"
GITHUB = "ghp" "_abcdefGHIJKL0123456789mnopqrstuvwxyz"
AWS = "AKI" "AQYLPMN5HFIQR7XYA"
PEM = "-----BEGIN RSA " "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MhgHcTz6sE2I2yPB\n" \
      "aFDrBz9vFqU4yQYQ3sQ2lVZ5\n-----END RSA PRIVATE KEY-----"
SECRETS = (OPENAI, GITHUB, AWS, "ygWyF8PbnGy0AHB7MhgHcTz6")


def nowhere(s, *places):
    """Neither in a file of the state nor in what is given."""
    for folder, _, names in os.walk(s.root):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    places += (file.read(),)
    for place in places:
        place = place if isinstance(place, bytes) else json.dumps(place).encode()
        for secret in SECRETS:
            expect_true(secret.encode() not in place, f"{secret[:6]}… is in {place[:200]}")


def rows(data):
    return sorted((row["kind"], row["count"], row["place"]) for row in data.get("secrets", []))


@test
def what_the_person_writes_reaches_neither_model_nor_journal_and_they_are_told():
    with stack([text("done")]) as s:
        turn = s.ask(f"use {OPENAI}, then {AWS} and again {AWS}.\n{PEM}\nthanks")
        expect(turn.answer, "done")
        expect(rows(turn.of("accepted")[0]), [("aws-access-key", 2, "message"), ("openai-project", 1, "message"),
                                              ("rsa-private-key", 1, "message")])
        sent = s.provider.requests[0].last
        expect_true("use [secret:openai-project], then [secret:aws-access-key] and again [secret:aws-access-key].\n"
                    "[secret:rsa-private-key]\nthanks" in sent, sent)
        nowhere(s, turn.events, s.provider.requests[0].body)


@test
def nor_what_they_say_to_the_turn_that_runs():
    gate = threading.Event()
    with stack([calls(("echo", {"message": "abc"}), wait=gate), text("done")]) as s:
        turn = s.submit("go")
        wait_for(lambda: len(s.provider.requests) == 1, "a model call")
        s.call("Steer", thread=None, text=f"with {GITHUB}", key=uuid.uuid4().hex)
        gate.set()
        s.follow(turn)
        expect(rows(turn.of("steer")[0]), [("github", 1, "message")])
        expect(s.provider.requests[1].last, "with [secret:github]")
        nowhere(s, turn.events)


@test
def a_tools_result_is_replaced_before_it_is_kept():
    script = [calls(("read_file", {"path": ".env"})), text("done")]
    with stack(script, cages=True) as s:
        with open(os.path.join(s.workspace, ".env"), "w", encoding="utf-8") as file:
            file.write(f"OPENAI_API_KEY={OPENAI}\nGITHUB={GITHUB}\nHOST=example.org\n")
        turn = s.ask("what is in .env?")
        done = turn.of("tool-done")[0]
        expect(rows(done), [("github", 1, "result"), ("openai-project", 1, "result")])
        expect_true("OPENAI_API_KEY=[secret:openai-project]" in done["content"] and "HOST=example.org" in done["content"], done)
        with open(os.path.join(s.workspace, ".env"), "w", encoding="utf-8"):
            pass
        nowhere(s, turn.events, *[r.body for r in s.provider.requests])


@test
def an_answer_in_pieces_is_replaced_live_and_kept_without():
    pieces = ["Here: ", OPENAI[:2], OPENAI[2:9], OPENAI[9:30], OPENAI[30:], " is it. ", GITHUB[:10], GITHUB[10:]]
    events = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    with stack([stream(*events)]) as s:
        turn = s.ask("say it")
        expect(turn.answer, "Here: [secret:openai-project] is it. [secret:github]")
        expect(turn.text, turn.answer)
        expect(rows(turn.of("model-done")[0]), [("github", 1, "answer"), ("openai-project", 1, "answer")])
        nowhere(s, turn.events, turn.live)


@test
def a_call_of_the_model_is_made_without():
    with stack([calls(("echo", {"message": f"a\"b {OPENAI}"})), text("done")]) as s:
        turn = s.ask("go")
        expect(turn.of("tool-started")[0]["arguments"], {"message": "a\"b [secret:openai-project]"})
        expect(rows(turn.of("model-done")[0]), [("openai-project", 1, "calls")])
        nowhere(s, turn.events, turn.live, *[r.body for r in s.provider.requests])


@test
def memory_and_identity_documents_are_shown_without():
    with stack([text("done")]) as s:
        with Client(s.clawfsd.socket("fs"), uid=0) as fs:
            write(fs, "notes/zebra.md", f"the zebra's key is {GITHUB}\n", labels=[])
            write(fs, "USER.md", f"Uses {AWS} every day.\n", labels=[])
        turn = s.ask("what is the zebra's key?")
        expect(rows(turn.of("turn-started")[0]), [("github", 1, "memory")])
        expect(rows(turn.of("model-started")[0]), [("aws-access-key", 1, "identity")])
        for secret in (GITHUB, AWS):
            expect_true(secret.encode() not in s.provider.requests[0].body, "it was sent")


@test
def a_tool_the_person_calls_gets_what_they_wrote_and_the_model_does_not():
    with stack([text("done")]) as s:
        turn = s.ask("", tool="echo", arguments={"message": OPENAI})
        expect(rows(turn.of("accepted")[0]), [("openai-project", 1, "arguments")])
        expect(rows(turn.of("tool-done")[0]), [("openai-project", 1, "result")])
        s.ask("and now?")
        expect_true(OPENAI.encode() not in s.provider.requests[0].body, "it was sent")
        expect_true(b"[secret:openai-project]" in s.provider.requests[0].body, "the call is there")


@test
def the_trace_lists_what_was_replaced_where():
    with stack([calls(("echo", {"message": "hi"})), text(f"it is {GITHUB}")]) as s:
        turn = s.ask(f"my key is {OPENAI}")
        with Client(s.agentd.socket("agent"), uid=0) as link:
            trace = link.call("io.clawos.Agent.Trace", {"turn": turn.id, "prompt": True})["trace"]
        expect(rows(trace), [("openai-project", 1, "message")])
        expect(rows(trace["modelCalls"][1]), [("github", 1, "answer")])
        expect_true("promptMissing" not in trace["modelCalls"][0], "the prompt can be made again")


@test
def a_daemon_that_lies_does_not_get_it_past_the_broker():
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": f"x {OPENAI} \"y\" {KEY}\n{PEM}"},
                                                  {"role": "tool", "content": json.dumps({"k": AWS})}]})
    body = body.replace("sk-" "proj", "\\u0073k-proj").encode()
    with served([text("ok")]) as (broker, provider):
        done = broker.complete(body).unwrap().done
        sent = json.loads(provider.requests[0].body)
        expect(sent["messages"][0]["content"], "x [secret:openai-project] \"y\" [secret:provider-key]\n[secret:rsa-private-key]")
        expect(sent["messages"][1]["content"], json.dumps({"k": "[secret:aws-access-key]"}))
        expect(sorted((r["kind"], r["count"]) for r in done["secrets"]),
               [("aws-access-key", 1), ("openai-project", 1), ("provider-key", 1), ("rsa-private-key", 1)])
        expect(done["bytesOut"], len(provider.requests[0].body))
        expect(broker.requests_log()[-1]["secrets"], 4)
        expect("secrets" in broker.complete(b'{"model":"m","messages":[]}').unwrap().done, False)


@test
def who_writes_about_keys_and_hashes_is_left_alone():
    words = "sk- begins a key; 3f2504e04f8911d39a0c0305e82c3301aa11bb22, 550e8400-e29b-41d4-a716-446655440000, " \
            "-----BEGIN PRIVATE KEY----- is a line, postgres://user:password@host/db an example"
    with stack([text(words)]) as s:
        turn = s.ask(words)
        expect((turn.answer, turn.text), (words, words))
        expect_true("secrets" not in turn.of("accepted")[0] and "secrets" not in turn.of("model-done")[0], turn.events)


@test
def claw_says_it_in_one_line():
    found = [{"kind": "jwt", "count": 2, "place": "message"}, {"kind": "github\x1b[2J", "count": 1, "place": "result"}]
    with Fixture() as f:
        f.say(("accepted", {"text": "hi", "secrets": found[:1]}), ("tool-done", {"id": "1", "tool": "echo", "ok": True, "secrets": found[1:]}),
              *answer("fine"))
        done = f.claw("-m", "hi")
        expect(done.stdout, b"fine\n")
        expect(done.stderr.decode(), "claw: replaced: 2 × jwt in your message\nclaw: replaced: github\\x1b[2J in the result\n")


if __name__ == "__main__":
    run()
