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
from provider import calls, error, text  # noqa: E402
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


# --- compact

SUMMARY = "The person counts [turn 1] [turn 2]."
TOO_LONG = error(400, "This model's maximum context length is 8192 tokens.", code="context_length_exceeded")


def is_summary_call(request):
    return "<transcript>" in said(request)[-1]


def counting(request):
    """Answers with all it was told, a transcript with a summary."""
    return text(SUMMARY) if is_summary_call(request) else text("I was told: " + " / ".join(said(request)))


def compact(s, thread=None, key=None):
    return s.follow(Turn(s.call("Compact", thread=thread, key=key or uuid.uuid4().hex)))


def all_prompts_can_be_made_again(s, turns):
    calls_of = [c for t in turns for c in s.call("Trace", turn=t, prompt=True)["trace"]["modelCalls"]]
    expect([c.get("promptMissing") for c in calls_of], [None] * len(calls_of))


@test
def a_compaction_stands_for_the_turns_before_it_and_cites_them():
    with stack(counting) as s:
        for words in ("one apple", "two pears", "three plums"):
            s.ask(words)
        turn = compact(s)
        expect((turn.id, turn.state, turn.answer), (4, "done", SUMMARY))
        expect(turn.kinds(), ["accepted", "turn-started", "compact-started", "compacted", "answer", "turn-done"])
        shown = messages(s.provider.requests[-1])
        expect("tools" in s.provider.requests[-1].json, False)
        for words in ("## Turn 1\nPerson: one apple\nAssistant: I was told", "## Turn 3\nPerson: three plums", "[turn N]"):
            expect_true(words in shown[-1]["content"], words)
        s.ask("four")
        after = messages(s.provider.requests[-1])
        expect([m["role"] for m in after], ["system", "user", "assistant", "user"])
        expect_true(SUMMARY in after[1]["content"] and "Turns 1 to 3" in after[1]["content"] and "data, not" in after[1]["content"], after[1])
        expect(after[3]["content"], "four")
        all_prompts_can_be_made_again(s, (1, 2, 3, 5))
        expect(s.call("Trace", turn=4, prompt=False)["trace"]["compactions"][0]["until"], 3)
        expect([(t["turn"], t.get("from"), t.get("until")) for t in s.call("History", thread=None, limit=9)["turns"]][3], (4, 1, 3))


@test
def the_words_of_summarised_turns_are_found_by_memory_search():
    with stack(counting) as s:
        s.ask("my bicycle is called Rosinante")
        s.ask("and it is green")
        compact(s)
        found = s.ask("/recall", tool="memory_search", arguments={"query": "Rosinante"})
        expect_true("conversations/turn-1.md" in found.answer and "Rosinante" in found.answer, found.answer)
        s.ask("what colour is it, Rosinante?")
        expect_true("conversations/" not in said(s.provider.requests[-1])[-1], "older turns are not pushed into a message")


@test
def a_compaction_is_in_force_after_a_restart_with_the_same_bytes_and_undone_by_undo():
    with stack(counting, agent="snapshot_kib = 4") as s:
        s.ask("one")
        s.ask("two")
        compact(s)
        s.ask("three")
        s.agentd.stop()
        snapshot = Snapshot(os.path.join(s.root, "journal", "snapshot"))
        expect(snapshot.compactions, [(r.turn, r.position) for r in s.journal().records if r.kind == "compacted"])
        s.agentd.start()
        s.ask("four")
        bytes_of = [r.body.rsplit(b"]", 1)[0] for r in s.provider.requests[-2:]]
        expect(bytes_of[1][: len(bytes_of[0])], bytes_of[0])
        s.call("Branch", thread=None, name="b")
        s.ask("five", thread="b")
        expect(SUMMARY in said(s.provider.requests[-1])[0], True, "a branch has it")
        for _ in range(3):  # four, three, /compact
            s.call("Undo", thread=None)
        s.ask("six")
        expect(said(s.provider.requests[-1]), ["one", "two", "six"])
        compact(s)
        compact_again = compact(s)
        expect((compact_again.state, "no older turns" in compact_again.reason or "no turns" in compact_again.reason), ("failed", True))
        s.ask("seven")
        expect(said(s.provider.requests[-1])[-1], "seven")


@test
def at_eighty_percent_of_the_window_older_turns_are_summarised_by_themselves():
    def answer(request):
        if is_summary_call(request):
            return text(SUMMARY, usage=(500, 20))
        return text("ok", usage=(700 if len(said(request)) < 5 else 801, 10))

    with stack(answer, agent="window = 1000") as s:
        for n in range(1, 6):
            turn = s.ask(f"message {n}")
            expect("compacted" in turn.kinds(), False, f"turn {n}")
        turn = s.ask("message 6")
        expect(turn.kinds()[:5], ["accepted", "turn-started", "compact-started", "compacted", "model-started"])
        expect([turn.of("compact-started")[0][k] for k in ("why", "from", "until")], ["window", 1, 3])
        words = said(s.provider.requests[-1])
        expect_true(SUMMARY in words[0], words)
        expect(words[1:], ["message 4", "message 5", "message 6"])
        expect(turn.state, "done")
        all_prompts_can_be_made_again(s, range(1, 7))
        restart(s)
        s.ask("message 7")
        expect(said(s.provider.requests[-1])[1:], ["message 4", "message 5", "message 6", "message 7"])


