# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The commands of the shipped claw that change how a conversation goes on, on a terminal before scripted daemons."""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

import claw  # noqa: E402
from claw import CLAW  # noqa: E402
from peers import DONE, Error, Peers  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402
from terminal import Terminal  # noqa: E402

PROMPT = "❯ "


class Fixture(claw.Fixture):
    def __enter__(self):
        super().__enter__()
        self.peers.replies["io.clawos.Agent.History"] = lambda _: {"turns": []}
        return self

    def terminal(self, *arguments, **options):
        return Terminal([CLAW, "--state", self.state, *arguments], **options)

    def called(self, method):
        return [parameters for name, parameters, _ in self.peers.calls if name == method]


@test
def steer_reaches_the_turn_that_runs_and_is_shown(f):
    steered = threading.Event()

    def steer(parameters):
        with f.peers.lock:
            seq = f.peers.add("steer", {"text": parameters["text"], "key": parameters["key"]}, turn=f.peers.turn)
        steered.set()
        return {"turn": f.peers.turn, "seq": seq}

    f.peers.replies["io.clawos.Agent.Steer"] = steer
    f.peers.script = lambda _: [("model-started", {"call": 1}), ("text", {"call": 1, "offset": 0, "text": "working "}),
                                lambda _: steered.wait(20), ("answer", {"text": "working hard "}), DONE]
    with f.terminal() as t:
        t.expect(PROMPT).type("go\n").expect("working").type("/steer to the left\n").expect("for its next step: to the left")
        t.expect(PROMPT).type("\x04")
        expect(t.end(), 0)
    expect([(c["thread"], c["text"]) for c in f.called("Steer")], [("main", "to the left")])
    expect(len(f.called("Submit")), 1)


@test
def steer_without_a_turn_is_a_message_and_says_so(f):
    f.peers.replies["io.clawos.Agent.Steer"] = Error("io.clawos.Agent.NotNow", reason="no turn is running in this thread")
    f.peers.script = lambda _: [("answer", {"text": "well"}), DONE]
    with f.terminal() as t:
        t.expect(PROMPT).type("/steer hello there\n").expect("sent as a message").expect(PROMPT).type("\x04")
        expect(t.end(), 0)
    expect([c["text"] for c in f.called("Submit")], ["hello there"])


@test
def undo_and_redo_say_which_turn_and_what_stays(f):
    def moves(way):
        def move(_):
            with f.peers.lock:
                f.peers.add("head", {"way": way, "turn": 1, "head": 0 if way == "undo" else 1})
            return {"turn": 1, "head": 0}
        return move

    f.peers.replies["io.clawos.Agent.Undo"] = moves("undo")
    f.peers.replies["io.clawos.Agent.Redo"] = moves("redo")
    f.peers.script = lambda _: [("answer", {"text": "well"}), DONE]
    with f.terminal() as t:
        t.expect(PROMPT).type("hi\n").expect("well").expect(PROMPT).type("/undo\n")
        t.expect("turn 1 is undone; what its tools did stays done, /redo brings it back").expect(PROMPT)
        t.type("/redo\n").expect("turn 1 is back").expect(PROMPT)
        f.peers.replies["io.clawos.Agent.Undo"] = Error("io.clawos.Agent.NotNow", reason="there is no turn to undo")
        t.type("/undo\n").expect("there is no turn to undo").expect(PROMPT).type("\x04")
        expect(t.end(), 0)


@test
def retry_shows_the_message_and_its_new_answer(f):
    def retry(parameters):
        return f.peers.submit({"text": "hi", "thread": "main", "key": parameters["key"]})

    answers = iter(("bad", "good"))
    f.peers.replies["io.clawos.Agent.Retry"] = retry
    f.peers.script = lambda _: [("turn-started", {}), ("answer", {"text": next(answers)}), DONE]
    with f.terminal() as t:
        t.expect(PROMPT).type("hi\n").expect("bad").expect(PROMPT).type("/retry\n").expect("hi").expect("good").expect(PROMPT).type("\x04")
        expect(t.end(), 0)
    expect(len(f.called("Retry")), 1)


@test
def branch_goes_to_the_new_thread(f):
    f.peers.replies["io.clawos.Agent.Branch"] = {"thread": {"id": 2, "name": "main-2"}}
    f.peers.replies["io.clawos.Agent.Threads"] = {"threads": [{"id": 2, "name": "main-2", "turns": 0}]}
    with f.terminal() as t:
        t.expect(PROMPT).type("/branch x\n").expect("not the number of a turn").expect(PROMPT)
        t.type("/branch 3\n").expect("thread main-2").expect("main-2 " + PROMPT).type("\x04")
        expect(t.end(), 0)
    expect([(c["thread"], c["turn"]) for c in f.called("Branch")], [("main", 3)])


@test
def compact_shows_what_is_summarised_and_the_summary(f):
    f.peers.replies["io.clawos.Agent.Compact"] = lambda p: f.peers.submit({"text": "/compact", "thread": "main", "key": p["key"]})
    f.peers.script = lambda _: [("turn-started", {"compact": True}), ("compact-started", {"why": "asked", "from": 1, "until": 3}),
                                ("compacted", {"ok": True, "from": 1, "until": 3, "summary": "All about plums."}),
                                ("answer", {"text": "All about plums."}), DONE]
    with f.terminal() as t:
        t.expect(PROMPT).type("/compact\n").expect("turns 1 to 3 are summarised; memory_search finds their words")
        t.expect("All about plums.").expect(PROMPT).type("\x04")
        expect(t.end(), 0)
    expect([c["thread"] for c in f.called("Compact")], ["main"])


@test
def trace_and_history_tell_how_the_conversation_went(f):
    at = 1764000000000000
    f.peers.replies["io.clawos.Agent.Trace"] = {"trace": {
        "turn": 4, "thread": "main", "state": "done", "text": "go", "acceptedUsec": at, "startedUsec": at, "doneUsec": at + 9000, "firstSeq": 9,
        "lastSeq": 20, "modelCalls": [], "toolCalls": [], "questions": [], "steers": [{"seq": 11, "timeUsec": at + 5000, "text": "to the left"}],
        "compactions": [{"seq": 10, "startedUsec": at + 1000, "durationUsec": 2000, "why": "window", "from": 1, "until": 3, "promptTokens": 77,
                         "ok": True, "labels": ["mail"]}]}}
    f.peers.replies["io.clawos.Agent.History"] = {"turns": [
        {"turn": 3, "state": "done", "text": "gone", "answer": "was", "tools": [], "undone": True, "seq": 1},
        {"turn": 4, "state": "done", "text": "go", "answer": "went", "tools": [], "steers": ["to the left"], "from": 1, "until": 2, "seq": 9}]}
    with f.terminal(columns=120) as t:
        t.expect(PROMPT).type("/trace 4\n").expect("turns 1 to 3 summarised").expect("window").expect("tokens 77").expect("in force")
        t.expect("label mail").expect("the person said").expect("to the left").expect(PROMPT)
        t.type("/history\n").expect("3 (undone) > gone").expect("4 > go").expect("> to the left").expect("turns 1 to 2 were summarised").expect("went")
        t.expect(PROMPT).type("\x04")
        expect(t.end(), 0)


run(Fixture)
