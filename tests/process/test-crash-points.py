# SPDX-License-Identifier: Apache-2.0 OR MIT
"""kill -9 of each daemon at every write, sync and send of a scripted session: nothing lost, nothing doubled.

The points are enumerated: one session under strace counts the system calls of each kind, then the session is
played once per point, with SIGKILL injected on entry to that very call. CLAWOS_CRASH_POINTS=N takes every N-th.
"""
import collections
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

import journal  # noqa: E402
from provider import Provider, calls, text  # noqa: E402
from system import System  # noqa: E402
from tap import Skip, expect, expect_true, run, test  # noqa: E402
from varlink import Client, Gone, VarlinkError  # noqa: E402

CALLS = ["write", "pwrite64", "writev", "pwritev", "sendmsg", "sendto", "fsync", "fdatasync", "renameat", "ftruncate"]
WORKERS = 2
ACCEPT_SECONDS = 30
CONFIG = "[agent]\nsnapshot_kib = 1\n"  # so that snapshots of the journal are written within the session
EVERY = int(os.environ.get("CLAWOS_CRASH_POINTS", "1"))


def script(request):
    """Answers by what the conversation holds, so a call that is asked again gets the same answer."""
    messages = request.json["messages"]
    asked = [m for m in messages if m["role"] == "user"][-1]["content"]
    results = 0
    for message in reversed(messages):
        if message["role"] == "user":
            break
        results += message["role"] == "tool"
    if "append" not in asked:
        return text("pong")
    if results == 0:
        return calls(("echo", {"message": "one"}), ("time", {"operation": "parse", "timestamp": "2026-01-01T00:00:00Z"}))
    if results == 2:
        return calls(("memory_write", {"content": "remember this line", "target": "context/crash.md"}))
    return calls(("shell", {"command": "echo line >> log.txt"})) if results == 3 else text("appended")


class Tracer:
    """strace on one running daemon."""

    def __init__(self, pid, inject=None):
        self.file = tempfile.NamedTemporaryFile("r", prefix="clawos-strace-", suffix=".txt")
        command = ["strace", "-qq", "-o", self.file.name, "-e", "trace=" + ",".join(CALLS), "-e", "signal=none"]
        if inject:
            command += ["-e", "inject=" + inject]
        self.process = subprocess.Popen([*command, "-p", str(pid)], stderr=subprocess.PIPE)
        deadline = time.monotonic() + 10
        while proc_tracer(pid) == "0":
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise Skip("ptrace of a running process (strace -p)")

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        self.process.stderr.close()
        return self.file.read()


