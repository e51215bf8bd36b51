#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The clock is set a day forwards or back, while daemons run and between two starts.

Environment: CLAWOS_BIN (folder with the built daemons), CLAWOS_BUILD (with tests/libclock-step.so). Needs root.
"""
import contextlib
import os
import shutil
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from provider import Provider, calls, text  # noqa: E402
from stack import Stack  # noqa: E402
from tap import Skip, expect, expect_true, run, test, wait_for  # noqa: E402

DAY = 86400 * 1000 * 1000
ASKS = ("http", {"method": "GET", "url": "https://clock.example/"})


class Clock:
    def __init__(self, path):
        self.path = path
        with open(path, "wb") as file:
            file.write(struct.pack("=q", 0))
        os.chmod(path, 0o644)

    def set(self, microseconds):
        with open(self.path, "r+b") as file:  # in place: it is mapped
            file.write(struct.pack("=q", microseconds))


@contextlib.contextmanager
def stepped(script, otherwise=None, agent=""):
    library = os.path.join(os.environ.get("CLAWOS_BUILD", ""), "tests", "libclock-step.so")
    if not os.path.exists(library):
        raise Skip("CLAWOS_BUILD has no tests/libclock-step.so")
    with Provider(script, otherwise) as provider:
        made = Stack(provider, agent=agent)
        made.provider = provider
        made.clock = Clock(os.path.join(made.root, "step"))
        shutil.copy(library, os.path.join(made.root, "clock-step.so"))
        for daemon in made.daemons():
            daemon.environment.update(LD_PRELOAD=os.path.join(made.root, "clock-step.so"), CLAW_CLOCK_STEP=made.clock.path)
        with made:
            yield made


def times(s):
    return [record.time_us for record in s.journal().records]


@test
def turns_go_on_and_the_journal_keeps_its_order():
    with stepped([], text("fine")) as s:
        for step in (0, DAY, -DAY, 0):
            s.clock.set(step)
            expect(s.ask(f"at {step}").answer, "fine")
        late, early = max(times(s)), min(times(s))
        expect_true(late - early > 1.9 * DAY, "the clock was not set")
        s.agentd.kill()
        s.agentd.start()
        expect(s.ask("after a restart").answer, "fine")
        history = s.call("History", thread="main", limit=10)["turns"]
        expect(sorted(turn["text"] for turn in history), sorted(["at 0", f"at {DAY}", f"at {-DAY}", "at 0", "after a restart"]))
        expect([turn["turn"] for turn in history], sorted(turn["turn"] for turn in history))


@test
def a_question_waits_as_long_as_it_was_to_wait():
    for step in (-DAY, DAY):
        with stepped([calls(ASKS), text("well")], agent="question_timeout = 3") as s:
            turn = s.submit("ask me")
            wait_for(lambda: any(r.kind == "question" for r in s.journal().records), "a question")
            asked = time.monotonic()
            s.clock.set(step)
            s.follow(turn)
            waited = time.monotonic() - asked
            expect((turn.state, turn.of("decision")[0]["by"]), ("done", "timeout"))
            expect_true(2 < waited < 10, f"it waited {waited:.1f} s of 3, the clock set by {step // 3600000000} h")


@test
def a_question_over_a_restart_waits_no_longer_than_it_was_to():
    with stepped([calls(ASKS), text("well")], agent="question_timeout = 3") as s:
        turn = s.submit("ask me")
        wait_for(lambda: any(r.kind == "question" for r in s.journal().records), "a question")
        s.agentd.kill()
        s.clock.set(-DAY)
        s.agentd.start()
        started = time.monotonic()
        s.follow(turn)
        expect(turn.of("decision")[0]["by"], "timeout")
        expect_true(time.monotonic() - started < 10, "it waited for the day that was set back")


@test
def a_message_of_tomorrow_is_not_lost_and_not_repeated():
    with stepped([], text("fine")) as s:
        s.clock.set(DAY)
        first = s.submit("once", key="the same")
        s.follow(first)
        s.clock.set(-DAY)
        s.agentd.stop()
        s.agentd.start()
        expect(s.submit("once", key="the same").id, first.id)
        expect(len(s.provider.requests), 1)


if __name__ == "__main__":
    run()
