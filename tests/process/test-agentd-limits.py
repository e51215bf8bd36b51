#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Limits of claw-agentd: models that go round in circles, time, queues, and who goes first when something is scarce.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root (daemons have their own uids).
"""
import itertools
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from provider import calls, text  # noqa: E402
from stack import stack  # noqa: E402
from tap import expect, expect_true, run, test, wait_for  # noqa: E402
from varlink import VarlinkError  # noqa: E402


def tool_texts(request):
    return [m["content"] for m in request.json["messages"] if m["role"] == "tool"]


def cycle(*messages):
    """A script of echo calls, one an answer, for ever."""
    turns = itertools.cycle(messages)
    return lambda request: calls(("echo", {"message": next(turns)}))


# --- a model that goes round in circles

@test
def a_model_that_repeats_a_call_is_told_so_and_then_stopped():
    with stack(cycle("again")) as s:
        turn = s.ask("go")
        expect(turn.state, "failed")
        expect(turn.reason, "stopped, the model went round in circles: the same call of echo gave the same result 5 times "
                            "(agent.loop_rounds)")
        expect([("same call" in t) for t in tool_texts(s.provider.requests[-1])], [False, False, True, True])
        expect(["told" in done for done in turn.of("tool-done")], [False, False, True, True, True])
        expect_true(turn.of("tool-done")[2]["content"].endswith("[" + turn.of("tool-done")[2]["told"] + "]"), "the event shows it")
        s.provider.script = [text("fine")]
        expect(s.ask("and now").answer, "fine")


@test
def a_model_that_heeds_the_hint_goes_on():
    def say(request):
        if any("same call" in t for t in tool_texts(request)):
            return text("I have it.")
        return calls(("echo", {"message": "again"}))
    with stack(say) as s:
        turn = s.ask("go")
        expect((turn.state, turn.answer, len(turn.of("tool-done"))), ("done", "I have it.", 3))


@test
def two_calls_in_turn_are_stopped():
    with stack(cycle("ping", "pong")) as s:
        turn = s.ask("go")
        expect(turn.state, "failed")
        expect_true("the calls of echo and echo gave the same two results 5 times" in turn.reason, turn.reason)
        expect(len(turn.of("tool-done")), 10)


@test
def a_circle_of_three_brings_nothing_new_and_is_stopped():
    with stack(cycle("a", "b", "c")) as s:
        turn = s.ask("go")
        expect_true("gave nothing new" in turn.reason, turn.reason)
        expect(len(turn.of("tool-done")), 23)


@test
def a_circle_is_counted_over_a_restart():
    script = [calls(("echo", {"message": "again"}))] * 3
    with stack([*script, text("never", first_delay=60)]) as s:
        turn = s.submit("go")
        for event in s.events(turn.thread, turn.seq, True):
            if event and event["kind"] == "model-started" and event["data"]["call"] == 4:
                break
        wait_for(lambda: len(s.provider.requests) == 4, "the fourth call is at the provider")
        s.agentd.kill()
        s.provider.script = [*script[:2], text("never")]
        s.agentd.start()
        s.follow(turn, live=False)
        expect(turn.state, "failed")
        expect_true("5 times" in turn.reason, turn.reason)


@test
def how_often_is_configured():
    with stack(cycle("again"), agent="loop_rounds = 7") as s:
        turn = s.ask("go")
        expect(len(turn.of("tool-done")), 7)


@test
def the_persons_own_calls_are_no_circle():
    with stack(otherwise=text("ok")) as s:
        for _ in range(6):
            turn = s.ask("", tool="echo", arguments={"message": "x"})
            expect((turn.state, turn.answer), ("done", "x"))


# --- time

@test
def a_turn_that_takes_too_long_ends_with_the_reason():
    with stack(otherwise=text("late", first_delay=60), agent="turn_timeout = 1") as s:
        turn = s.ask("go")
        expect((turn.state, turn.reason), ("failed", "the time limit of the turn is over (agent.turn_timeout)"))
        s.provider.otherwise = text("in time")
        expect(s.ask("again").answer, "in time")


# --- queues

def asked(request):
    return [m["content"] for m in request.json["messages"] if m["role"] == "user"][-1]


@test
def messages_of_all_threads_together_are_bounded_and_the_refusal_names_the_limit():
    gate = threading.Event()
    with stack(otherwise=text("ok", wait=gate), agent="turns_max = 3") as s:
        turns = [s.submit("go", thread=name) for name in ("a", "a", "b")]
        for thread in ("b", "new"):
            try:
                s.submit("one more", thread=thread)
                raise AssertionError("it was accepted")
            except VarlinkError as problem:
                expect((problem.short, problem.parameters), ("QuotaExceeded", {"limit": "agent.turns_max", "value": 3}))
        expect({t["name"] for t in s.call("Threads")["threads"]}, {"a", "b"})  # a refused message makes no thread
        s.agentd.kill()
        s.agentd.start()  # they count on
        try:
            s.submit("one more", thread="c")
            raise AssertionError("it was accepted")
        except VarlinkError as problem:
            expect(problem.short, "QuotaExceeded")
        gate.set()
        expect({s.follow(turn, live=False).state for turn in turns}, {"done"})
        expect(s.ask("now", thread="c").state, "done")


@test
def threads_are_bounded_and_the_refusal_names_the_limit():
    def refused(call):
        try:
            call()
            raise AssertionError("it was accepted")
        except VarlinkError as problem:
            expect((problem.short, problem.parameters), ("QuotaExceeded", {"limit": "agent.threads_max", "value": 2}))
    make = calls(("create_job", {"title": "t", "description": "d"}))
    with stack([text("ok"), text("ok"), make, text("ok")], agent="threads_max = 2") as s:
        for name in ("a", "b"):
            expect(s.ask("go", thread=name).state, "done")
        refused(lambda: s.submit("go", thread="c"))
        refused(lambda: s.call("NewThread", name=None))
        turn = s.ask("go", thread="a")  # what is there goes on
        expect(turn.state, "done")
        expect_true("agent.threads_max" in turn.of("tool-done")[0]["content"], turn.of("tool-done")[0])


@test
def results_of_some_kilobytes_cost_no_sync_of_their_own():
    def turn_of(size):
        s.provider.script = [calls(*[("echo", {"message": f"{n}" + "x" * size}) for n in range(16)]), text("ok")]
        before = s.status()["journal"]
        expect(s.ask("go").state, "done")
        after = s.status()["journal"]
        return after["fsyncs"] - before["fsyncs"], after["blobs"] - before["blobs"]
    with stack() as s:
        s.provider.script = [text("warm")]
        s.ask("warm")
        (least, _), (fsyncs, blobs) = turn_of(1), turn_of(20000)
        expect(blobs, 0)
        expect_true(fsyncs <= least + 8, f"{fsyncs} syncs instead of {least}")  # a slow machine computes in several pieces
        fsyncs, blobs = turn_of(40000)  # over what fits into a record
        expect_true(fsyncs > blobs >= 16, f"{fsyncs} syncs, {blobs} blobs")


@test
def a_call_that_is_refused_at_once_has_one_outcome_beside_others():
    with stack([calls(("nosuch", {}), ("echo", {"message": "a"}), ("echo", {}), ("echo", {"message": "b"})), text("ok")]) as s:
        turn = s.ask("go")
        expect(sorted((d["id"][-1], d["ok"]) for d in turn.of("tool-done")), [("0", False), ("1", True), ("2", False), ("3", True)])


# --- who goes first

@test
def a_person_is_served_before_a_routine_before_background_work():
    gate = threading.Event()
    with stack(lambda r: text("ok", wait=gate if asked(r) == "first" else None), agent="exchanges_max = 1") as s:
        turns = [s.submit("first", thread="t0")]
        wait_for(lambda: s.provider.requests, "the first is at the provider")
        for number, priority in enumerate(("background", "routine", None, "background", "person")):
            turns.append(s.submit(f"{priority} {number}", thread=f"t{number + 1}", priority=priority))
            wait_for(lambda: any(e and e["turn"] == turns[-1].id and e["kind"] == "turn-started" for e in s.events(f"t{number + 1}")), "it waits")
        gate.set()
        for turn in turns:
            expect(s.follow(turn, live=False).state, "done")
        expect([asked(r) for r in s.provider.requests],
               ["first", "None 2", "person 4", "routine 1", "background 0", "background 3"])
        expect(turns[1].of("accepted")[0]["priority"], "background")


@test
def background_work_leaves_a_place_for_the_person():
    gate = threading.Event()
    with stack(lambda r: text("ok", wait=None if asked(r) == "me" else gate), agent="exchanges_max = 8") as s:
        turns = [s.submit("work", thread=f"t{n}", priority="background") for n in range(20)]
        wait_for(lambda: s.status()["exchanges"] == 7, "seven calls are open")
        expect(s.ask("me").answer, "ok")
        expect(s.status()["exchanges"], 7)
        gate.set()
        expect({s.follow(turn, live=False).state for turn in turns}, {"done"})


@test
def a_persons_command_gets_its_cage_before_background_work():
    with stack(otherwise=text("ok"), cages=True, agent="cages_max = 1") as s:
        held = s.submit("", thread="held", tool="shell", arguments={"command": "touch up; while [ ! -e go ]; do sleep 0.05; done"})
        wait_for(lambda: os.path.exists(os.path.join(s.workspace, "up")), "the first command runs")
        turns = [s.submit("", thread=who, tool="shell", arguments={"command": f"echo {who} >> order"}, priority=who)
                 for who in ("background", "routine", "person")]
        for turn in turns:
            wait_for(lambda: any(e and e["turn"] == turn.id and e["kind"] == "tool-started" for e in s.events(turn.thread)), "it waits")
        with open(os.path.join(s.workspace, "go"), "w", encoding="utf-8"):
            pass
        for turn in (held, *turns):
            expect(s.follow(turn, live=False).state, "done")
        with open(os.path.join(s.workspace, "order"), encoding="utf-8") as file:
            expect(file.read().split(), ["person", "routine", "background"])


@test
def a_priority_that_is_none_is_refused():
    with stack(otherwise=text("ok")) as s:
        try:
            s.submit("go", priority="urgent")
            raise AssertionError("it was accepted")
        except VarlinkError as problem:
            expect((problem.short, problem.parameters["reason"]), ("InvalidArguments", "priority is person, routine or background"))


run()
