#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Whatever a provider does (tests/harness/ways.py), a turn ends in an answer or in an error that says what was wrong, within
its limit and with little memory, and the thread goes on.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root. An argument chooses the ways that have it in their name.
"""
import concurrent.futures
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from badserver import WORDS, BadServer  # noqa: E402
from stack import Stack  # noqa: E402
from system import pss_kib  # noqa: E402
from tap import TESTS, expect, expect_true, run, test  # noqa: E402
from ways import WAYS  # noqa: E402

LIMITS = "connect_timeout = 1\nfirst_byte_timeout = 2\nidle_timeout = 2\ntotal_timeout = 5\nretries = 1\nretry_wait = 20\n"
LIMIT_S = 5 + 5  # the whole call's, and what a busy machine needs
AT_ONCE = 6
REST_S = 0.2
KEPT_MIB = 12  # four conversations that are kept, and what is not given back
FREE = "[budget]\nprice = 0,0\n"  # what breaks off costs what it may have cost: a day's money is soon gone
HEAVY = ("MB", "bomb", "brackets", "for ever", "without end")  # alone, with a look at the memory
PEAK_MIB = {"claw-egressd": 16, "claw-agentd": 96}  # more than before, at most


class Peak:
    """The most memory a process has had since."""

    def __init__(self, daemon):
        self.daemon = daemon
        with open(f"/proc/{daemon.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
        self.before = self.read()

    def read(self):
        with open(f"/proc/{self.daemon.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))

    def check(self):
        more = (self.read() - self.before) / 1024
        expect_true(more < PEAK_MIB[self.daemon.name], f"{self.daemon.name} took {more:.0f} MiB more")
        return f"{self.daemon.name} +{more:.1f} MiB"


class Combination:
    """One protocol in one form: a stack before a server with all the ways, run once."""

    def __init__(self, protocol, form):
        self.protocol, self.form = protocol, form
        self.ways = {name: way for name, way in WAYS.items() if way.is_for(protocol, form)}
        self.results = None
        self.chosen = []

    def result(self, name):
        if self.results is None:
            self.results = self.run_all()
        failure, note = self.results[name]
        if note:
            print(f"# {note}", flush=True)
        if failure:
            raise failure

    def run_all(self):
        results = {}
        keys = LIMITS + f"stream = {'yes' if self.form == 'stream' else 'no'}"
        with BadServer(self.ways) as self.server, Stack(
                self.server, backend="anthropic" if self.protocol == "anthropic" else "openai_compatible", provider_keys=keys,
                egress=FREE) as self.stack:
            daemons = (self.stack.egressd, self.stack.agentd)
            before = [pss_kib(daemon.pid) for daemon in daemons]
            heavy = [name for name in self.chosen if self.ways[name].alone or any(word in name for word in HEAVY)]
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                light = [name for name in self.chosen if name not in heavy]
                results.update(zip(light, pool.map(self.judge, light)))
            results.update((name, self.judge_alone(name)) for name in heavy)
            self.kept = [(daemon.name, (pss_kib(daemon.pid) - had) / 1024) for daemon, had in zip(daemons, before)]
        return results

    def keeps(self):
        """What is left of all this when it is over."""
        self.result(self.chosen[0])
        print("# " + ", ".join(f"{name} +{more:.1f} MiB" for name, more in self.kept), flush=True)
        for name, more in self.kept:
            expect_true(more < KEPT_MIB, f"{name} has {more:.1f} MiB more than before")

    def judge_alone(self, name):
        peaks = [Peak(self.stack.egressd), Peak(self.stack.agentd)]
        failure, note = self.judge(name)
        try:
            note = f"{note}: {', '.join(peak.check() for peak in peaks)}"
        except AssertionError as more:
            failure = failure or more
        return failure, note

    def judge(self, name):
        """(what is wrong or None, a note)"""
        begun = time.monotonic()
        try:
            turn = self.stack.ask(f"how are you? way={name};", thread=name.replace(" ", "-").replace(",", "").replace(":", "")[:60])
            took = time.monotonic() - begun
            self.check(name, turn)
            expect_true(took < LIMIT_S, f"it took {took:.1f} s")
            if self.ways[name].alone:
                time.sleep(REST_S)
            after = self.stack.ask("and now? way=well;", thread=turn.thread)
            expect((after.state, after.answer), ("done", WORDS), "the thread goes on")
            return None, f"{took:.2f} s, {turn.state}: {turn.reason or turn.answer!r}"
        except Exception as failure:  # each is a failure of this way
            return failure, f"{time.monotonic() - begun:.2f} s"

    def check(self, name, turn):
        way = self.ways[name]
        state, words = way.ends
        if state:
            expect(turn.state, state, turn.reason or turn.answer)
        if turn.state == "done":
            if state:
                expect(turn.answer, words[0])
        else:
            expect(turn.state, "failed")
            expect_true(turn.reason and len(turn.reason) > 20, f"a reason: {turn.reason!r}")
            for word in words:
                expect_true(word in turn.reason, f"{word!r} in {turn.reason!r}")
        if way.tools:
            expect(len(turn.of("tool-done")), way.tools, "tools that were run")
        if way.requests:
            expect(self.server.counts[name], way.requests, "requests")


@test
def an_answer_that_has_said_its_end_does_not_wait_for_the_connection_to_end():
    for backend in ("openai_compatible", "anthropic"):
        with BadServer(WAYS) as server, Stack(server, backend=backend, provider_keys="idle_timeout = 60") as s:
            begun = time.monotonic()
            turn = s.ask("how are you? way=silence behind the whole answer;")
            took = time.monotonic() - begun
            expect((turn.state, turn.answer), ("done", WORDS), turn.reason or "")
            expect_true(took < 30, f"it took {took:.1f} s")
            expect(s.ask("and now? way=well;").answer, WORDS)


def named(function, name):
    function.__name__ = name
    return function


def make(combination, name):
    return named(lambda: combination.result(name), f"{combination.protocol} {combination.form} {name}")


def main():
    wanted = sys.argv[1:]
    for protocol in ("openai", "anthropic"):
        for form in ("stream", "whole"):
            combination = Combination(protocol, form)
            for name in combination.ways:
                judge = make(combination, name)
                if not wanted or any(word in judge.__name__ for word in wanted):
                    combination.chosen.append(name)
                    TESTS.append(judge)
            if combination.chosen:
                kept = combination.keeps
                TESTS.append(named(lambda kept=kept: kept(), f"{protocol} {form}: when all is over no memory is kept"))
    run()


if __name__ == "__main__":
    main()