def proc_tracer(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return re.search(r"TracerPid:\t(\d+)", file.read())[1]
    except FileNotFoundError:
        return "0"


def submit_until_accepted(system, body, key):
    deadline = time.monotonic() + ACCEPT_SECONDS
    while time.monotonic() < deadline:
        try:
            return system.submit(body, thread="crash", key=key)
        except (Gone, OSError, VarlinkError):
            continue
    raise AssertionError("never accepted\n" + system.logs())


def session(system):
    """Two messages; returns the events a client that reconnects with its last seq has seen."""
    submit_until_accepted(system, "append a line", "first")
    last = submit_until_accepted(system, "ping", "second")
    seen, after = [], 0
    deadline = time.monotonic() + ACCEPT_SECONDS
    while time.monotonic() < deadline:
        try:
            for event in system.events(after=after, thread="crash", follow=True, timeout=ACCEPT_SECONDS):
                if event["seq"]:
                    after = event["seq"]
                    seen.append(event)
                if event["kind"] == "turn-done" and event["turn"] == last["turn"]:
                    return seen
        except (Gone, OSError, VarlinkError):
            continue
    raise AssertionError("the session did not end\n" + system.logs())


def check(system, seen):
    seqs = [event["seq"] for event in seen]
    expect(seqs, sorted(set(seqs)), "a client saw an event twice or out of order")
    kinds = collections.Counter(event["kind"] for event in seen)
    expect(kinds["accepted"], 2, "accepted messages")
    expect(kinds["turn-done"], 2, "ended turns")
    answers = [event["data"].get("text") for event in seen if event["kind"] == "answer"]
    expect(answers[-1:], ["pong"], "the second message is answered")
    path = os.path.join(system.workspace, "log.txt")
    lines = open(path, encoding="utf-8").read().count("line\n") if os.path.exists(path) else 0
    expect_true(lines <= 1, f"an effect was repeated: {lines} lines")
    remembered = memory_of(system).count("remember this line")
    expect_true(remembered <= 1, f"a memory was doubled: {remembered} times")
    if answers[0] == "appended" and not reported_unknown(seen):
        expect(lines, 1, "the turn says it appended, so a line is there")
        expect(remembered, 1, "the turn says it remembered, so the memory is there")
    records = journal.read(os.path.join(system.state, "journal"))
    numbers = [record.sequence for record in records]
    expect(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "sequence numbers in the journal")


def memory_of(system):
    try:
        with Client(system.path("fs")) as link:
            link.call("io.clawos.Fs.Read", {"path": "context/crash.md"})
            return os.pread(link.fds[0], 1 << 20, 0).decode()
    except VarlinkError as error:
        if error.short == "NotFound":
            return ""
        raise


def reported_unknown(seen):
    """True when a turn says that an effect may or may not have happened, or was asked about."""
    return any(event["kind"] == "question" for event in seen) or \
        any(event["kind"] == "tool-done" and not event["data"].get("ok", True) for event in seen)


def play(daemon, inject):
    with Provider(script, keep_requests=False) as provider, System(provider, config=CONFIG) as system:
        system.wait_running(daemon)
        tracer = Tracer(system.pid(daemon), inject)
        try:
            seen = session(system)
        finally:
            trace = tracer.end()
        check(system, seen)
        return trace


def points(daemon):
    trace = play(daemon, None)
    if daemon == "claw-agentd":
        snapshots = trace.count('"snapshot.new"')
        expect_true(snapshots > 0, f"a snapshot of the journal is written within the session\n{trace}")
        print(f"# {snapshots} snapshots of the journal in the session")
    counts = collections.Counter(re.match(r"(\w+)\(", line)[1] for line in trace.splitlines() if re.match(r"\w+\(", line))
    return [f"{call}:signal=SIGKILL:when={n}" for call in CALLS for n in range(1, counts[call] + 1)]


def crash(daemon):
    if not shutil.which("strace"):
        raise Skip("strace")
    chosen = points(daemon)[::EVERY]
    failures = []

    def one(inject):
        try:
            play(daemon, inject)
        except AssertionError as wrong:
            failures.append((inject, str(wrong)))

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(one, chosen))
    print(f"# {daemon}: {len(chosen)} crash points")
    for inject, wrong in failures[:10]:
        print(f"# {inject}: " + json.dumps(wrong[:1500]))
    expect(len(failures), 0, f"crash points of {daemon} that lost or doubled something")


@test
def agentd_can_be_killed_at_every_write_sync_and_send():
    crash("claw-agentd")


@test
def egressd_can_be_killed_at_every_write_sync_and_send():
    crash("claw-egressd")


@test
def clawfsd_can_be_killed_at_every_write_sync_and_send():
    crash("clawfsd")


@test
def sandboxd_can_be_killed_at_every_write_sync_and_send():
    crash("claw-sandboxd")


@test
def everything_at_once_can_be_killed_in_mid_turn():
    for step in range(6):
        with Provider(script, keep_requests=False) as provider, System(provider, config=CONFIG) as system:
            submit_until_accepted(system, "append a line", "first")
            while step and len(system_records(system)) < 1 + 2 * step:
                pass
            system.kill_everything()
            system.start()
            check(system, session(system))


def system_records(system):
    try:
        return list(journal.read(os.path.join(system.state, "journal")))
    except (journal.Damaged, FileNotFoundError):  # a record that is being written
        return []


run()
