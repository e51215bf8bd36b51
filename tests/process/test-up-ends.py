#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""How daemons end under the supervisor: hung in mid-work, idle, again and again, and in order.

The watchdog's limit is 20 s, so the tests that wait for it run side by side, each with a system of its own.

Environment: CLAWOS_BIN, CLAWOS_BASE, CLAWOS_SHARE. Needs root.
"""
import contextlib
import functools
import os
import select
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from provider import Provider, text  # noqa: E402
from system import System, proc_status  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402

WATCHDOG_S = 20  # src/base/service.c
DISARMED_S = 6  # an idle daemon's watchdog is off this long after its last piece of work
BACKOFF_MS = [0, 0, 0, 50, 100, 200, 400, 800]  # docs/architecture/processes.md
BESIDE = []


def beside(function):
    """A test that runs while the others do."""
    failure = []

    def act():
        try:
            function()
        except BaseException as error:  # told by the test itself, below
            failure.append(error)

    thread = threading.Thread(target=act, daemon=True)
    BESIDE.append((function.__name__, thread))

    @test
    @functools.wraps(function)
    def joined():
        thread.join()
        if failure:
            raise failure[0]


def start_beside():
    for name, thread in BESIDE:
        if not sys.argv[1:] or any(wanted in name for wanted in sys.argv[1:]):
            thread.start()


@contextlib.contextmanager
def system(answer=None):
    with Provider((), otherwise=answer or text("pong")) as provider, System(provider) as made:
        yield made


def row(s, name):
    return [daemon for daemon in s.status()["daemons"] if daemon["name"] == name][0]


def ended(pidfds, seconds):
    """The names of those that end within this time, as soon as one does."""
    ready = select.select(list(pidfds.values()), [], [], seconds)[0]
    return [name for name, fd in pidfds.items() if fd in ready]


@beside
def a_daemon_that_hangs_with_work_outstanding_is_killed_and_the_turn_is_answered():
    asked, gate = threading.Event(), threading.Event()

    def answer(_):
        asked.set()
        gate.wait(60)
        return text("answered")

    with Provider(answer) as provider, System(provider) as s:
        turn = s.submit("hang in the middle of it")
        expect_true(asked.wait(20), "the model is asked")
        old, begun = s.pid("claw-agentd"), time.monotonic()
        pidfd = os.pidfd_open(old)
        os.kill(old, signal.SIGSTOP)
        gate.set()
        expect(ended({"claw-agentd": pidfd}, WATCHDOG_S + 10), ["claw-agentd"], "nobody killed it")
        expect_true(time.monotonic() - begun > WATCHDOG_S / 2, "it was given time")
        os.close(pidfd)
        expect(s.await_turn(turn["turn"])["answer"], "answered")
        daemon = row(s, "claw-agentd")
        expect((daemon["restarts"], daemon["pid"] != old, daemon["reason"].startswith("killed by signal 9")), (1, True, True), str(daemon))


@beside
def an_idle_daemon_is_left_alone_however_silent_it_is():
    with system() as s:
        s.ask("ping")
        threading.Event().wait(DISARMED_S)
        pids = s.pids()
        pidfds = {name: os.pidfd_open(pid) for name, pid in pids.items()}
        for pid in pids.values():
            os.kill(pid, signal.SIGSTOP)
        expect(ended(pidfds, WATCHDOG_S + 2), [])
        for pid in pids.values():
            os.kill(pid, signal.SIGCONT)
        expect(s.ask("ping")["answer"], "pong")
        expect(s.pids(), pids)


@beside
def a_daemon_that_ends_again_and_again_is_started_after_longer_and_longer_pauses():
    with system() as s:
        took, seen = [], set()
        for _ in BACKOFF_MS:
            pid = s.wait_running("clawfsd")
            os.kill(pid, signal.SIGKILL)
            begun = time.monotonic()
            while (daemon := row(s, "clawfsd"))["pid"] in (0, pid):
                seen.add(daemon["state"])
            took.append((time.monotonic() - begun) * 1000)
        for number, (waited, least) in enumerate(zip(took, BACKOFF_MS), 1):
            expect_true(waited >= least, f"after end {number}: {waited:.0f} ms, wanted at least {least}: {took}")
        expect_true(min(took[:3]) < BACKOFF_MS[-1] and "backing-off" in seen, f"{took} {seen}")
        expect(row(s, "clawfsd")["restarts"], len(BACKOFF_MS))


def is_told_to_end(pid):
    status = proc_status(pid)
    pending = int(status["SigPnd"], 16) | int(status["ShdPnd"], 16)
    return bool(pending >> (signal.SIGTERM - 1) & 1)


@beside
def daemons_are_stopped_in_reverse_order_each_when_the_one_before_has_ended():
    with system() as s:
        order = [daemon["name"] for daemon in s.status()["daemons"]]
        expect(order, ["claw-sandboxd", "clawfsd", "claw-egressd", "claw-agentd"])
        pids = {name: s.wait_running(name) for name in order}
        pidfds = {name: os.pidfd_open(pid) for name, pid in pids.items()}
        for pid in pids.values():  # a stopped process does not end by SIGTERM: it is seen waiting
            os.kill(pid, signal.SIGSTOP)
        stop = subprocess.Popen([os.path.join(s.env["CLAWOS_BIN"], "claw"), "stop"], env=s.env, stdout=subprocess.DEVNULL)
        while order:
            name = order.pop()
            while not is_told_to_end(pids[name]):
                expect_true(stop.poll() is None, f"{name} was not told")
            expect([other for other in order if is_told_to_end(pids[other])], [], f"told before {name} has ended")
            expect(ended(pidfds, 0.1), [], f"ended before {name}")
            expect(stop.poll(), None, "nobody says stopped before all have ended")
            os.kill(pids[name], signal.SIGCONT)
            expect(ended(pidfds, 20), [name])
            os.close(pidfds.pop(name))
        expect(stop.wait(20), 0)


start_beside()
run()
