# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The shipped claw as a program: -m, --json, exit statuses, verbs, files of the state.

The daemons are scripted (harness/peers.py): what no real one would say is said here. The real ones are
behind claw in test-claw-system.py.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

from peers import DONE, DROP, Error, Peers  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402
from terminal import Terminal  # noqa: E402

CLAW = os.path.join(os.environ["CLAWOS_BIN"], "claw")
HOSTILE = "\x1b[31mred\x1b]0;title\x07\x9b2J\u202e\u200b\r\x08\U000e0041 end"
HARMLESS = ("\\x1b[31mred\\x1b]0;title\\x07\\u{9b}2J\\u{202e}\\u{200b}\\x0d\\x08\\u{e0041} end")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm"}


class Fixture:
    def __enter__(self):
        self.state = tempfile.mkdtemp(prefix="clawos-claw-")
        self.peers = Peers(self.state).__enter__()
        return self

    def __exit__(self, *_):
        self.peers.__exit__()
        shutil.rmtree(self.state)

    def claw(self, *arguments, stdin=b"", env=None, timeout=30):
        return subprocess.run([CLAW, "--state", self.state, *arguments], input=stdin, capture_output=True,
                              env={**ENVIRONMENT, **(env or {})}, timeout=timeout, check=False)

    def say(self, *events):
        self.peers.script = lambda _: list(events)


def answer(text):
    return [("turn-started", {}), ("model-started", {"call": 1}), ("model-done", {"call": 1, "text": text}),
            ("answer", {"text": text}), DONE]


# --- claw -m

@test
def the_answer_alone_is_on_a_piped_stdout(f):
    f.say(("model-started", {"call": 1}), ("text", {"call": 1, "offset": 0, "text": "Let me look."}),
          ("model-done", {"call": 1, "text": "Let me look."}),
          ("tool-started", {"id": "a", "tool": "shell", "arguments": {"command": "ls"}}),
          ("tool-done", {"id": "a", "tool": "shell", "ok": True}),
          ("model-started", {"call": 2}), ("text", {"call": 2, "offset": 0, "text": "**Two** "}),
          ("model-done", {"call": 2, "text": "**Two** files."}), ("answer", {"text": "**Two** files."}), DONE)
    done = f.claw("-m", "how many")
    expect((done.returncode, done.stdout, done.stderr), (0, b"**Two** files.\n", b""))


@test
def hostile_text_reaches_no_plain_stream(f):
    f.say(*answer(HOSTILE))
    expect(f.claw("-m", "x").stdout.decode(), HARMLESS + "\n")
    f.say(("turn-done", {"state": "failed", "reason": HOSTILE}))
    done = f.claw("-m", "x")
    expect(done.returncode, 1)
    expect(done.stderr.decode(), f"claw: turn 2 failed: {HARMLESS}\n")


@test
def json_is_one_harmless_object_per_event_and_nothing_else(f):
    f.say(("model-started", {"call": 1}), ("text", {"call": 1, "offset": 0, "text": HOSTILE}),
          ("model-done", {"call": 1, "text": HOSTILE}), ("answer", {"text": HOSTILE}), DONE)
    done = f.claw("-m", "x", "--json")
    expect((done.returncode, done.stderr), (0, b""))
    lines = done.stdout.decode().splitlines()
    events = [json.loads(line) for line in lines]
    kinds = [e["kind"] for e in events if e["seq"] > 0]
    expect(kinds, ["accepted", "model-started", "model-done", "answer", "turn-done"])
    expect([e["data"]["text"] for e in events if e["kind"] == "answer"], [HOSTILE])
    expect([c for c in "\n".join(lines) if ord(c) < 32 and c != "\n" or 126 < ord(c) < 160 or c in "\u202e\u200b"], [])


@test
def the_exit_status_says_how_it_went(f):
    f.say(*answer("yes"))
    expect(f.claw("-m", "x").returncode, 0)
    f.say(("turn-done", {"state": "failed", "reason": "no"}))
    expect(f.claw("-m", "x").returncode, 1)
    f.say(("question", {"tool": "http", "effect": "send", "action": "GET", "via": "egress", "question": 3}),
          ("decision", {"question": 1, "allow": False, "by": "policy"}), ("answer", {"text": "no"}), DONE)
    expect(f.claw("-m", "x").returncode, 2)
    f.say(("answer", {"text": "no"}), ("turn-done", {"state": "done", "refused": True}))
    expect(f.claw("-m", "x").returncode, 2)
    f.say(("turn-done", {"state": "interrupted"}))
    expect(f.claw("-m", "x").returncode, 130)