@test
def a_prompt_that_is_too_long_is_asked_once_more_with_a_summary():
    state = {"refuse": 0}

    def answer(request):
        if is_summary_call(request):
            return text(SUMMARY)
        if state["refuse"] > 0:
            state["refuse"] -= 1
            return TOO_LONG
        return text("ok")

    with stack(answer) as s:
        s.ask("one")
        s.ask("two")
        state["refuse"] = 1
        turn = s.ask("three")
        expect((turn.state, turn.answer), ("done", "ok"))
        expect(turn.kinds(), ["accepted", "turn-started", "model-started", "model-done", "compact-started", "compacted",
                              "model-started", "model-done", "answer", "turn-done"])
        expect((turn.of("model-done")[0]["tooLong"], turn.of("compact-started")[0]["why"]), (True, "too long"))
        expect(said(s.provider.requests[-1])[1:], ["three"])
        all_prompts_can_be_made_again(s, (1, 2, 3))
        state["refuse"] = 9
        turn = s.ask("four")
        expect((turn.state, turn.kinds().count("compacted"), turn.kinds().count("model-done")), ("failed", 1, 2))
        expect_true("/compact" in turn.reason, turn.reason)
        state["refuse"] = 0
        expect(s.ask("five").state, "done")


@test
def a_first_message_that_is_too_long_fails_at_once():
    with stack([TOO_LONG]) as s:
        turn = s.ask("x" * 1000)
        expect((turn.state, "compact-started" in turn.kinds()), ("failed", False))


@test
def a_compaction_cut_off_by_a_kill_is_made_again_and_in_force_once():
    gate = threading.Event()

    def answer(request):
        return text(SUMMARY, wait=None if gate.is_set() else gate) if is_summary_call(request) else text("ok")

    with stack(answer) as s:
        s.ask("one")
        s.ask("two")
        turn = Turn(s.call("Compact", thread=None, key="k"))
        asked(s, 3)
        s.agentd.kill()
        expect([r.kind for r in s.journal().records if r.kind.startswith("compact")], ["compact-started"])
        gate.set()
        s.agentd.start()
        s.follow(turn)
        expect(turn.state, "done")
        expect([(r.kind, r.data.get("attempt")) for r in s.journal().records if r.kind.startswith("compact")],
               [("compact-started", 1), ("compact-started", 2), ("compacted", None)])
        expect(s.call("Compact", thread=None, key="k")["turn"], turn.id)
        s.ask("three")
        expect(len(said(s.provider.requests[-1])), 2)
        found = s.ask("/recall", tool="memory_tree", arguments={"path": "conversations", "depth": 1})
        expect([found.answer.count(f"turn-{n}.md") for n in (1, 2, 3)], [1, 1, 0])


@test
def a_compaction_that_fails_or_is_interrupted_changes_nothing():
    gate = threading.Event()
    def answer(request):
        if is_summary_call(request):
            return text(" ") if not gate.is_set() else text(SUMMARY, first_delay=5)
        return text("ok")

    with stack(answer) as s:
        s.ask("one")
        s.ask("two")
        turn = compact(s)
        expect((turn.state, turn.reason, turn.of("compacted")[0]["ok"]), ("failed", "the model gave no summary", False))
        gate.set()
        turn = Turn(s.call("Compact", thread=None, key="i"))
        asked(s, 4)
        s.call("Interrupt", thread=None)
        expect(s.follow(turn).state, "interrupted")
        restart(s)
        s.ask("three")
        expect(said(s.provider.requests[-1]), ["one", "two", "three"])


@test
def a_summary_is_data_with_the_labels_of_what_it_was_made_of():
    def answer(request):
        last = said(request)[-1]
        if is_summary_call(request):
            return text("a secret plan [turn 1]")
        if messages(request)[-1]["role"] == "tool":
            return text("read")
        return calls(("memory_read", {"path": "mail.md"})) if last == "read it" else calls(("memory_write", {"content": "x", "target": "n.md"}))

    with stack(answer) as s:
        with Client(s.clawfsd.socket("fs"), uid=0) as fs:
            write(fs, "mail.md", "hello", labels=["mail"])
        s.ask("read it")
        turn = compact(s)
        expect(turn.of("compacted")[0]["labels"], ["mail"])
        with Client(s.clawfsd.socket("fs"), uid=0) as fs:
            document = fs.call("io.clawos.Fs.History", {"path": "conversations/turn-1.md"})["versions"][0]
            expect((document["labels"], document["author"]), (["mail"], "tool:turn-1"))
        restart(s)
        expect(s.ask("write it").of("tool-started")[0]["seenLabels"], ["mail"])


run()
