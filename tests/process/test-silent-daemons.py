#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A turn ends in an answer or a reason, and an interrupt ends it at once, while another daemon is silent: stopped
(SIGSTOP), or gone for good with its socket still open, in every phase of a turn.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root, outside a chroot.
"""
import os
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from provider import calls, text  # noqa: E402
from stack import Stack  # noqa: E402
from stack import stack as any_stack  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402

DAEMON_TIMEOUT_S = 1
LIMIT_S = DAEMON_TIMEOUT_S + 4  # the machine may be busy
NEXT_MS = 500  # an interrupt takes 10 ms on a quiet machine; a limit that had to run out takes 1,000
SILENT = "no sign of life"


def stack(script=(), otherwise=None, cages=False, timeout=DAEMON_TIMEOUT_S):
    return any_stack(script, otherwise, cages=cages, agent=f"daemon_timeout = {timeout}")


def silence(daemon):
    os.kill(daemon.pid, signal.SIGSTOP)


def wake(daemon):
    os.kill(daemon.pid, signal.SIGCONT)


def timed(act):
    begun = time.monotonic()
    result = act()
    return result, time.monotonic() - begun


def interrupted_at_once(s, turn):
    _, took = timed(lambda: s.call("Interrupt", thread=None))
    expect(s.follow(turn).state, "interrupted")
    expect_true(took * 1000 < NEXT_MS, f"the interrupt took {took * 1000:.0f} ms")
    print(f"# interrupt: {took * 1000:.1f} ms", flush=True)


def wait_for(s, turn, kind):
    for event in s.events(turn.thread, turn.seq - 1, True):
        if event and event["turn"] == turn.id and event["kind"] == kind:
            return


def ends_in_time(s, act, limit=LIMIT_S):
    turn, took = timed(act)
    expect_true(took < limit, f"the turn took {took:.1f} s")
    return turn


# --- clawfsd: before the model is asked, and in a tool

@test
def without_a_word_of_clawfsd_a_turn_fails_with_the_reason_and_the_thread_goes_on():
    with stack(otherwise=text("hello")) as s:
        silence(s.clawfsd)
        turn = ends_in_time(s, lambda: s.ask("hi"))
        expect((turn.state, SILENT in turn.reason, "clawfsd" in turn.reason), ("failed", True, True))
        turn = s.submit("hi again")
        interrupted_at_once(s, turn)
        wake(s.clawfsd)
        expect(s.ask("and now?").answer, "hello")


@test
def a_clawfsd_that_is_not_started_any_more_ends_a_turn_too():
    with stack(otherwise=text("hello")) as s:
        s.clawfsd.kill()
        turn = ends_in_time(s, lambda: s.ask("hi"))
        expect((turn.state, SILENT in turn.reason), ("failed", True))


@test
def a_memory_tool_fails_in_time_and_the_model_is_told_what_is_not_known():
    with stack() as s:

        def script(request):
            if len(s.provider.requests) > 1:
                return text("sorry")
            silence(s.clawfsd)
            return calls(("memory_read", {"path": "MEMORY.md"}), ("memory_write", {"content": "x", "target": "notes/x.md"}))

        s.provider.script = script
        turn = ends_in_time(s, lambda: s.ask("remember"), DAEMON_TIMEOUT_S + LIMIT_S)
        read, write = turn.of("tool-done")
        expect((read["ok"], read.get("unknown"), SILENT in read["content"]), (False, None, True))
        expect((write["ok"], write.get("unknown"), SILENT in write["content"]), (False, True, True))
        expect((turn.state, turn.answer), ("done", "sorry"))


@test
def an_interrupt_ends_a_memory_tool_that_gets_no_answer():
    with stack() as s:
        silence(s.clawfsd)
        turn = s.submit("/recall", tool="memory_search", arguments={"query": "x"})
        wait_for(s, turn, "tool-started")
        interrupted_at_once(s, turn)


# --- claw-egressd: the model call, a request

@test
def a_model_call_ends_when_egressd_never_takes_it():
    with stack(otherwise=text("hello")) as s:
        silence(s.egressd)
        turn = ends_in_time(s, lambda: s.ask("hi"))
        expect((turn.state, SILENT in turn.reason, "claw-egressd" in turn.reason), ("failed", True, True))
        expect([d["error"] for d in turn.of("model-done")], ["TimedOut"])
        turn = s.submit("hi again")
        wait_for(s, turn, "model-started")
        interrupted_at_once(s, turn)
        wake(s.egressd)
        expect(s.ask("and now?").answer, "hello")


@test
def a_model_call_ends_when_egressd_falls_silent_in_the_middle_of_it():
    with stack() as s:

        def script(_):
            silence(s.egressd)
            return text("never read")

        s.provider.script = script
        turn = ends_in_time(s, lambda: s.ask("hi"))
        expect((turn.state, SILENT in turn.reason), ("failed", True))


@test
def a_slow_provider_is_not_a_silent_daemon():
    with stack(lambda _: text("at last", first_delay=7), timeout=3) as s:
        turn = s.ask("hi")
        expect((turn.state, turn.answer), ("done", "at last"))


@test
def a_request_that_egressd_may_have_sent_is_reported_as_unknown():
    with stack() as s:
        silence(s.egressd)
        turn = ends_in_time(s, lambda: s.ask("/http", tool="http", arguments={"url": "https://example.com/"}))
        done = turn.of("tool-done")[0]
        expect((done["ok"], done.get("unknown"), "not known" in done["content"]), (False, True, True))
        turn = s.submit("/http", tool="http", arguments={"url": "https://example.com/"})
        wait_for(s, turn, "tool-started")
        interrupted_at_once(s, turn)


@test
def an_answered_question_does_not_wait_for_a_silent_egressd():
    with stack() as s:

        def allow(event):
            if event["kind"] == "question":
                silence(s.egressd)
                s.call("Answer", question=event["seq"], allow=True)

        turn = ends_in_time(s, lambda: s.ask("/http", allow, tool="http", arguments={"url": "https://example.com/"}))
        expect((turn.state, turn.of("tool-done")[0].get("unknown")), ("failed", True))


@test
def a_call_that_nobody_can_judge_is_not_begun():
    """The rules are claw-egressd's: while it is silent nothing new is done, and the turn ends in time."""
    both = calls(("shell", {"command": "touch begun; sleep 0.5"}), ("shell", {"command": "touch late"}))
    with stack(lambda _: both, cages=True) as s:

        def hush(event):
            if event["kind"] == "tool-started":
                silence(s.egressd)

        turn = ends_in_time(s, lambda: s.ask("go", hush), 2 * LIMIT_S + 2)
        done = turn.of("tool-done")
        expect([(d["ok"], d.get("denied")) for d in done], [(True, None), (False, True)])
        expect_true("claw-egressd, which keeps the rules" in done[1]["content"], done[1]["content"])
        expect(sorted(os.listdir(s.workspace)), ["begun"])