@test
def a_wrong_command_line_is_exit_64_and_asks_nobody(f):
    for arguments in (["-m"], ["-m", "a", "b"], ["--nonsense"], ["trace", "--record", "x"], ["nonsense"], ["trace", "x"],
                      ["-m", "x", "--allow", "all"], ["config"], ["history", "1", "2"], ["-m", "/read "], ["-m", " \n"], ["-m", "/quit"], ["-m", "/status x"]):
        done = f.claw(*arguments)
        expect((done.returncode, done.stdout, done.stderr[:6]), (64, b"", b"claw: "), str(arguments))
    expect(f.peers.called("Submit"), [])


@test
def standard_input_is_context_by_descriptor(f):
    f.say(*answer("ok"))
    big = bytes(range(256)) * 4000
    f.claw("-m", "review", stdin=big)
    (_, parameters, contents), = f.peers.called("Submit")
    expect((parameters["text"], parameters["contextFd"], contents), ("review", 0, [big]))
    f.claw("-m", "nothing", stdin=b"")
    expect(f.peers.called("Submit")[1][1].get("contextFd"), None)


@test
def too_much_standard_input_is_refused_with_its_limit(f):
    done = f.claw("-m", "x", stdin=b"a" * (17 << 20))
    expect((done.returncode, done.stderr), (1, b"claw: standard input holds more than 16 MiB\n"))
    expect(f.peers.called("Submit"), [])


@test
def what_is_submitted_is_what_was_asked_for(f):
    f.say(*answer("ok"))
    f.claw("-m", "hi", "--thread", "work", "--allow", "send", "--allow", "write")
    (_, p, _), = f.peers.called("Submit")
    expect((p["thread"], p["text"], p["allow"], p["unattended"], p["workspace"]), ("work", "hi", ["send", "write"], True, 0))
    expect(f.peers.called("Subscribe")[0][1]["thread"], "work")


@test
def a_direct_form_is_submitted_as_a_tool_call(f):
    f.say(("answer", {"text": "ok"}), DONE)
    f.claw("-m", "/run ls | wc")
    f.claw("-m", "/time Europe/Berlin")
    f.claw("-m", "/etc/passwd is a file")
    a, b, c = [call[1] for call in f.peers.called("Submit")]
    expect((a["tool"], a["arguments"]), ("shell", {"command": "ls | wc"}))
    expect((b["tool"], b["arguments"]), ("time", {"operation": "now", "timezone": "Europe/Berlin"}))
    expect((c.get("tool"), c["text"]), (None, "/etc/passwd is a file"))


@test
def record_and_replay_go_by_descriptor(f):
    f.say(*answer("ok"))
    old, new = os.path.join(f.state, "old"), os.path.join(f.state, "new")
    with open(old, "w", encoding="utf-8") as file:
        file.write("exchange")
    f.claw("-m", "x", "--replay", old, "--record", new)
    (_, p, contents), = f.peers.called("Submit")
    expect((p["recordFd"], p["replayFd"], contents), (0, 1, [b"", b"exchange"]))
    expect(os.stat(new).st_mode & 0o777, 0o600)
    expect(f.claw("-m", "x", "--replay", "/nonexistent").returncode, 1)


@test
def an_allowed_question_is_answered_at_its_guard_first(f):
    told = threading.Event()

    def decide(parameters):
        with f.peers.lock:
            f.peers.add("decision", {"question": parameters["question"], "allow": parameters["allow"], "by": "person"},
                        turn=f.peers.turn)
        told.set()
        return {}

    f.peers.replies["io.clawos.Agent.Answer"] = decide
    f.peers.script = lambda _: [("question", {"tool": "http", "effect": "send", "action": "GET x", "via": "egress", "question": 9}),
                                lambda _: told.wait(20), ("answer", {"text": "got it"}), DONE]
    done = f.claw("-m", "x", "--allow", "send")
    expect((done.returncode, done.stdout), (0, b"got it\n"))
    order = [c[0] for c in f.peers.calls if "Answer" in c[0]]
    expect(order, ["egress.Answer", "Answer"])
    expect(f.peers.called("egress.Answer")[0][1], {"question": 9, "allow": True, "action": "GET x", "scope": "once"})
    expect(f.peers.called("Answer")[0][1], {"question": 2, "allow": True})


@test
def what_is_not_allowed_is_denied_at_once(f):
    told = threading.Event()
    f.peers.replies["io.clawos.Agent.Answer"] = lambda _: told.set() or {}
    f.peers.script = lambda _: [("question", {"tool": "memory_write", "effect": "write", "action": "change SOUL.md", "via": "fs",
                                              "question": 4}),
                                lambda _: told.wait(20), ("answer", {"text": "no"}), DONE]
    expect(f.claw("-m", "x", "--allow", "send").returncode, 2)
    expect(f.peers.called("fs.Answer")[0][1], {"question": 4, "allow": False, "action": "change SOUL.md"})
    expect(f.peers.called("Answer")[0][1]["allow"], False)


