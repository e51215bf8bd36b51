# SPDX-License-Identifier: Apache-2.0 OR MIT
"""kill -9 of each daemon and of the supervisor at every write, sync and send of a session: nothing lost, nothing doubled.

The points are enumerated: one session under strace counts the system calls of each kind, then the session is
played once per point, with SIGKILL injected on entry to that very call. CLAWOS_CRASH_POINTS=N takes every N-th.
claw-llmd is asked for real, by the model file in CLAWOS_MODEL_FILE (smollm2 will do): without one it is skipped.
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
# What the supervisor does beside: sockets, folders, the start and the end of a daemon.
STARTS = ["mkdirat", "bind", "unlinkat", "clone", "clone3", "kill", "pidfd_send_signal"]
WORKERS = 2
ACCEPT_SECONDS = 30
SNAPSHOT_SECONDS = 2  # more than it takes; one that was killed in mid-snapshot begins the next with the next record
CONFIG = "[agent]\nsnapshot_kib = 1\n"  # so that snapshots of the journal are written within the session
LOCAL_CONFIG = "[agent]\nmax_iterations = 2\n"
# About half of what was counted when this was written: a trace that is read wrongly has none.
FEWEST = {"claw-agentd": 40, "claw-egressd": 28, "clawfsd": 20, "claw-sandboxd": 10, "claw-llmd": 10, "claw up": 19}
REACHED = 0.9
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
    """strace on one running daemon, or (command) on a program that it starts; never on their children."""

    def __init__(self, pid=None, inject=None, command=(), env=None):
        self.file = tempfile.NamedTemporaryFile("r", prefix="clawos-strace-", suffix=".txt")
        strace = ["strace", "-qq", "-o", self.file.name, "-e", "trace=" + ",".join(CALLS + STARTS), "-e", "signal=SIGKILL"]
        if inject:
            strace += ["-e", "inject=" + inject]
        self.process = subprocess.Popen([*strace, *(["-p", str(pid)] if pid else command)], env=env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while pid and proc_tracer(pid) == "0":
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise Skip("ptrace of a running process (strace -p)")

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        return self.file.read()


def proc_tracer(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return re.search(r"TracerPid:\t(\d+)", file.read())[1]
    except FileNotFoundError:
        return "0"


class Scripted:
    """A provider that answers by the script, and what has to come of the session with it."""

    words = ("append a line", "ping")

    def finish(self, system, seen):
        """What follows the session; the events of it."""
        return []

    def __enter__(self):
        self.provider = Provider(script, keep_requests=False).__enter__()
        return self

    def __exit__(self, *_):
        self.provider.__exit__(None, None, None)

    def system(self):
        return System(self.provider, config=CONFIG)

    def check(self, system, answers, seen):
        expect(answers[1], "pong", "the second message is answered")
        path = os.path.join(system.workspace, "log.txt")
        lines = open(path, encoding="utf-8").read().count("line\n") if os.path.exists(path) else 0
        expect_true(lines <= 1, f"an effect was repeated: {lines} lines")
        remembered = memory_of(system).count("remember this line")
        expect_true(remembered <= 1, f"a memory was doubled: {remembered} times")
        expect(answers[0], "appended", "the first message is answered")
        if not reported_unknown(seen):
            expect(lines, 1, "the turn says it appended, so a line is there")
            expect(remembered, 1, "the turn says it remembered, so the memory is there")


class Compacted(Scripted):
    """A message, a compaction, a message that has its summary, and that message undone."""

    words = ("one", None, "two")

    def __enter__(self):
        self.provider = Provider(self.script, keep_requests=False).__enter__()
        return self

    @staticmethod
    def script(request):
        said = [m["content"] for m in request.json["messages"] if m["role"] == "user"]
        if "<transcript>" in said[-1]:
            return text("one was said [turn 1]")
        return text(f"{len(said)} messages, summary {'one was said' in said[0]}")

    def finish(self, system, seen):
        call_until_answered(system, "Undo", {"thread": "crash", "turn": seen[-1]["turn"]}, done="NotNow")
        return call_until_told(system, seen[-1]["seq"])

    def check(self, system, answers, seen):
        expect(answers, ["1 messages, summary False", "one was said [turn 1]", "2 messages, summary True"], "answers")
        expect([e["data"]["ok"] for e in seen if e["kind"] == "compacted"], [True], "compactions")
        expect([e["data"]["turn"] for e in seen if e["kind"] == "head"], [3], "turns that were undone")
        with Client(system.path("fs")) as link:
            versions = link.call("io.clawos.Fs.History", {"path": "conversations/turn-1.md"})["versions"]
        expect(len(versions), 1, "the turn is in the memory once")
        expect(system.ask("three", thread="crash")["answer"], "2 messages, summary True", "the conversation after the undo")


class Local:
    """The local model: what it says is its own affair, that it says something is not."""

    words = ("Say hello.",)

    def __enter__(self):
        self.model = os.environ.get("CLAWOS_MODEL_FILE", "")
        if not os.path.exists(self.model) or not os.path.exists(os.path.join(os.environ["CLAWOS_BIN"], "claw-llmd")):
            raise Skip("the local model (claw-llmd in CLAWOS_BIN, weights in CLAWOS_MODEL_FILE)")
        self.prefixes = tempfile.mkdtemp(prefix="clawos-prefixes-")
        os.chmod(self.prefixes, 0o755)
        with self.system() as system:  # the instructions are read once, as at set-up, not in each session
            expect(system.claw("prepare", timeout=300).returncode, 0, "claw prepare")
            for name in os.listdir(system.state + "/llm"):
                os.chmod(shutil.copy(f"{system.state}/llm/{name}", self.prefixes), 0o444)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.prefixes)

    def finish(self, system, seen):
        return []

    def system(self):
        return System(model=self.model, env={"CLAWOS_PREFIXES": self.prefixes}, config=LOCAL_CONFIG)

    def check(self, system, answers, seen):
        expect_true(answers[0], "the message is answered")


def again(system):
    """After a broken connection: the next claw of a person starts what is not there."""
    if not system.is_up():
        system.start()


def submit_until_accepted(system, body, key):
    if body is None:
        return call_until_answered(system, "Compact", {"thread": "crash", "key": key})
    deadline = time.monotonic() + ACCEPT_SECONDS
    while time.monotonic() < deadline:
        try:
            return system.submit(body, thread="crash", key=key)
        except (Gone, OSError, VarlinkError):
            again(system)
    raise AssertionError("never accepted\n" + system.logs())


def call_until_answered(system, method, parameters, done=""):
    """done: the error that says it was done before, when an answer was lost."""
    deadline, lost = time.monotonic() + ACCEPT_SECONDS, False
    while time.monotonic() < deadline:
        try:
            with system.agent() as link:
                return link.call("io.clawos.Agent." + method, parameters)
        except (Gone, OSError, VarlinkError) as wrong:
            if lost and getattr(wrong, "short", "") == done:
                return None
            lost = True
            again(system)
    raise AssertionError(f"{method} was never answered\n" + system.logs())


def call_until_told(system, after):
    deadline = time.monotonic() + ACCEPT_SECONDS
    while time.monotonic() < deadline:
        try:
            return list(system.events(after=after, thread="crash"))
        except (Gone, OSError, VarlinkError):
            again(system)
    raise AssertionError("events were never told\n" + system.logs())


def session(system, words=Scripted.words):
    """The messages; returns the events a client that reconnects with its last seq has seen."""
    last = [submit_until_accepted(system, body, f"key {body}") for body in words][-1]
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
            again(system)
    raise AssertionError("the session did not end\n" + system.logs())


def check(system, seen, kind):
    records = journal.read(os.path.join(system.state, "journal"))
    numbers = [record.sequence for record in records]
    expect(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "sequence numbers in the journal")
    seqs = [event["seq"] for event in seen]
    expect(seqs, list(range(seqs[0], numbers[-1] + 1)), "a client saw each event once, in order, to the last")
    kinds = collections.Counter(event["kind"] for event in seen)
    expect(kinds["accepted"], len(kind.words), "accepted messages")
    expect([event["data"]["state"] for event in seen if event["kind"] == "turn-done"], ["done"] * len(kind.words), "ended turns")
    answers = [event["data"].get("text") for event in seen if event["kind"] == "answer"]
    expect(len(answers), len(kind.words), "answers")
    kind.check(system, answers, seen)


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


def play(name, inject, kind):
    with kind.system() as system:
        if name == "claw-llmd":  # it starts when it is called
            with Client(system.path("llm")) as link:
                link.call("io.clawos.Llm.Status")
        system.wait_running(name)
        tracer = Tracer(system.pid(name), inject)
        try:
            seen = session(system, kind.words)
            seen += kind.finish(system, seen)
            if name == "claw-agentd":
                await_snapshot(system)
        finally:
            trace = tracer.end()
        check(system, seen, kind)
        return trace


def await_snapshot(system):
    """It is written behind everything somebody waits for: on a fast machine behind the whole session."""
    deadline = time.monotonic() + SNAPSHOT_SECONDS
    names = ()
    while time.monotonic() < deadline and ("snapshot" not in names or "snapshot.new" in names):
        names = os.listdir(os.path.join(system.state, "journal"))
        time.sleep(0.002)


def play_up(_, inject, kind):
    """The supervisor from its exec to the end of the session and its own stop."""
    system = kind.system()
    tracer = Tracer(None, inject, [os.path.join(system.env["CLAWOS_BIN"], "claw"), "up", "--state", system.state], system.env)
    try:
        while tracer.process.poll() is None and not system.is_up():
            time.sleep(0.002)
        check(system, session(system, kind.words), kind)
        system.stop()
        again(system)  # whatever became of the stop
        check(system, list(system.events(thread="crash")), kind)
    finally:
        system.stop()
        trace = tracer.end()
        system.__exit__()
    return trace


def points(name, kind, player):
    trace = player(name, None, kind)
    if name == "claw-agentd":
        snapshots = trace.count('"snapshot.new"')
        expect_true(snapshots > 0, f"a snapshot of the journal is written within the session\n{trace}")
        print(f"# figure: {snapshots} snapshots of the journal in the session")
    counts = collections.Counter(re.match(r"(\w+)\(", line)[1] for line in trace.splitlines() if re.match(r"\w+\(", line))
    found = [f"{call}:signal=SIGKILL:when={n}" for call in CALLS + STARTS * (player is play_up) for n in range(1, counts[call] + 1)]
    expect_true(len(found) >= FEWEST[name], f"{name}: {len(found)} crash points, expected {FEWEST[name]} or more\n{trace[:2000]}")
    return found


def crash(name, make=Scripted, player=play):
    if not shutil.which("strace"):
        raise Skip("strace")
    reached, failures = [], []
    with make() as kind:
        found = points(name, kind, player)
        chosen = found[::EVERY]

        def one(inject):
            try:
                if "killed by SIGKILL" in player(name, inject, kind):
                    reached.append(inject)
            except Skip:
                raise
            except Exception as wrong:  # whatever goes wrong is that point's failure
                failures.append((inject, str(wrong)))

        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(one, chosen))
    print(f"# figure: {len(reached)} crash points of {name}" + (f" ({len(chosen)} of {len(found)} asked for)" if EVERY > 1 else ""))
    for inject, wrong in failures[:10]:
        print(f"# {inject}: " + json.dumps(wrong[:1500]))
    # Two sessions do not send in quite the same pieces: the last calls of one may not be there in another.
    expect_true(len(reached) + len(failures) >= REACHED * len(chosen), f"of {len(chosen)} points {len(reached)} were reached")
    expect(len(failures), 0, f"crash points of {name} that lost or doubled something")


@test
def agentd_can_be_killed_at_every_write_sync_and_send():
    crash("claw-agentd")


@test
def agentd_can_be_killed_at_each_of_them_while_it_compacts_and_undoes():
    crash("claw-agentd", Compacted)


@test
def clawfsd_can_be_killed_at_each_of_them_while_turns_are_put_into_the_memory():
    crash("clawfsd", Compacted)


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
def llmd_can_be_killed_at_every_write_sync_and_send():
    crash("claw-llmd", Local)


@test
def the_supervisor_can_be_killed_at_every_such_call_and_at_every_start_of_a_daemon():
    crash("claw up", player=play_up)


@test
def everything_at_once_can_be_killed_in_mid_turn():
    for step in range(6):
        with Scripted() as kind, kind.system() as system:
            submit_until_accepted(system, "append a line", "key append a line")
            while step and len(system_records(system)) < 1 + 2 * step:
                pass
            system.kill_everything()
            system.start()
            check(system, session(system), kind)


def system_records(system):
    try:
        return list(journal.read(os.path.join(system.state, "journal")))
    except (journal.Damaged, FileNotFoundError):  # a record that is being written
        return []


run()