@test
def a_call_being_judged_is_ended_by_an_interrupt():
    both = calls(("shell", {"command": "touch begun; sleep 0.5"}), ("shell", {"command": "touch late"}))
    with stack(lambda _: both, cages=True) as s:

        def hush(event):
            if event["kind"] == "tool-started":
                silence(s.egressd)
            if event["kind"] == "tool-done":
                s.call("Interrupt", thread=None)

        begun = time.monotonic()
        expect(s.ask("go", hush).state, "interrupted")
        expect_true(time.monotonic() - begun < 2, "it did not wait for the judgment")
        expect(sorted(os.listdir(s.workspace)), ["begun"])


@test
def an_open_question_is_ended_by_an_interrupt_while_egressd_is_silent():
    with stack() as s:
        turn = s.submit("/http", tool="http", arguments={"url": "https://example.com/"})
        wait_for(s, turn, "question")
        silence(s.egressd)
        interrupted_at_once(s, turn)


# --- claw-llmd

@test
def a_local_model_that_nobody_starts_ends_the_turn():
    with Stack(agent=f"daemon_timeout = {DAEMON_TIMEOUT_S}") as s:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as llm:  # a supervisor's, whose daemon never comes
            llm.bind(os.path.join(s.root, "run", "llm"))
            os.chmod(os.path.join(s.root, "run", "llm"), 0o666)
            llm.listen(16)
            turn = s.submit("hi")
            wait_for(s, turn, "model-started")
            interrupted_at_once(s, turn)
            turn = ends_in_time(s, lambda: s.ask("hi"), 4 * DAEMON_TIMEOUT_S + 4)
            expect((turn.state, SILENT in turn.reason, "claw-llmd" in turn.reason), ("failed", True, True))


