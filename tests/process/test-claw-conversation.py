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


run(Fixture)