@test
def a_guard_that_refuses_the_yes_is_a_failure(f):
    f.peers.replies["io.clawos.Egress.Answer"] = Error("io.clawos.Egress.UnknownQuestion", question=9)
    f.peers.script = lambda _: [("question", {"tool": "http", "effect": "send", "action": "GET", "via": "egress", "question": 9})]
    f.peers.replies["io.clawos.Egress.Answer"] = Error("io.clawos.Egress.Denied", reason="not you")
    done = f.claw("-m", "x", "--allow", "send")
    expect((done.returncode, done.stderr), (1, b"claw: not released: denied: not you\n"))
    expect(f.peers.called("Answer"), [])


@test
def ctrl_c_interrupts_the_turn_and_waits_for_its_end(f):
    f.peers.script = lambda _: [("turn-started", {}), lambda p: p.interrupted.wait(20), ("turn-done", {"state": "interrupted"})]
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen([CLAW, "--state", f.state, "-m", "x"], stdin=subprocess.DEVNULL, env=ENVIRONMENT,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            f.peers.wait_called("Subscribe", count=1 + (number == signal.SIGTERM))
            child.send_signal(number)
            child.communicate(timeout=20)
            expect(child.returncode, 130)
    expect(len(f.peers.called("Interrupt")), 2)


@test
def a_second_ctrl_c_leaves_at_once(f):
    f.peers.script = lambda _: []
    with subprocess.Popen([CLAW, "--state", f.state, "-m", "x"], stdin=subprocess.DEVNULL, env=ENVIRONMENT) as child:
        f.peers.wait_called("Subscribe")
        child.send_signal(signal.SIGINT)
        f.peers.wait_called("Interrupt")
        child.send_signal(signal.SIGINT)
        expect(child.wait(20), 130)


@test
def every_record_is_shown_once_over_a_broken_connection(f):
    for f.peers.forgetful in (False, True):
        first = len(f.peers.records)
        f.say(("model-started", {"call": 1}), ("model-done", {"call": 1, "text": "one"}), Peers.await_sent, DROP,
              ("tool-started", {"id": "a", "tool": "time", "arguments": {}}), Peers.await_sent, DROP,
              ("tool-done", {"id": "a", "tool": "time", "ok": True}), ("answer", {"text": "all of it"}), Peers.await_sent, DROP, DONE)
        done = f.claw("-m", "x", "--json")
        seqs = [json.loads(line)["seq"] - first for line in done.stdout.splitlines()]
        expect((done.returncode, seqs), (0, [1, 2, 3, 4, 5, 6, 7]))
    expect([c[1]["afterSeq"] for c in f.peers.called("Subscribe")][:4], [0, 3, 4, 6])


@test
def a_message_is_accepted_once_when_the_daemon_dies_before_its_answer(f):
    f.say(*answer("once"))
    keys = []

    def die_once(parameters):
        keys.append(parameters["key"])
        reply = f.peers.submit(parameters)
        if len(keys) == 1:
            f.peers.drop()
        return reply

    f.peers.replies["io.clawos.Agent.Submit"] = die_once
    done = f.claw("-m", "x")
    expect((done.returncode, done.stdout), (0, b"once\n"))
    expect((len(keys), len(set(keys)), f.peers.turn), (2, 1, 1))


@test
def a_refused_message_is_a_failure_with_its_reason(f):
    f.peers.replies["io.clawos.Agent.Submit"] = Error("io.clawos.Agent.QuotaExceeded", limit="thread.queue", value=64)
    done = f.claw("-m", "x")
    expect((done.returncode, done.stderr), (1, b"claw: the message was not accepted: the limit thread.queue is reached\n"))
    f.peers.replies["io.clawos.Agent.Submit"] = Error("io.clawos.Agent.InvalidArguments", reason="too long\x1b[2J")
    done = f.claw("-m", "x")
    expect((done.returncode, done.stderr), (1, b"claw: the message was not accepted: too long\\x1b[2J\n"))
    f.peers.replies["io.clawos.Agent.Submit"] = Error("io.systemd.System", origin="linux", errno=28, errnoName="ENOSPC")
    done = f.claw("-m", "x")
    expect((done.returncode, done.stderr), (1, b"claw: the message was not accepted: No space left on device\n"))


@test
def a_closed_stdout_is_a_failure_not_a_success(f):
    f.say(*answer("x" * 100000))
    with open("/dev/full", "wb") as full:
        done = subprocess.run([CLAW, "--state", f.state, "-m", "x"], stdin=subprocess.DEVNULL, stdout=full,
                              stderr=subprocess.PIPE, env=ENVIRONMENT, timeout=30, check=False)
    expect(done.returncode, 1)


@test
def a_closed_standard_descriptor_is_never_one_of_ours(f):
    f.say(*answer("yes"))
    for closed, wanted in (((0,), (0, b"yes\n")), ((0, 2), (0, b"yes\n")), ((1,), (1, b"")), ((0, 1, 2), (1, b""))):
        words = "; ".join(f"exec {fd}>&-" for fd in closed)
        done = subprocess.run(["/bin/sh", "-c", f'{words}; exec "$0" "$@"', CLAW, "--state", f.state, "-m", "x"], capture_output=True,
                              stdin=subprocess.DEVNULL, env=ENVIRONMENT, timeout=30, check=False)
        expect((done.returncode, done.stdout), wanted, str(closed))
    expect([c[1].get("contextFd") for c in f.peers.called("Submit")], [None] * 4)


# --- the workspace

def sandbox_says(kind, error=0, text=b""):
    return lambda data: (data[:2] + kind.to_bytes(2, "little") + data[4:8] + bytes(4) + error.to_bytes(4, "little") +
                         b"\2\0\0\0" + bytes(4 + 8 + 24) + text.ljust(128, b"\0"))


@test
def a_workspace_is_handed_to_the_sandbox_and_kept(f):
    f.say(*answer("ok"))
    f.peers.replies["sandbox"] = sandbox_says(4)
    folder = tempfile.mkdtemp(prefix="clawos-ws-")
    f.claw("-m", "x", "--workspace", folder)
    f.claw("-m", "x", "--workspace", folder + "/.", "--allow", "write")
    f.claw("-m", "x", "--workspace", folder)
    requests = [(data[2], int.from_bytes(data[4:8], "little"), data[32]) for _, data, _ in f.peers.called("sandbox")]
    expect(requests, [(3, 1, 1), (3, 2, 2), (3, 1, 1)])
    expect(f.peers.called("sandbox")[0][2], [(os.stat(folder).st_dev, os.stat(folder).st_ino)])
    expect([c[1]["workspace"] for c in f.peers.called("Submit")], [1, 2, 1])
    with open(os.path.join(f.state, "workspaces"), encoding="utf-8") as file:
        expect(file.read(), f"1 ro {folder}\n2 rw {folder}\n")
    expect(os.stat(os.path.join(f.state, "workspaces")).st_mode & 0o777, 0o600)


@test
def a_workspace_that_is_refused_or_no_directory_stops_the_message(f):
    f.peers.replies["sandbox"] = sandbox_says(2, 22, b"not that one\x1b[2J")
    done = f.claw("-m", "x", "--workspace", "/tmp")
    expect_true(done.returncode == 1 and b"not that one\\x1b[2J" in done.stderr, str(done))
    expect(f.claw("-m", "x", "--workspace", "/etc/passwd").returncode, 1)
    expect(f.claw("-m", "x", "--workspace", "/nonexistent").returncode, 1)
    expect(f.peers.called("Submit"), [])


# --- verbs

@test
def lists_are_harmless_and_whole(f):
    f.peers.replies["io.clawos.Agent.Threads"] = {"threads": [
        {"id": 1, "name": "main\x1b[31m", "title": HOSTILE, "turns": 3, "state": "idle", "lastSeq": 9, "updatedUsec": 1}]}
    f.peers.replies["io.clawos.Agent.Tools"] = {"tools": [
        {"name": "shell", "description": "d" * 300 + "\x07", "effect": "execute", "policy": "allow"}]}
    f.peers.replies["io.clawos.Agent.History"] = {"turns": [
        {"turn": 1, "state": "failed", "text": "q\x1b[2J", "answer": "a\x9b1m", "reason": "r\x07",
         "tools": [{"name": "t\x1bc", "ok": False}]}]}
    for verb in ("threads", "tools", "history"):
        done = f.claw(verb)
        expect(done.returncode, 0, verb)
        expect([b for b in done.stdout if b < 32 and b != 10 or b == 127], [], verb)
        expect_true(b"\xc2\x9b" not in done.stdout, verb)
        json.loads(f.claw(verb, "--json").stdout)
    expect_true(b"d" * 300 + b"\\x07" in f.claw("tools").stdout, "descriptions are whole when piped")


@test
def trace_draws_what_the_daemon_tells(f):
    f.peers.replies["io.clawos.Agent.Trace"] = {"trace": {
        "turn": 4, "thread": "main", "state": "done", "text": "hi\x1b[2J", "acceptedUsec": 1000000, "startedUsec": 1000100,
        "doneUsec": 3000000, "firstSeq": 7, "lastSeq": 19, "labels": ["mail"],
        "modelCalls": [{"seq": 9, "call": 1, "attempt": 2, "model": "m\x07", "promptBytes": 6100, "promptHash": "ab" * 32,
                        "startedUsec": 1001000, "firstTokenUsec": 5000, "durationUsec": 900000, "promptTokens": 1520,
                        "cachedTokens": 1500, "answerTokens": 12, "ok": True, "stop": "calls", "calls": 1}],
        "toolCalls": [{"seq": 12, "id": "a", "tool": "shell", "effect": "execute", "arguments": {"command": "ls"},
                       "startedUsec": 2000000, "durationUsec": 12000, "ok": True, "exit": 0, "bytes": 345, "cage": "execute"},
                      {"id": "b", "tool": "http", "effect": "send", "arguments": {}, "unknown": True, "labels": ["web:x\x1b", "a"]}],
        "questions": [{"seq": 14, "action": "GET x", "askedUsec": 2100000, "answeredUsec": 2200000, "allow": False, "by": "person"}]}}
    done = f.claw("trace", "4")
    text = done.stdout.decode()
    for part in ("turn 4 · main · done · 2.0 s", "waited 100 µs", "records 7 to 19 · label mail", "> hi\\x1b[2J",
                 "label web:x\\x1b · label a", "model 1 attempt 2 · m\\x07 · 900 ms",
                 "first token 5 ms", "prompt abababababab · 6.1 kB", "tokens 1520", "cached 1500", "answer 12", "stop calls",
                 "› shell ls", "intent 12 · execute · ok", "cage execute", "exit 0", "12 ms", "345 B",
                 "cut off: nobody knows whether it happened", "question 14 · GET x · no · by person"):
        expect_true(part in text, f"{part!r} in {text}")
    expect(f.peers.called("Trace")[0][1], {"turn": 4, "prompt": False})
    f.peers.replies["io.clawos.Agent.Trace"] = Error("io.clawos.Agent.UnknownTurn", turn=99)
    done = f.claw("trace", "99")
    expect((done.returncode, done.stderr), (1, b"claw: there is no turn 99\n"))


@test
def a_trace_is_legible_on_any_width(f):
    f.peers.replies["io.clawos.Agent.Trace"] = {"trace": {
        "turn": 4, "thread": "main", "state": "failed", "text": "a question " * 20, "acceptedUsec": 1000000, "startedUsec": 1000100,
        "doneUsec": 3000000, "firstSeq": 7, "lastSeq": 19, "reason": "the provider said no, and it said so at length " * 4,
        "modelCalls": [{"seq": 9, "call": 1, "attempt": 2, "model": "a-model-with-a-name-of-some-length", "promptBytes": 6100,
                        "promptHash": "ab" * 32, "startedUsec": 1001000, "firstTokenUsec": 5000, "durationUsec": 900000,
                        "promptTokens": 1520, "cachedTokens": 1500, "answerTokens": 12, "ok": True, "stop": "calls", "calls": 1}],
        "toolCalls": [{"seq": 12, "id": "a", "tool": "shell", "effect": "execute", "arguments": {"command": "ls " * 80},
                       "startedUsec": 2000000, "durationUsec": 12000, "ok": True, "exit": 0, "bytes": 345, "cage": "execute"}],
        "questions": [{"seq": 14, "action": "POST https://example.org/a/long/path?with=arguments " * 3, "askedUsec": 2100000}]}}
    for columns in (40, 60, 80, 100, 200):
        with Terminal([CLAW, "--state", f.state, "trace"], columns=columns) as t:
            expect(t.end(), 0)
            lines = t.plain().split("\r\n")
            expect([line for line in lines if len(line) > columns], [], str(columns))
            words = "".join(t.plain().split())
            for part in ("attempt 2", "a-model-with-a-name-of-some-length", "cached 1500", "stop calls", "cage execute", "345 B", "open"):
                expect_true(part.replace(" ", "") in words, f"{part!r} at {columns}: {t.plain()}")


@test
def a_trace_is_found_by_its_thread_and_listed(f):
    turns = {"main": [{"turn": 1, "state": "done", "timeUsec": 1, "seq": 1, "text": "one"},
                      {"turn": 4, "state": "failed", "timeUsec": 1, "seq": 9, "text": "four\x1b[2J"}],
             "work": [{"turn": 3, "state": "done", "timeUsec": 1, "seq": 5, "text": "three"}]}
    f.peers.replies["io.clawos.Agent.Threads"] = {"threads": [{"id": 1, "name": "main"}, {"id": 2, "name": "work"}]}
    f.peers.replies["io.clawos.Agent.History"] = lambda p: {"turns": turns[p["thread"]][-p["limit"]:]}
    f.peers.replies["io.clawos.Agent.Trace"] = lambda p: {"trace": {"turn": p.get("turn", 4), "thread": "work", "state": "done"}}
    expect_true(b"turn 3" in f.claw("trace", "--thread", "work").stdout, "the last turn of that thread")
    expect(f.peers.called("Trace")[-1][1]["turn"], 3)
    out = f.claw("trace", "--all").stdout.decode()
    expect_true(re.search(r"thread main\n +1 done .*one\n +4 failed .*four\\x1b\[2J\nthread work\n +3 done", out), out)
    out = f.claw("trace", "--all", "--thread", "work").stdout.decode()
    expect_true("three" in out and "main" not in out, out)
    expect([t["turn"] for t in json.loads(f.claw("trace", "--all", "--json").stdout)["turns"]], [1, 4, 3])
    expect(f.claw("trace", "4", "--all").returncode, 64)
    turns["main"] = []
    done = f.claw("trace", "--thread", "main")
    expect((done.returncode, done.stderr), (1, b'claw: the thread "main" has no turns yet\n'))


@test
def status_is_a_table_for_a_person_and_json_for_a_program(f):
    f.peers.replies["io.clawos.Supervisor.Status"] = {"version": "9", "config": "x", "startedUsec": 1, "daemons": [
        {"name": "clawfsd", "state": "running", "pid": 12, "restarts": 0, "sinceUsec": int(time.time() * 1e6) - 200_000_000, "reason": ""},
        {"name": "claw-llmd", "state": "stopped", "pid": 0, "restarts": 0, "sinceUsec": 1, "reason": ""},
        {"name": "claw-agentd", "state": "failed", "pid": 0, "restarts": 6, "sinceUsec": 1, "reason": "killed by signal 9\x1b[2J"}]}
    f.peers.replies["io.clawos.Agent.Status"] = {"status": {"agent": "default", "provider": "openai_compatible", "model": "gpt\x07",
                                                            "threads": 2, "turns": 5, "running": 1, "journal": {"records": 7, "bytes": 2048}}}
    done = f.claw("status")
    out = done.stdout.decode()
    for part in (r"system +ClawOS 9, started \d+ d ago\n", r"model +gpt\\x07 \(OpenAI-compatible server\)\n",
                 r"agent +default: 2 threads, 5 turns, 1 running\n", r"journal +7 records, 2\.0 kB\n", r"clawfsd +running +12 +3 min ago\n",
                 r"claw-llmd +asleep, starts on demand +- +-\n", r"claw-agentd +failed .*started again 6 times\n  killed by signal 9\\x1b"):
        expect_true(re.search(part, out), f"{part} in {out}")
    expect(sorted(json.loads(f.claw("status", "--json").stdout)), ["agent", "system"])
    f.peers.replies["io.clawos.Agent.Status"] = Error("org.varlink.service.MethodNotFound", method="Status")
    done = f.claw("status")
    expect_true(done.returncode == 1 and b"another version" in done.stdout and b"clawfsd" in done.stdout, str(done))


@test
def time_is_told_as_a_person_tells_it_and_as_json_to_a_program(f):
    said = '{"iso":"2026-11-24T14:47:19+01:00","utc":"2026-11-24T13:47:19Z","unix":1,"weekday":"Tuesday","timezone":"Europe/Berlin"}'
    f.peers.script = lambda p: [("answer", {"text": said}), DONE]
    f.peers.accepted = lambda p: {"tool": p.get("tool")}
    expect(f.claw("-m", "/time Europe/Berlin").stdout.decode(), "Tuesday, 24 November 2026, 14:47:19 (Europe/Berlin, UTC+01:00)\n")
    expect_true(said in [json.loads(line)["data"].get("text") for line in f.claw("-m", "/time", "--json").stdout.splitlines()], "as it is")
    f.peers.accepted = lambda p: {}
    expect(f.claw("-m", "say it").stdout.decode(), said + "\n")


def sandbox_stops(running):
    """Answers STATUS and STOP as claw-sandboxd does."""
    def answer_to(data):
        if data[2] == 5:
            return data[:2] + b"\5\0" + running.to_bytes(4, "little") + bytes(184)
        return sandbox_says(4)(data)
    return answer_to


@test
def everything_that_runs_is_ended_by_one_word(f):
    f.peers.replies["sandbox"] = sandbox_stops(3)
    states = {"main": "running", "work": "waiting", "old": "idle"}
    f.peers.replies["io.clawos.Agent.Threads"] = lambda _: {"threads": [{"name": n, "state": s} for n, s in states.items()]}
    f.peers.replies["io.clawos.Agent.Interrupt"] = lambda p: states.update({p["thread"]: "idle"}) or {"turn": 1}
    done = f.claw("stop", "--cages")
    expect((done.returncode, done.stdout), (0, b"3 cages killed, 2 turns interrupted\n"))
    expect([data[2] for _, data, _ in f.peers.called("sandbox")], [5, 4, 5, 4])
    expect(sorted(p["thread"] for _, p, _ in f.peers.called("Interrupt")), ["main", "work"])


@test
def a_launcher_that_does_not_answer_is_named(f):
    f.peers.replies["sandbox"] = lambda _: time.sleep(15) or b""
    done = f.claw("stop", "--cages", timeout=14)
    expect((done.returncode, b"claw-sandboxd does not answer" in done.stderr), (1, True))


@test
def an_agent_that_does_not_answer_keeps_nothing_running(f):
    f.peers.replies["sandbox"] = sandbox_stops(1)
    f.peers.replies["io.clawos.Agent.Threads"] = lambda _: time.sleep(30)
    begin = time.monotonic()
    done = f.claw("stop", "--cages")
    expect_true(done.returncode == 0 and b"1 cage killed" in done.stdout and b"the agent could not be told" in done.stdout, str(done))
    expect_true(time.monotonic() - begin < 10, "it does not wait for the agent")


@test
def a_state_that_is_not_yours_is_refused_with_what_to_do(f):
    closed = tempfile.mkdtemp(prefix="clawos-closed-")
    os.mkdir(os.path.join(closed, "state"), 0o700)
    os.chown(os.path.join(closed, "state"), 64899, 64899)
    for state, words in ((f.state, "belongs to user 0 (root), not to you (user 64899): it is not used"),
                         (os.path.join(closed, "state"), "you (user 64899) may not "),
                         (os.path.join(closed, "new", "state"), "you (user 64899) may not make ")):
        done = subprocess.run([CLAW, "status"], env={**ENVIRONMENT, "CLAWOS_STATE": state, "HOME": "/nonexistent"}, capture_output=True,
                              timeout=30, check=False, user=64899, group=64899, extra_groups=[])
        error = done.stderr.decode()
        expect_true(done.returncode == 1 and words in error and "--state DIR, or unset CLAWOS_STATE" in error, error)
    shutil.rmtree(closed)


@test
def doctor_tries_the_kernel_and_names_what_is_missing(f):
    done = f.claw("doctor")
    text = done.stdout.decode()
    for name in ("namespaces", "seccomp", "Landlock", "cgroup v2", "BPF LSM", "TPM", "AppArmor", "state directory", "keyring"):
        expect_true(name in text, name)
    expect_true("Landlock               ABI " in text, text)
    os.chmod(f.state, 0o755)
    done = f.claw("doctor")
    expect(done.returncode, 1)
    expect_true("MISSING   state directory        mode 0755" in done.stdout.decode(), done.stdout.decode())


@test
def nothing_is_started_behind_the_back_of_a_client_without_parts(f):
    f.peers.__exit__()
    for name in os.listdir(f.peers.run):
        os.unlink(os.path.join(f.peers.run, name))
    done = f.claw("-m", "x")
    expect(done.returncode, 1)
    expect_true(b"start it once with ./clawos run" in done.stderr, str(done.stderr))


# --- configuration

@test
def an_env_file_is_imported_by_its_path_and_the_rest_is_listed(f):
    path = os.path.join(f.state, "my.env")
    with open(path, "w", encoding="utf-8") as file:
        file.write("LLM_BASE_URL=http://127.0.0.1:1/v1\nLLM_API_KEY='sk-secret'\nexport LLM_MODEL=\"m 1\"\n"
                   "OPENAI_API_KEY=sk-other\nAGENT_AUTO_APPROVE_TOOLS=true\nALLOWED_LLM_ENDPOINTS=*\nbad line\nX=$Y\n")
    with open(os.path.join(f.state, "clawos.conf"), "w", encoding="utf-8") as file:
        file.write("# mine\n[agent]\nmax_iterations = 7\n[provider]\nmodel = old\n")
    done = f.claw("config", "import", path)
    out = done.stdout.decode()
    expect(done.returncode, 0, out)
    for part in ("line 4: OPENAI_API_KEY: it belongs to another LLM_BACKEND", "line 5: AGENT_AUTO_APPROVE_TOOLS: not understood",
                 "line 6: ALLOWED_LLM_ENDPOINTS: not understood", "line 7: expected = behind the name", "line 8: it refers to another",
                 "3 imported", "5 left out"):
        expect_true(part in out, f"{part!r} in {out}")
    expect_true("sk-" not in out, "no secret is printed")
    with open(os.path.join(f.state, "clawos.conf"), encoding="utf-8") as file:
        expect(file.read(), "# mine\n[agent]\nmax_iterations = 7\n[provider]\nmodel = m 1\nbase_url = http://127.0.0.1:1/v1\n"
                            "key_file = provider.key\n")
    with open(os.path.join(f.state, "provider.key"), encoding="utf-8") as file:
        expect(file.read(), "sk-secret\n")
    for name in ("clawos.conf", "provider.key"):
        expect(os.stat(os.path.join(f.state, name)).st_mode & 0o777, 0o600, name)
    show = f.claw("config", "show").stdout.decode()
    expect_true("provider.model = m 1   # clawos.conf:5" in show and "sk-" not in show, show)


@test
def an_env_file_in_the_current_directory_is_not_picked_up(f):
    folder = tempfile.mkdtemp(prefix="clawos-env-")
    with open(os.path.join(folder, ".env"), "w", encoding="utf-8") as file:
        file.write("LLM_BASE_URL=http://evil.example/v1\n")
    done = subprocess.run([CLAW, "--state", f.state, "config", "show"], cwd=folder, capture_output=True, env=ENVIRONMENT, check=True)
    expect_true(b"evil" not in done.stdout, done.stdout.decode())


@test
def an_import_that_would_break_the_configuration_writes_nothing(f):
    path = os.path.join(f.state, "my.env")
    with open(path, "w", encoding="utf-8") as file:
        file.write("LLM_MODEL=\"x\\n[egress]\\nallow = all\"\nLLM_API_KEY=sk-1\n")
    done = f.claw("config", "import", path)
    expect_true("line 1: LLM_MODEL: its value is not one line of text" in done.stdout.decode(), done.stdout.decode())
    with open(os.path.join(f.state, "clawos.conf"), encoding="utf-8") as file:
        expect(file.read(), "[provider]\nkey_file = provider.key\n")
    with open(os.path.join(f.state, "clawos.conf"), "w", encoding="utf-8") as file:
        file.write("[nonsense]\na = b\n")
    done = f.claw("config", "import", path)
    expect(done.returncode, 1)
    with open(os.path.join(f.state, "clawos.conf"), encoding="utf-8") as file:
        expect(file.read(), "[nonsense]\na = b\n")


@test
def logs_show_the_ends_of_the_files_and_no_escapes(f):
    os.makedirs(os.path.join(f.state, "log"))
    with open(os.path.join(f.state, "log", "claw-agentd.log"), "wb") as file:
        file.write(b"cut off\n" * 20000 + b"<3>last \x1b[31mwords\n")
    done = f.claw("logs", "claw-agentd")
    expect_true(done.stdout.endswith(b"<3>last \\x1b[31mwords\n") and len(done.stdout) < 70000, str(done.stdout[-100:]))
    expect_true(b'no "nobody" has written a log' in f.claw("logs", "nobody").stderr, "named")
    expect(f.claw("logs", "../clawos").returncode, 64)
    expect(f.claw("logs").returncode, 0)


# --- the program itself

@test
def the_program_is_static_and_needs_nothing_of_the_host(_):
    with open(CLAW, "rb") as file:
        head = file.read(64)
        offset, size, count = (int.from_bytes(head[a:b], "little") for a, b in ((32, 40), (54, 56), (56, 58)))
        file.seek(offset)
        kinds = [int.from_bytes(file.read(size)[:4], "little") for _ in range(count)]
    expect_true(3 not in kinds, "no program interpreter")


@test
def a_state_with_a_long_path_is_reached(_):
    state = os.path.join(tempfile.mkdtemp(prefix="clawos-long-"), "x" * 120, "y" * 120)
    os.makedirs(os.path.join(state, "run"))
    with Peers(state) as peers:
        peers.script = lambda _: answer("far away")
        done = subprocess.run([CLAW, "--state", state, "-m", "x"], stdin=subprocess.DEVNULL, capture_output=True, env=ENVIRONMENT,
                              timeout=30, check=False)
    expect((done.returncode, done.stdout), (0, b"far away\n"))


run(Fixture)