# --- claw-sandboxd

def two_calls(_request, answered=()):
    return calls(("shell", {"command": "echo 1 >> log"})) if len(answered) < 2 else text("no cages today")


@test
def without_claw_sandboxd_tool_calls_fail_in_time_and_the_turn_is_answered():
    for end in ("stopped", "gone"):
        with stack(cages=True) as s:
            s.provider.script = lambda _, s=s: two_calls(_, s.provider.requests[1:])
            if end == "stopped":
                silence(s.sandboxd)
            else:
                s.sandboxd.kill()
            # the second call does not wait as long as the first
            turn = ends_in_time(s, lambda s=s: s.ask("go"), LIMIT_S + 2.5)
            expect([(d["ok"], d.get("unknown"), "nothing was done" in d["content"]) for d in turn.of("tool-done")],
                   [(False, None, True)] * 2)
            expect((turn.state, turn.answer), ("done", "no cages today"))
            expect(os.listdir(s.workspace), [])
            if end == "stopped":
                wake(s.sandboxd)
            else:
                s.sandboxd.start()
            expect(s.ask("/run", tool="shell", arguments={"command": "echo 2 >> log"}).state, "done")
            with open(os.path.join(s.workspace, "log"), encoding="utf-8") as file:
                expect(file.read(), "2\n")  # what was given up has not happened behind everybody's back


def silenced_behind(s, command):
    """The turn of a command that has begun when claw-sandboxd falls silent."""
    turn = s.submit("/run", tool="shell", arguments={"command": command})
    while not os.path.exists(os.path.join(s.workspace, "begun")):
        time.sleep(0.005)
    silence(s.sandboxd)
    return turn


@test
def what_a_tool_said_counts_although_claw_sandboxd_has_fallen_silent():
    with stack(cages=True) as s:
        turn = silenced_behind(s, "touch begun; sleep 0.5; echo done")
        turn = ends_in_time(s, lambda: s.follow(turn), LIMIT_S + 0.5)
        done = turn.of("tool-done")[0]
        expect((done["ok"], done["content"]), (True, "done\n"))


@test
def an_interrupt_does_not_wait_for_a_silent_claw_sandboxd():
    with stack(cages=True) as s:
        turn = silenced_behind(s, "touch begun; sleep 60")
        interrupted_at_once(s, turn)
        expect(turn.of("tool-done")[0].get("unknown"), True)
        waiting = s.submit("/run", tool="shell", arguments={"command": "touch late"})
        wait_for(s, waiting, "tool-started")
        interrupted_at_once(s, waiting)
        wake(s.sandboxd)
        expect(s.ask("/run", tool="shell", arguments={"command": "ls"}).of("tool-done")[0]["content"], "begun\n")


@test
def any_number_of_threads_end_side_by_side():
    with stack(otherwise=text("hello")) as s:
        silence(s.clawfsd)
        begun = time.monotonic()
        turns = [s.submit("hi", thread=f"t{n}") for n in range(20)]
        followers = [threading.Thread(target=s.follow, args=(turn,)) for turn in turns]
        for follower in followers:
            follower.start()
        for follower in followers:
            follower.join()
        expect([turn.state for turn in turns], ["failed"] * 20)
        expect_true(time.monotonic() - begun < LIMIT_S + 2, "they waited at the same time")
        wake(s.clawfsd)
        expect(s.ask("and now?").answer, "hello")


if __name__ == "__main__":
    run()
