#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""kill -9 of claw-agentd and of the daemons around it: what is lost, what is done again, what is asked about.

The enumeration of every crash point is test-crash-points.py; here each rule is shown once.
Environment: CLAWOS_BIN. Needs root, outside a chroot.
"""
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from broker import origin  # noqa: E402
from damage import flip  # noqa: E402
from journal import Damaged, Journal  # noqa: E402
from provider import Answer, Provider, calls, text  # noqa: E402
from stack import Stack, stack  # noqa: E402
from strace import Strace  # noqa: E402
from system import proc_status  # noqa: E402
from tap import expect, expect_true, run, test, wait_for  # noqa: E402
from varlink import Client, Gone  # noqa: E402

FS = "io.clawos.Fs."
UNKNOWN = "It is not known whether this call took effect"


def restart(s):
    s.agentd.kill()
    s.agentd.start()


def path(s, name):
    return os.path.join(s.workspace, name)


def lines(s, name):
    try:
        with open(path(s, name), encoding="utf-8") as file:
            return len(file.readlines())
    except FileNotFoundError:
        return 0


def kill_in_command(s, text_="go", **options):
    """A turn whose shell command has begun; agentd is killed in the middle of it and started again."""
    turn = s.submit(text_, **options)
    wait_for(lambda: lines(s, "log") == 1, "the command has begun")
    restart(s)
    return turn


COMMAND = {"command": "echo ran >> log; sleep 30"}


@test
def an_accepted_message_survives_and_is_answered():
    gate = threading.Event()
    with stack(otherwise=text("here", wait=gate)) as s:
        turns = [s.submit(f"m{n}", thread=f"t{n % 2}") for n in range(4)]
        restart(s)
        gate.set()
        expect([s.follow(t).answer for t in turns], ["here"] * 4)
        expect([len([k for k in t.kinds() if k == "answer"]) for t in turns], [1] * 4)


def durable_steps(text_):
    """The order in which the journal was written and synced and things were said: "write", "sync", or what was sent.

    Calls on other files are left out; a write stands with its bytes, so that a record can be looked for in it.
    """
    for line in text_.splitlines():
        call, _, rest = line.split(maxsplit=1)[1].partition("(")
        is_journal = ".journal>" in rest[:400]
        if call == "write" and is_journal:
            yield "write", rest
        elif call == "fdatasync" and is_journal and rest.rstrip().endswith("= 0"):
            yield "sync", ""
        elif call in ("sendto", "sendmsg"):
            yield "send", rest


# What begins an effect, and the tool whose intent must be on the disk by then. Only an intent and an outcome say "tool".
BEGINNINGS = {"SCM_RIGHTS": "shell", "io.clawos.Fs.Write": "memory_write", "io.clawos.Egress.Fetch": "http"}


def begun_by(sent):
    """The tool whose effect begins with this message; None when it is no such message."""
    if "io.clawos" in sent:
        return next((tool for sign, tool in BEGINNINGS.items() if sign in sent and sign != "SCM_RIGHTS"), None)
    return BEGINNINGS["SCM_RIGHTS"] if "SCM_RIGHTS" in sent else None  # a launch record


@test
def nothing_is_said_or_begun_before_its_record_is_synced():
    effects = calls(("shell", {"command": "true"}), ("memory_write", {"content": "x", "target": "notes/x.md"}))
    with Provider() as provider:
        provider.script = [effects, calls(("http", {"url": origin(provider) + "/x"})), Answer(b"page"), text("done")]
        with Stack(provider, cages=True, egress=f"allow = {origin(provider)}") as s:
            with Strace(s.agentd.pid, "write,fdatasync,sendto,sendmsg", "-y", "-s", "100000") as trace:
                turn = s.ask("go")
        expect([(d["tool"], d["ok"]) for d in turn.of("tool-done")], [("shell", True), ("memory_write", True), ("http", True)])
    written, synced = "", ""
    told = {"accepted": 0, "shell": 0, "memory_write": 0, "http": 0}
    for kind, what in durable_steps(trace.text):
        if kind == "write":
            written += what
        elif kind == "sync":
            synced, written = synced + written, ""
        else:
            expect_true(not written, f"said between a write and its sync: {what[:200]}")
            if '\\"seq\\":' in what and not told["accepted"]:
                told["accepted"] += 1
                expect_true('\\"key\\"' in synced, "the message is synced before it is accepted")
            if tool := begun_by(what):
                told[tool] += 1
                expect_true(f'\\"tool\\":\\"{tool}\\"' in synced, f"the intent of {tool} is synced before it is asked for")
    expect(told, {"accepted": 1, "shell": 1, "memory_write": 1, "http": 1}, trace.text[-3000:])
    expect_true('\\"timeout_ms\\":120000' in trace.text, "a command that asks for no time limit has 120 s")


@test
def agentd_has_one_thread():
    with stack([calls(("shell", {"command": "true"}), ("time", {"operation": "now"})), text("done")], cages=True) as s:
        expect(s.ask("go").state, "done")
        expect(proc_status(s.agentd.pid)["Threads"], "1")


@test
def a_model_call_that_was_cut_off_is_made_again_once():
    gate = threading.Event()
    with stack([text("late", wait=gate), text("again")]) as s:
        turn = s.submit("hi")
        wait_for(lambda: s.provider.requests, "the model is asked")
        restart(s)
        s.follow(turn)
        expect(turn.answer, "again")
        expect([d["attempt"] for d in turn.of("model-started")], [1, 2])
        expect(s.provider.requests[0].body, s.provider.requests[1].body)
        gate.set()


@test
def a_model_call_that_is_cut_off_twice_becomes_a_reason():
    gate = threading.Event()
    with stack(otherwise=text("never", wait=gate)) as s:
        turn = s.submit("hi")
        for n in (1, 2):
            wait_for(lambda: len(s.provider.requests) == n, "the model is asked")
            restart(s)
        s.follow(turn)
        expect((turn.state, len(s.provider.requests)), ("failed", 2))
        expect_true("twice" in turn.reason, turn.reason)
        gate.set()


@test
def answers_that_are_in_the_journal_are_not_asked_for_again():
    with stack([calls(("echo", {"message": "1"})), calls(("http", {"url": "https://example.com/"})), text("end")]) as s:
        turn = s.submit("go")
        wait_for(lambda: any(r.kind == "question" for r in s.journal().records), "the question is there")
        restart(s)
        question = [r for r in s.journal().records if r.kind == "question"][0]
        s.call("Answer", question=question.sequence, allow=False)
        s.follow(turn)
        expect((turn.answer, len(s.provider.requests)), ("end", 3))
        expect(len(turn.of("question")), 1)


@test
def a_read_that_was_cut_off_is_done_again():
    with stack([calls(("grep", {"pattern": "x"})), text("end")], cages=True) as s:
        for n in range(20):
            with open(path(s, f"f{n}"), "w", encoding="utf-8") as file:
                file.write("y\n" * 200_000 + "x\n")
        turn = s.submit("go")
        wait_for(lambda: any(r.kind == "tool-started" for r in s.journal().records), "the tool is started")
        restart(s)
        s.follow(turn)
        expect(turn.answer, "end")
        done = turn.of("tool-done")
        expect((len(done), done[0]["ok"]), (1, True))
        expect_true(len(turn.of("tool-started")) <= 2, "at most once more")


@test
def a_command_that_was_cut_off_is_asked_about_and_repeated_on_a_yes():
    with stack([calls(("shell", COMMAND)), text("end")], cages=True) as s:
        turn = kill_in_command(s)
        seen = []

        def answer(event):
            if event["kind"] == "question":
                seen.append(event["data"])
                s.call("Answer", question=event["seq"], allow=True)
            if event["kind"] == "decision":
                wait_for(lambda: lines(s, "log") == 2, "the command is run again")
                s.call("Interrupt", thread=None)

        s.follow(turn, answer)
        expect((seen[0]["repeat"], seen[0]["via"], seen[0]["tool"]), (True, "agent", "shell"))
        expect_true("may have happened" in seen[0]["action"] and "echo ran" in seen[0]["action"], seen[0]["action"])
        expect(lines(s, "log"), 2)


@test
def a_command_that_was_cut_off_is_not_repeated_on_a_no():
    with stack([calls(("shell", COMMAND)), text("end")], cages=True) as s:
        turn = kill_in_command(s)
        s.follow(turn, lambda e: e["kind"] == "question" and s.call("Answer", question=e["seq"], allow=False))
        done = turn.of("tool-done")[0]
        expect((turn.answer, done["unknown"], done["ok"], lines(s, "log")), ("end", True, False, 1))
        expect_true(UNKNOWN in s.provider.requests[1].body.decode(), "the model is told")


@test
def where_nobody_can_be_asked_a_command_is_not_repeated_and_the_model_is_told():
    with stack([calls(("shell", COMMAND)), text("end")], cages=True) as s:
        turn = kill_in_command(s, unattended=True)
        s.follow(turn)
        expect((turn.of("question"), turn.answer, lines(s, "log")), ([], "end", 1))
        expect_true(UNKNOWN in s.provider.requests[1].body.decode(), "the model is told")


@test
def commands_die_with_agentd_before_it_is_back():
    with stack([calls(("shell", {"command": "echo ran >> log; sleep 1; echo late >> log"})), text("end")], cages=True) as s:
        turn = kill_in_command(s, unattended=True)
        s.follow(turn)
        time.sleep(1.3)
        expect(lines(s, "log"), 1)


@test
def calls_that_had_not_begun_are_begun_without_a_question():
    with stack([calls(("shell", COMMAND), ("shell", {"command": "echo second >> other"})), text("end")], cages=True) as s:
        turn = kill_in_command(s, unattended=True)
        s.follow(turn)
        expect((turn.answer, lines(s, "log"), lines(s, "other")), ("end", 1, 1))


@test
def a_note_is_written_once_whatever_is_killed():
    for victim in ("agentd", "clawfsd"):
        with stack([calls(("memory_write", {"content": "only once", "target": "n.md"}))], text("end")) as s:
            turn = s.submit("go")
            wait_for(lambda: any(r.kind == "tool-started" for r in s.journal().records), "the intent is there")
            getattr(s, victim).kill()
            getattr(s, victim).start()
            s.follow(turn)
            expect(turn.answer, "end")
            with Client(s.clawfsd.socket("fs"), uid=0) as fs:
                fs.call(FS + "Read", {"path": "n.md", "version": None})
                expect(os.pread(fs.fds[0], 4096, 0).decode().count("only once"), 1)


@test
def the_brokers_death_in_a_model_call_costs_one_more_call():
    gate = threading.Event()
    with stack([text("late", wait=gate), text("again")]) as s:
        turn = s.submit("hi")
        wait_for(lambda: s.provider.requests, "the model is asked")
        s.egressd.kill()
        s.egressd.start()
        s.follow(turn)
        expect((turn.answer, len(s.provider.requests)), ("again", 2))
        gate.set()


@test
def more_turns_than_clawfsd_takes_connections_all_get_their_answer():
    with stack(otherwise=text("ok")) as s:
        os.kill(s.clawfsd.pid, signal.SIGSTOP)
        turns = [s.submit("hi", thread=f"t{n}") for n in range(120)]
        os.kill(s.clawfsd.pid, signal.SIGCONT)
        expect({s.follow(turn).answer for turn in turns}, {"ok"})
        turns = [s.submit("hi", thread=f"t{n}") for n in range(120)]
        s.clawfsd.kill()
        s.agentd.kill()
        s.agentd.start()
        s.clawfsd.start()
        expect({s.follow(turn).answer for turn in turns}, {"ok"})


@test
def a_question_the_broker_has_forgotten_is_asked_anew():
    with stack([calls(("http", {"url": "https://localhost:9/x"})), text("end")]) as s:
        questions = []

        def answer(event):
            if event["kind"] != "question":
                return
            questions.append(event["data"]["question"])
            if len(questions) == 1:
                s.egressd.kill()
                os.unlink(os.path.join(s.root, "egress", "questions"))
                s.egressd.start()
            else:
                with Client(s.egressd.socket("egress"), uid=0) as egress:
                    egress.call("io.clawos.Egress.Answer", {"question": questions[-1], "allow": True, "scope": "once",
                                                                "action": event["data"]["action"]})
            s.call("Answer", question=event["seq"], allow=True)

        turn = s.follow(s.submit("go"), answer)
        expect((len(questions), len(set(questions))), (2, 2))
        expect_true("no public address" in turn.of("tool-done")[0]["content"], turn.of("tool-done")[0]["content"])


@test
def a_conversation_that_is_too_long_says_what_to_do():
    with stack(otherwise=text("ok"), agent="conversation_kib = 16") as s:
        turn = s.ask("x" * 20000)
        expect(turn.state, "failed")
        expect_true("/new" in turn.reason, turn.reason)
        expect(s.ask("short", thread="other").state, "done")


@test
def the_sandboxs_death_in_a_command_is_told_to_the_model():
    with stack([calls(("shell", COMMAND)), text("end")], cages=True) as s:
        turn = s.submit("go")
        wait_for(lambda: lines(s, "log") == 1, "the command has begun")
        s.sandboxd.kill()
        s.sandboxd.start()
        s.follow(turn)
        done = turn.of("tool-done")[0]
        expect((turn.answer, done["ok"], done["unknown"], lines(s, "log")), ("end", False, True, 1))


@test
def an_interrupt_that_was_answered_holds_after_a_restart():
    gate = threading.Event()
    with stack(otherwise=text("never", wait=gate)) as s:
        turn = s.submit("hi")
        wait_for(lambda: s.provider.requests, "the model is asked")
        s.call("Interrupt", thread=None)
        restart(s)
        s.follow(turn)
        expect((turn.state, len(s.provider.requests)), ("interrupted", 1))
        gate.set()


@test
def a_turn_that_played_a_tape_asks_no_provider_after_a_restart():
    with stack([calls(("http", {"url": "https://example.com/"})), text("end")]) as s:
        tape = os.memfd_create("tape")
        s.follow(s.submit("go", fds=[tape], recordFd=0, unattended=True))
        os.lseek(tape, 0, os.SEEK_SET)
        turn = s.submit("go", thread="b", fds=[tape], replayFd=0)
        wait_for(lambda: any(r.kind == "question" for r in s.journal().records), "the question is there")
        restart(s)
        s.follow(turn, lambda e: e["kind"] == "question" and s.call("Answer", question=e["seq"], allow=False))
        expect((turn.state, len(s.provider.requests)), ("failed", 2))
        expect_true("recording" in turn.reason, turn.reason)
        os.close(tape)


@test
def an_incomplete_end_of_the_journal_is_cut_and_damage_is_refused():
    with stack(otherwise=text("ok")) as s:
        s.ask("one")
        last = s.ask("two").events[-1]["seq"]
        s.agentd.kill()
        folder = os.path.join(s.root, "journal")
        name = os.path.join(folder, "0000000000000000.journal")
        with open(name, "r+b") as file:
            file.truncate(os.path.getsize(name) - 5)
        expect((len(Journal(folder).records), Journal(folder).cut > 0), (last - 1, True))
        s.agentd.start()
        expect_true(s.status()["journal"]["cutBytes"] > 0, "the cut is said")
        s.agentd.kill()
        flip(name, 300)
        try:
            Journal(folder)
        except Damaged:
            pass
        else:
            raise AssertionError("the second reader saw no damage")
        try:
            s.agentd.start()
        except RuntimeError as problem:
            expect_true("the journal is damaged: 0000000000000000.journal at byte" in str(problem), str(problem))
        else:
            raise AssertionError("agentd started on a damaged journal")


@test
def a_stop_leaves_the_turn_for_the_next_start():
    gate = threading.Event()
    with stack([text("late", wait=gate), text("after")]) as s:
        turn = s.submit("hi")
        wait_for(lambda: s.provider.requests, "the model is asked")
        expect(s.agentd.stop(), 0)
        s.agentd.start()
        expect(s.follow(turn).answer, "after")
        gate.set()


@test
def a_subscriber_gets_each_end_once_across_restarts():
    with stack(otherwise=text("ok", first_delay=0.05)) as s:
        ended, answered, after = [], [], 0
        turns = [s.submit(f"m{n}", thread=f"t{n % 4}") for n in range(12)]
        while len(ended) < len(turns):
            try:
                for event in s.events(after=after, follow=True):
                    if event is None:
                        continue
                    after = event["seq"]
                    if event["kind"] == "answer":
                        answered.append(event["turn"])
                    if event["kind"] == "turn-done":
                        ended.append(event["turn"])
                        if len(ended) in (2, 7):
                            restart(s)
                            break
                        if len(ended) == len(turns):
                            break
            except Gone:
                continue
        expect(sorted(ended), sorted(t.id for t in turns))
        expect(len(set(answered)), len(answered))
        expect([r.turn for r in s.journal().records if r.kind == "answer"], answered)


if __name__ == "__main__":
    run()
