# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The shipped claw as a program: its verbs (lists, trace, status, stop, doctor, logs) and the configuration.

The daemons are scripted (harness/peers.py): what no real one would say is said here.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

from claw import CLAW, ENVIRONMENT, HOSTILE, Fixture, sandbox_says  # noqa: E402
from peers import DONE, Error  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402
from terminal import Terminal  # noqa: E402

JOB = {"id": "job-2", "kind": "job", "title": "count\x1b[2J", "state": "in_progress", "asks": True, "parent": "main", "turn": 2,
       "modelCalls": 3, "modelCallsMax": 50, "deadlineUsec": 9, "updatedUsec": 1}


# --- verbs

@test
def help_names_every_verb_and_what_one_of_them_takes(f):
    out = f.claw("help").stdout.decode()
    expect_true("  trace [TURN]" in out and "--message" in out, out)
    for arguments in (("help", "trace"), ("trace", "--help")):
        out = f.claw(*arguments).stdout.decode()
        expect_true(out.startswith("usage: claw trace [TURN]\n") and "--prompt" in out and "--message" not in out, out)
    done = f.claw("help", "trase")
    expect((done.returncode, b"did you mean claw trace?" in done.stderr), (64, True), str(done))


@test
def lists_are_harmless_and_whole(f):
    f.peers.replies["io.clawos.Agent.Threads"] = {"threads": [
        {"id": 1, "name": "main\x1b[31m", "title": HOSTILE, "turns": 3, "state": "idle", "lastSeq": 9, "updatedUsec": 1}]}
    f.peers.replies["io.clawos.Agent.Tools"] = {"tools": [
        {"name": "shell", "description": "d" * 300 + "\x07", "effect": "execute", "policy": "allow"}]}
    f.peers.replies["io.clawos.Agent.History"] = {"turns": [
        {"turn": 1, "state": "failed", "text": "q\x1b[2J", "answer": "a\x9b1m", "reason": "r\x07",
         "tools": [{"name": "t\x1bc", "ok": False}]}]}
    f.peers.replies["io.clawos.Agent.Jobs"] = {"jobs": [JOB]}
    for verb in ("threads", "tools", "history", "jobs"):
        done = f.claw(verb)
        expect(done.returncode, 0, verb)
        expect([b for b in done.stdout if b < 32 and b != 10 or b == 127], [], verb)
        expect_true(b"\xc2\x9b" not in done.stdout, verb)
        json.loads(f.claw(verb, "--json").stdout)
    expect_true(b"d" * 300 + b"\\x07" in f.claw("tools").stdout, "descriptions are whole when piped")


