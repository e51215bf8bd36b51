#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""How a conversation goes on: words for the running turn, and what a restart makes of them.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root (daemons have their own uids).
"""
import os
import sys
import threading
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from provider import calls, text  # noqa: E402
from stack import stack  # noqa: E402
from tap import expect, expect_true, run, test, wait_for  # noqa: E402
from varlink import VarlinkError  # noqa: E402


def refused(call, name):
    try:
        call()
    except VarlinkError as problem:
        expect(problem.short, name)
        return problem.parameters
    raise AssertionError(f"{name} was expected")


def messages(request):
    return request.json["messages"]


def roles(request):
    return [m["role"] for m in messages(request)]


def asked(s, n):
    wait_for(lambda: len(s.provider.requests) == n, f"{n} model calls")


def steer(s, words, thread=None, key=None):
    return s.call("Steer", thread=thread, text=words, key=key or uuid.uuid4().hex)


# --- steer

@test
def words_for_the_running_turn_stand_before_its_next_model_call():
    gate = threading.Event()
    with stack([calls(("echo", {"message": "abc"}), wait=gate), text("in French: bonjour")]) as s:
        turn = s.submit("say hello")
        asked(s, 1)
        reply = steer(s, "in French, please")
        expect(reply["turn"], turn.id)
        gate.set()
        s.follow(turn)
        expect((turn.state, turn.answer), ("done", "in French: bonjour"))
        expect(turn.kinds(), ["accepted", "turn-started", "model-started", "steer", "model-done", "tool-started", "tool-done",
                              "model-started", "model-done", "answer", "turn-done"])
        last = s.provider.requests[-1]
        expect(roles(last), ["system", "user", "assistant", "tool", "user"])
        expect(messages(last)[-1]["content"], "in French, please")
        record = next(r for r in s.journal().records if r.kind == "steer")
        expect((record.origin, record.sequence, record.turn), ("person", reply["seq"], turn.id))


@test
def a_turn_that_has_just_answered_goes_on_with_what_was_said_meanwhile():
    gate = threading.Event()
    with stack([text("first", wait=gate), text("second"), text("third")]) as s:
        turn = s.submit("one")
        asked(s, 1)
        steer(s, "two")
        gate.set()
        s.follow(turn)
        expect((turn.state, turn.answer), ("done", "second"))
        expect([m["content"] for m in messages(s.provider.requests[1])[1:]], ["one", "first", "two"])
        s.ask("three")
        expect([m["content"] for m in messages(s.provider.requests[2])[1:]], ["one", "first", "two", "second", "three"])


@test
def what_was_said_survives_a_kill_and_is_said_once():
    gate = threading.Event()
    with stack(lambda r: text(" / ".join(m["content"] for m in messages(r)[1:]), wait=None if gate.is_set() else gate)) as s:
        turn = s.submit("one")
        asked(s, 1)
        steer(s, "two", key="same")
        s.agentd.kill()
        gate.set()
        s.agentd.start()
        s.follow(turn)
        expect(turn.of("steer"), [{"key": "same", "text": "two"}])
        said = [m["content"] for m in messages(s.provider.requests[-1])[1:]]
        expect((said[0], said[-1], len(said)), ("one", "two", 3))
        expect(roles(s.provider.requests[-1]), ["system", "user", "assistant", "user"])
        prompts = s.call("Trace", turn=turn.id, prompt=True)["trace"]
        expect([c.get("promptMissing") for c in prompts["modelCalls"]], [None, None])
        expect([w["text"] for w in prompts["steers"]], ["two"])


@test
def a_conversation_with_steers_read_back_continues_the_same_bytes():
    gate = threading.Event()
    with stack([calls(("echo", {"message": "x"}), wait=gate), text("one"), text("two"), text("three")]) as s:
        turn = s.submit("first")
        asked(s, 1)
        steer(s, "and this")
        steer(s, "and that")
        gate.set()
        s.follow(turn)
        s.ask("second")
        s.agentd.kill()
        s.agentd.start()
        s.ask("third")
        whole = [r.body.rsplit(b"]", 1)[0] for r in s.provider.requests]
        for shorter, longer in zip(whole, whole[1:]):
            expect(longer[: len(shorter)], shorter)


@test
def the_same_key_steers_once_also_when_the_turn_is_over():
    gate = threading.Event()
    with stack([text("first", wait=gate), text("second")]) as s:
        turn = s.submit("one")
        asked(s, 1)
        first = steer(s, "two", key="k")
        expect(steer(s, "two", key="k"), first)
        gate.set()
        s.follow(turn)
        expect(len(turn.of("steer")), 1)
        expect(steer(s, "two", key="k"), first)


@test
def words_that_no_model_call_can_take_are_refused_and_not_lost_in_silence():
    gate = threading.Event()
    with stack([calls(("echo", {"message": "x"})), text("late", wait=gate)], agent="max_iterations = 2") as s:
        expect_true("no turn" in refused(lambda: (s.ask("x", tool="time", arguments={"operation": "now"}),
                                                  steer(s, "hello")), "NotNow")["reason"], "nothing runs")
        turn = s.submit("one")
        asked(s, 2)
        refused(lambda: steer(s, "too late"), "NotNow")
        gate.set()
        expect(s.follow(turn).state, "done")
        refused(lambda: steer(s, ""), "InvalidArguments")
        refused(lambda: steer(s, "x", thread="nosuch"), "UnknownThread")


@test
def an_interrupted_turn_keeps_what_was_said_in_the_conversation():
    gate = threading.Event()
    with stack([text("never", wait=gate), text("ok")]) as s:
        turn = s.submit("one")
        asked(s, 1)
        steer(s, "two")
        s.call("Interrupt", thread=None)
        gate.set()
        expect(s.follow(turn).state, "interrupted")
        s.ask("three")
        said = [m["content"] for m in messages(s.provider.requests[-1])[1:] if m["role"] == "user"]
        expect(said, ["one", "two", "three"])
        expect(s.call("History", thread=None, limit=5)["turns"][0]["steers"], ["two"])


run()
