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
from journal import Snapshot  # noqa: E402
from memory import write  # noqa: E402
from stack import Turn, stack  # noqa: E402
from tap import expect, expect_true, run, test, wait_for  # noqa: E402
from varlink import Client, VarlinkError  # noqa: E402


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


# --- undo, redo, retry, branch

def echo_all(request):
    """What the model was told, as its answer."""
    return text("/".join(said(request)))


def said(request):
    return [m["content"] for m in messages(request) if m["role"] == "user"]


def restart(s):
    s.agentd.kill()
    s.agentd.start()


def history(s, thread=None):
    return [(t["turn"], t["text"], t.get("undone", False)) for t in s.call("History", thread=thread, limit=20)["turns"]]


@test
def an_undone_turn_is_not_in_the_conversation_and_comes_back_by_redo():
    with stack(echo_all) as s:
        for words in ("one", "two", "three"):
            s.ask(words)
        expect(s.call("Undo", thread=None), {"turn": 3, "head": 2})
        expect(s.call("Undo", thread=None), {"turn": 2, "head": 1})
        expect(s.call("Redo", thread=None), {"turn": 2, "head": 2})
        expect(s.ask("four").answer, "one/two/four")
        refused(lambda: s.call("Redo", thread=None), "NotNow")
        expect(history(s), [(1, "one", False), (2, "two", False), (3, "three", True), (4, "four", False)])
        heads = [(r.origin, r.turn, r.data) for r in s.journal().records if r.kind == "head"]
        expect(heads, [("person", 0, {"way": "undo", "turn": 3, "head": 2}), ("person", 0, {"way": "undo", "turn": 2, "head": 1}),
                       ("person", 0, {"way": "redo", "turn": 2, "head": 2})])


@test
def the_way_a_conversation_went_survives_a_kill_with_a_snapshot_and_without():
    with stack(echo_all, agent="snapshot_kib = 4") as s:
        for words in ("one", "two", "three", "four"):
            s.ask(words)
        s.call("Undo", thread=None)
        s.call("Undo", thread=None)
        s.call("Branch", thread=None, turn=1, name="other")
        restart(s)
        expect(s.call("Redo", thread=None)["turn"], 3)
        expect(s.ask("five").answer, "one/two/three/five")
        expect(s.ask("elsewhere", thread="other").answer, "one/elsewhere")
        s.agentd.stop()
        snapshot = Snapshot(os.path.join(s.root, "journal", "snapshot"))
        journal = s.journal()
        expect(snapshot.sequence, journal.sequence)
        paths = journal.paths()
        expect(paths, {1: [1, 2, 3, 5], 2: [1, 6]})
        expect([t["head"] for t in snapshot.threads], [5, 6])
        s.agentd.start()
        expect(s.ask("six").answer, "one/two/three/five/six")
        os.unlink(os.path.join(s.root, "journal", "snapshot"))
        s.agentd.kill()
        s.agentd.start()
        expect(s.ask("seven").answer, "one/two/three/five/six/seven")


@test
def retry_asks_the_same_message_again_in_its_place():
    with stack([text("first"), text("second"), text("third"), text("fourth")]) as s:
        s.ask("one")
        s.ask("two", workspace=0, unattended=True)
        again = Turn(s.call("Retry", thread=None, key="r"))
        expect(s.call("Retry", thread=None, key="r")["turn"], again.id)
        s.follow(again)
        expect((again.id, again.state, again.answer), (3, "done", "third"))
        accepted = again.of("accepted")[0]
        expect((accepted["text"], accepted["retry"], accepted["unattended"], accepted["key"]), ("two", 2, True, "r"))
        expect([m["content"] for m in messages(s.provider.requests[-1])[1:]], ["one", "first", "two"])
        s.ask("three")
        expect([m["content"] for m in messages(s.provider.requests[-1])[1:]], ["one", "first", "two", "third", "three"])
        expect(s.call("Trace", turn=3, prompt=True)["trace"]["retry"], 2)
        expect([c.get("promptMissing") for t in (1, 2, 3, 4) for c in s.call("Trace", turn=t, prompt=True)["trace"]["modelCalls"]], [None] * 4)


@test
def a_branch_goes_on_from_a_turn_and_leaves_its_thread_alone():
    with stack(echo_all) as s:
        for words in ("one", "two", "three"):
            s.ask(words)
        made = s.call("Branch", thread=None, turn=2)["thread"]
        expect((made["name"], made["state"]), ("main-2", "idle"))
        expect(s.ask("aside", thread="main-2").answer, "one/two/aside")
        expect(s.ask("four").answer, "one/two/three/four")
        expect(history(s, "main-2"), [(1, "one", False), (2, "two", False), (4, "aside", False)])
        expect([t.get("thread") for t in s.call("History", thread="main-2", limit=9)["turns"]], ["main", "main", None])
        expect(s.call("Undo", thread="main-2"), {"turn": 4, "head": 2})
        expect(s.call("Undo", thread="main-2"), {"turn": 2, "head": 1})
        expect(s.ask("again", thread="main-2").answer, "one/again")
        expect(s.call("Branch", thread=None)["thread"]["name"], "main-3")
        refused(lambda: s.call("Branch", thread=None, turn=4), "UnknownTurn")
        refused(lambda: s.call("Branch", thread=None, turn=99), "UnknownTurn")
        refused(lambda: s.call("Branch", thread="nosuch"), "UnknownThread")
        refused(lambda: s.call("Branch", thread=None, turn=1, name="main"), "InvalidArguments")


@test
def nothing_goes_back_under_a_turn_that_runs():
    gate = threading.Event()
    with stack(lambda r: text("ok", wait=gate) if said(r)[-1] == "two" else text("ok")) as s:
        refused(lambda: s.call("Undo", thread="main"), "UnknownThread")
        s.ask("one")
        turn = s.submit("two")
        for method, more in (("Undo", {}), ("Redo", {}), ("Retry", {"key": "x"}), ("Branch", {})):
            expect_true("not over" in refused(lambda m=method, p=more: s.call(m, thread=None, **p), "NotNow")["reason"]
                        or method != "Branch", method)
        gate.set()
        expect(s.follow(turn).state, "done")
        refused(lambda: s.call("Redo", thread=None), "NotNow")
        refused(lambda: s.call("Undo", thread=None, turn=1), "NotNow")
        expect(s.call("Undo", thread=None, turn=2)["head"], 1)
        expect(s.call("Undo", thread=None)["head"], 0)
        refused(lambda: s.call("Undo", thread=None), "NotNow")
        refused(lambda: s.call("Retry", thread=None, key="y"), "NotNow")
        s.ask("new")
        expect(said(s.provider.requests[-1]), ["new"])


@test
def what_a_branch_writes_has_seen_what_its_thread_had_seen():
    with stack([calls(("memory_read", {"path": "mail.md"})), text("read"),
                calls(("memory_write", {"content": "x", "target": "notes.md"})), text("written")]) as s:
        with Client(s.clawfsd.socket("fs"), uid=0) as fs:
            write(fs, "mail.md", "hello", labels=["mail"])
        expect(s.ask("read it", thread="a").of("tool-done")[0]["labels"], ["mail"])
        expect(s.call("Undo", thread="a")["turn"], 1)  # it has been read all the same
        expect(s.call("Redo", thread="a")["turn"], 1)
        s.call("Branch", thread="a", name="b")
        expect(s.ask("write it", thread="b").of("tool-started")[0]["seenLabels"], ["mail"])


run()