@test
def jobs_are_apart_from_threads_and_one_is_shown_with_its_log_and_ended(f):
    f.peers.replies["io.clawos.Agent.Threads"] = {"threads": [
        {"id": n, "name": name, "title": "t", "turns": 1, "kind": kind, "state": "idle", "lastSeq": 9, "updatedUsec": 1}
        for n, (name, kind) in enumerate((("main", "thread"), ("job-2", "job"), ("sub-3", "subagent")), 1)]}
    expect([line.split()[0] for line in f.claw("threads").stdout.splitlines()], [b"main"])
    f.peers.replies["io.clawos.Agent.Jobs"] = {"jobs": [{**JOB, "log": "10:00:00Z accepted\x1b[1m", "result": "42\x07"}]}
    out = f.claw("jobs", "job-2").stdout.decode()
    for words in ("job-2", "in_progress", "3 of 50 calls", "asks you: /thread job-2", "10:00:00Z accepted", "42"):
        expect_true(words in out, f"{words}: {out}")
    f.peers.replies["io.clawos.Agent.Interrupt"] = {"turn": 2}
    expect(f.claw("jobs", "cancel", "job-2").stdout, b"cancelled\n")
    expect([c[1] for c in f.peers.called("Interrupt")], [{"thread": "job-2"}])
    f.peers.replies["io.clawos.Agent.Jobs"] = Error("io.clawos.Agent.UnknownThread", thread="main")
    expect(f.claw("jobs", "cancel", "main").returncode, 1)
    expect(f.claw("jobs", "cancel").returncode, 64)


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
                       "startedUsec": 2000000, "durationUsec": 12000, "ok": True, "exit": 0, "bytes": 345, "cage": "execute"},
                      {"seq": 13, "id": "b", "tool": "http", "effect": "send", "arguments": {}, "ok": False,
                       "content": "the address is private\nask for another"}],
        "questions": [{"seq": 14, "action": "POST https://example.org/a/long/path?with=arguments " * 3, "askedUsec": 2100000}]}}
    for columns in (40, 60, 80, 100, 200):
        with Terminal([CLAW, "--state", f.state, "trace"], columns=columns) as t:
            expect(t.end(), 0)
            lines = t.plain().split("\r\n")
            expect([line for line in lines if len(line) > columns], [], str(columns))
            words = "".join(t.plain().split())
            for part in ("attempt 2", "a-model-with-a-name-of-some-length", "cached 1500", "stop calls", "cage execute", "345 B", "open", "the address is private"):
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
def without_a_word_the_state_is_in_the_data_folder_of_the_person(_):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        home, data = os.path.join(folder, "home"), os.path.join(folder, "data")
        for variables, state in (({"XDG_DATA_HOME": data}, data + "/clawos"), ({}, home + "/.local/share/clawos"),
                                 ({"XDG_DATA_HOME": "relative"}, home + "/.local/share/clawos"), ({"CLAWOS_STATE": home + "/own"}, home + "/own")):
            shutil.rmtree(home, ignore_errors=True)
            os.mkdir(home)
            os.chmod(home, 0o777)
            done = subprocess.run([CLAW, "status"], env={**ENVIRONMENT, "HOME": home, **variables}, capture_output=True, timeout=30, check=False,
                                  cwd=folder, user=64899, group=64899, extra_groups=[])
            expect(os.path.isdir(state), True, f"{variables}: {done.stderr!r}")
            stat = os.stat(state)
            expect((stat.st_uid, stat.st_mode & 0o7777), (64899, 0o700))
            expect(os.path.exists(os.path.join(folder, "relative")), False)
            shutil.rmtree(state)
        expect(os.listdir(data), [])


@test
def without_a_word_the_state_of_root_is_in_var_lib(_):
    script = 'mount -t tmpfs none /var/lib; "$@" status >/dev/null 2>&1; stat -c "%a %u %n" /var/lib/* "$HOME" "$XDG_DATA_HOME"'
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", CLAW], capture_output=True, timeout=30, text=True,
                              env={**ENVIRONMENT, "HOME": home, "XDG_DATA_HOME": home + "/data"}, check=False)
        expect(done.stdout.splitlines(), ["700 0 /var/lib/clawos", f"700 0 {home}"], done.stderr)
        expect(os.listdir(home), [])


@test
def doctor_tries_the_kernel_and_names_what_is_missing(f):
    done = f.claw("doctor")
    text = done.stdout.decode()
    for name in ("namespaces", "seccomp", "Landlock", "cgroup v2", "BPF LSM", "TPM", "AppArmor", "state directory", "keyring"):
        expect_true(name in text, name)
    expect_true("Landlock               ABI " in text, text)
    later = text[text.index("not part of this version\n"):].splitlines()[1:]
    for name, line in zip(("L1 hardware trust", "L3 encryption", "L4 monitor", "L5 WASM tools"), later, strict=True):
        expect_true(re.fullmatch(rf"absent    {name:22} \(.{{20,}}\)", line), line)
    os.chmod(f.state, 0o755)
    done = f.claw("doctor")
    expect(done.returncode, 1)
    expect_true("MISSING   state directory        mode 0755" in done.stdout.decode(), done.stdout.decode())


@test
def doctor_calls_degraded_what_is_there_in_part_and_says_what_that_means(f):
    script = """mkdir "$1/v2" && mount -t cgroup2 none "$1/v2" || exit 9
for place in $(sed -n 's/^[^ ]* \\([^ ]*\\) cgroup2 .*/\\1/p' /proc/mounts); do mount --bind "$1/controllers" "$place/cgroup.controllers" || exit 9; done
shift; exec "$@\""""
    for controllers, state, said in (("cpu io", "degraded", "v2 has only: cpu io (memory and processes of a cage are bounded by other means"),
                                     ("cpu memory pids", "in force", "cpu memory pids")):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "controllers"), "w", encoding="ascii") as file:
                file.write(controllers + "\n")
            done = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", folder, CLAW, "--state", f.state, "doctor"],
                                  env=ENVIRONMENT, capture_output=True, timeout=30, text=True, check=False)
        expect_true(f"{state:9} {'cgroup v2':22} {said}" in done.stdout, done.stdout + done.stderr)


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


run(Fixture)
