#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""More than anybody should ask for: ten thousand messages, a thousand threads at once, clients that never read, a line of 100 MB.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root, outside a chroot.
"""
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from provider import calls, text  # noqa: E402
from stack import AGENT, stack  # noqa: E402
from system import pss_kib  # noqa: E402
from tap import expect, expect_true, run, test, wait_for  # noqa: E402
from varlink import Client, VarlinkError  # noqa: E402

MESSAGES, THREADS, LINKS = 10_000, 1_000, 16


def submit_all(s, n, thread_of):
    """From several connections at once, so that one sync serves many; the reasons of what was refused."""
    refused, lock = [], threading.Lock()

    def some(first):
        with s.link() as link:
            for number in range(first, n, LINKS):
                try:
                    s.submit(f"message {number}", link=link, thread=thread_of(number), key=f"key {number}")
                except VarlinkError as error:
                    with lock:
                        refused.append((error.name, error.parameters))

    workers = [threading.Thread(target=some, args=(first,)) for first in range(LINKS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return refused


def turns_of(s):
    return s.status()["turns"]


@test
def ten_thousand_messages_wait_and_none_is_lost_by_a_kill():
    gate = threading.Event()
    with stack([], text("late", wait=gate), agent="queue_max = 1000\nturns_max = 20000\nexchanges_max = 4") as s:
        before = pss_kib(s.agentd.pid)
        expect(submit_all(s, MESSAGES, lambda number: f"thread {number % 100}"), [])
        expect(turns_of(s), MESSAGES)
        grown = pss_kib(s.agentd.pid) - before
        print(f"# {MESSAGES} messages that wait cost {grown / MESSAGES * 1024:.0f} bytes each")
        expect_true(grown < 128 * 1024, f"{grown} KiB more")
        s.agentd.kill()
        s.agentd.start()
        expect(turns_of(s), MESSAGES)
        accepted = [r.data["key"] for r in s.journal().records if r.kind == "accepted"]
        expect((len(accepted), len(set(accepted))), (MESSAGES, MESSAGES))
        gate.set()


@test
def what_is_too_much_is_refused_with_the_limits_name_and_the_rest_is_answered():
    with stack([], text("fine"), agent="queue_max = 8\nturns_max = 64") as s:
        refused = submit_all(s, 400, lambda number: f"thread {number % 3}")
        expect_true({name for name, _ in refused} <= {AGENT + "QuotaExceeded"}, refused[:3])
        expect_true({parameters["limit"] for _, parameters in refused} <= {"agent.queue_max", "agent.turns_max"}, refused[:3])
        wait_for(lambda: s.status()["running"] == 0, "an end of the turns", 60)
        records = s.journal().records
        done = [r for r in records if r.kind == "turn-done" and r.data["state"] == "done"]
        expect(len(done), 400 - len(refused))


@test
def a_thousand_threads_at_once_are_each_answered_once():
    with stack([], text("fine")) as s:
        expect(s.ask("warm up").answer, "fine")
        before = pss_kib(s.agentd.pid)
        expect(submit_all(s, THREADS, lambda number: f"thread {number}"), [])
        wait_for(lambda: s.status()["running"] == 0, "an end of the turns", 100)
        grown = pss_kib(s.agentd.pid) - before
        print(f"# {THREADS} threads at once: {grown / 1024:.1f} MiB more PSS of claw-agentd")
        done = [r for r in s.journal().records if r.kind == "turn-done"]
        expect((len(done), {r.data["state"] for r in done}), (THREADS + 1, {"done"}))
        expect(len(s.provider.requests), THREADS + 1)
        expect_true(grown < 24 * 1024, f"{grown} KiB more")


@test
def clients_that_never_read_hold_nobody_up():
    with stack([], text("fine")) as s:
        for name, daemon, method in (("agent", s.agentd, AGENT + "Tools"), ("egress", s.egressd, "io.clawos.Egress.Status"),
                                     ("fs", s.clawfsd, "io.clawos.Fs.Status")):
            before = pss_kib(daemon.pid)
            call = b'{"method":"' + method.encode() + b'"}\0'
            links = [Client(daemon.socket(name), uid=0) for _ in range(4)]
            for link in links:
                link.sock.setblocking(False)
                for _ in range(20_000):
                    try:
                        link.sock.send(call)
                    except OSError:  # it takes no more, or has closed
                        break
            began = time.monotonic()
            with Client(daemon.socket(name), uid=0) as other:
                other.call("org.varlink.service.GetInfo", {})
            expect_true(time.monotonic() - began < 5, f"{name}: another client waits")
            grown = pss_kib(daemon.pid) - before
            expect_true(grown < 96 * 1024, f"{name}: {grown} KiB more")
            for link in links:
                link.close()
        expect(s.ask("still there?").answer, "fine")


@test
def a_line_of_100_megabytes_is_bounded():
    script = [calls(("shell", {"command": "head -c 100000000 /dev/zero | tr '\\0' x"})), text("done")]
    with stack(script, cages=True) as s:
        before = pss_kib(s.agentd.pid)
        turn = s.ask("print much")
        expect((turn.state, turn.answer), ("done", "done"))
        done = turn.of("tool-done")[0]
        expect_true(done["ok"] and len(done["content"]) < 64 * 1024, f"{len(done['content'])} bytes are shown")
        expect(done["stdoutBytes"], 100_000_000)
        expect_true(re.match(r"x+\n\[", done["content"]) is not None, done["content"][:80])
        grown = pss_kib(s.agentd.pid) - before
        expect_true(grown < 48 * 1024, f"{grown} KiB more")


if __name__ == "__main__":
    run()
