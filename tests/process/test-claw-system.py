# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The shipped claw with the shipped daemons behind it, as a person runs them."""
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

from cages import require_namespaces  # noqa: E402
from provider import Answer, Provider, calls, stream, text  # noqa: E402
from screen import Screen  # noqa: E402
from system import System  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402
from terminal import Terminal, foreign  # noqa: E402
from varlink import connect  # noqa: E402

PROMPT = "❯ "
HOSTILE = "\x1b[2J\x1b]0;t\x07\x9b31m\u202e"


class Fixture:
    """A system whose provider says what the test puts into script."""

    def __enter__(self):
        require_namespaces()
        self.script, self.gate = [], threading.Event()
        self.provider = Provider(self.next).__enter__()
        self.system = System(self.provider).start()
        self.state = self.system.state
        return self

    def __exit__(self, *_):
        self.gate.set()
        self.system.__exit__()
        self.provider.__exit__(None, None, None)

    def next(self, _):
        answer = self.script.pop(0) if self.script else text("nothing left to say")
        if callable(answer):
            return answer()
        return answer

    def claw(self, *arguments, **options):
        done = self.system.claw(*arguments, **options)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def terminal(self, *arguments, **options):
        return Terminal([os.path.join(self.system.env["CLAWOS_BIN"], "claw"), *arguments],
                        env={k: v for k, v in self.system.env.items() if k not in ("TERM", "NO_COLOR")}, **options)


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


@test
def several_rounds_of_tools_leave_their_files_and_their_trace(f):
    f.script = [calls(("write_file", {"path": "notes.txt", "content": "one\ntwo\n"})),
                calls(("shell", {"command": "wc -l < notes.txt; exit 3"}), ("time", {"operation": "now"})),
                text("There are **2** lines.")]
    expect(f.claw("-m", "write and count"), (0, "There are **2** lines.\n", ""))
    with open(os.path.join(f.system.workspace, "notes.txt"), encoding="utf-8") as file:
        expect(file.read(), "one\ntwo\n")
    code, out, _ = f.claw("trace")
    expect(code, 0)
    for part in ("turn 1 · main · done", "model 1 · fake", "model 3 · fake", "› write_file notes.txt", "› shell wc -l < notes.txt; exit 3",
                 "exit 3", "· execute ·", "intent ", "cage execute", "cage write", "· began ", "· first token "):
        expect_true(part in out, f"{part!r} in {out}")
    expect_true(re.search(r"prompt [0-9a-f]{12} · \d+\.\d kB", out), out)
    code, out, _ = f.claw("trace", "1", "--json")
    expect(len(json.loads(out)["modelCalls"]), 3)
    code, out, _ = f.claw("trace", "--prompt")
    expect_true("--- prompt of model call 3" in out and "write and count" in out, out[-500:])
    code, out, _ = f.claw("history")
    expect_true("> write and count" in out and "There are **2** lines." in out and "› shell" in out, out)


@test
def hostile_words_of_a_provider_and_a_tool_stay_words(f):
    f.script = [calls(("shell", {"command": "printf '\\033[2J\\033]0;t\\007'; echo " + HOSTILE})), text(f"# {HOSTILE}\n`{HOSTILE}`")]
    with f.terminal() as t:
        t.expect(PROMPT).type("go\n").expect("› shell").expect("exit 127").expect(PROMPT).type("/trace\n").expect("model 1").expect(PROMPT)
        t.type("/history\n").expect("> go").expect(PROMPT).type("\x04")
        t.end()
        expect(foreign(t.output), [])


@test
def bytes_that_are_no_text_never_act_on_the_terminal(f):
    """Overlong forms, C1, halves of sequences over pieces of the stream: raw on the wire, and out of a tool."""
    raw = [b"\xc0\x9b31m", b"\xe0\x82\x9b31m", b"\x9b31m", b"\xc2", b"\x9b2J", b"\xed\xa0\x9b", b"\xf8\x88\x80\x80\x9b", b"\xff\xfe", b"\xe2\x80",
           b"\xae", b"\\u001b", b"]8;;http://evil.example\\u0007", b"\\u009b", b"\\u202e", b"\\ud83d", b"\\udcff", b"\xef\xbb\xbf"]
    head = b'data: {"choices":[{"index":0,"delta":{"content":"'
    tail = b'"}}]}\n\n'
    end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    f.script = [calls(("shell", {"command": "printf '\\300\\2332J \\302\\2332J \\2332J \\342\\200\\256 \\033]52;c;eA==\\007'; exit 1"})),
                *[stream(head + piece + tail, end) for piece in raw], stream(head + b"ok then" + tail, end)]
    with f.terminal() as t:
        t.expect(PROMPT).type("go\n").expect("› shell").expect(PROMPT)
        for _ in raw:
            t.type("/time UTC\n").expect("(UTC)").type("more\n")
        t.type("/history 50\n").expect("> go").expect(PROMPT).type("/run printf '\\300\\2332J\\2332J\\302\\2332J'\n").expect("ok · ")
        t.expect(PROMPT).type("\x04")
        t.end()
        expect(foreign(t.output), [])
        Screen(80, 24).feed(t.output)
    for verb in ("history", "threads", "trace"):
        code, out, _ = f.claw(verb)
        expect((code, foreign(out)), (0, []), verb)


@test
def what_a_direct_form_shows_is_as_the_tool_gave_it(f):
    lines = ["__pycache__", "- old", "+ new", "    ~~~~^^^", "# no heading", "**x** `y`", "```", "1. one", "> no quote", "a_b_c"]
    with open(os.path.join(f.state, "workspace", "lines.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    with f.terminal() as t:
        for form in ("/run cat lines.txt", "/read lines.txt"):
            t.expect(PROMPT).type(form + "\n").expect("ok · ").expect("\r\n".join(lines) + "\r\n")
        t.expect(PROMPT).type("\x04")
        t.end()


@test
def why_a_call_of_the_model_failed_is_said_to_a_script_too(f):
    f.script = [calls(("read_file", {"path": "nowhere.txt"})), text("I did it."), calls(("shell", {"command": "exit 3"})), text("done")]
    code, out, err = f.claw("-m", "go")
    expect((code, out), (0, "I did it.\n"))
    expect_true(err.startswith('claw: read_file failed: there is no file "nowhere.txt"') and err.count("\n") == 1, err)
    code, out, err = f.claw("-m", "go")
    expect((code, out, err), (0, "done\n", ""))


@test
def json_tells_the_whole_turn(f):
    f.script = [calls(("echo", {"message": "hi"})), text("done")]
    code, out, err = f.claw("-m", "go", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    expect((code, err), (0, ""))
    expect([e["kind"] for e in events if e["seq"]],
           ["accepted", "turn-started", "model-started", "model-done", "tool-started", "tool-done", "model-started", "model-done",
            "answer", "turn-done"])
    expect([e["seq"] for e in events if e["seq"]], sorted({e["seq"] for e in events if e["seq"]}))


@test
def every_event_and_field_of_json_is_documented(f):
    with open(os.path.join(os.environ["CLAWOS_SHARE"], "shell-json.md"), encoding="utf-8") as file:
        rows = {line.split("|")[1].strip(): line.split("|")[2] for line in file if line.startswith("|")}
    f.script = [calls(("shell", {"command": "echo hi"}), ("time", {"operation": "now"})),
                calls(("http", {"url": "https://unreachable.invalid/x"}), ("echo", {"wrong": 1})), text("done")]
    _, out, _ = f.claw("-m", "go", "--json", "--allow", "send", stdin=b"context")
    f.script = [Answer(b"no", status=400)] * 5
    _, failed, _ = f.claw("-m", "go", "--json")
    events = [json.loads(line) for line in (out + failed).splitlines()]
    expect_true({"question", "decision", "tool-done", "turn-done"} <= {e["kind"] for e in events}, str({e["kind"] for e in events}))
    missing = {f"{e['kind']}.{key}" for e in events for key in e["data"] if not re.search(rf"\b{key}\b", rows.get(e["kind"], ""))}
    expect(missing, set())


@test
def a_daemon_that_cannot_start_says_why_wherever_it_is_missed(f):
    with open(os.path.join(f.state, "clawos.conf"), "w", encoding="utf-8") as file:
        file.write("[agent]\nmax_iterations = many\n")
    code, _, err = f.claw("-m", "hi")
    expect_true(code == 1 and "claw-agentd does not start" in err and 'max_iterations = "many"' in err, err)
    code, out, _ = f.claw("status")
    expect_true(code == 1 and re.search(r"claw-agentd +failed", out) and 'max_iterations = "many"' in out, out)
    with f.terminal() as t:
        expect(t.end(), 1)
        expect_true("claw-agentd does not start" in t.plain(), t.plain())
    with open(os.path.join(f.state, "clawos.conf"), "w", encoding="utf-8") as file:
        file.write("[agent]\nmax_iterations = 3\n")
    f.script = [text("better")]
    expect(f.claw("-m", "hi"), (0, "better\n", ""))


@test
def standard_input_reaches_the_model(f):
    f.script = [text("reviewed")]
    expect(f.claw("-m", "review", stdin=b"diff --git a/x b/x\n+line")[0], 0)
    expect_true("+line" in f.provider.requests[0].last and "review" in f.provider.requests[0].last, f.provider.requests[0].last)


@test
def a_picture_reaches_the_model_and_the_trace_names_it(f):
    path = os.path.join(f.state, "cat.png")
    picture = b"\x89PNG\r\n\x1a\n" + bytes(3000)
    with open(path, "wb") as file:
        file.write(picture)
    f.script = [text("a cat")]
    expect(f.claw("-m", "what is it?", "--attach", path), (0, "a cat\n", ""))
    parts = f.provider.requests[-1].json["messages"][-1]["content"]
    expect([part["type"] for part in parts], ["text", "image_url", "text"])
    _, shown, _ = f.claw("trace")
    expect_true(re.search(r"with +.*cat.png.*image/png.*3.0 kB.*sha256 " + hashlib.sha256(picture).hexdigest()[:12], shown), shown)
    code, _, complaint = f.claw("-m", "and this?", "--attach", os.path.join(f.state, "journal"))
    expect((code, "is no file" in complaint), (1, True), complaint)


@test
def a_thread_goes_on_where_it_was(f):
    f.script = [text("one"), text("two")]
    f.claw("-m", "first", "--thread", "work")
    f.claw("-m", "second", "--thread", "work")
    contents = [m["content"] for m in f.provider.requests[1].json["messages"] if m["role"] in ("user", "assistant")]
    expect(contents, ["first", "one", "second"])
    expect_true("work" in f.claw("threads")[1], "claw threads lists it")


@test
def what_would_leave_the_machine_is_asked_and_denied_unattended(f):
    call = calls(("http", {"url": "https://unreachable.invalid/x"}))
    f.script = [call, text("I was not allowed.")]
    expect(f.claw("-m", "fetch")[:2], (2, "I was not allowed.\n"))
    f.script = [call, text("It did not resolve.")]
    code, out, _ = f.claw("-m", "fetch", "--allow", "send", "--json")
    expect(code, 0)
    events = [json.loads(line) for line in out.splitlines()]
    expect([e["data"]["allow"] for e in events if e["kind"] == "decision"], [True])
    question, = [e["data"] for e in events if e["kind"] == "question"]
    expect_true("https://unreachable.invalid/x" in question["action"], str(question))


@test
def a_person_answers_a_question_at_the_prompt(f):
    call = calls(("http", {"url": "https://unreachable.invalid/x"}))
    f.script = [call, text("No, then."), call, text("It did not resolve.")]
    with f.terminal() as t:
        t.expect(PROMPT).type("fetch\n").expect("wants to send").expect("https://unreachable.invalid/x").expect("[n]o").type("n")
        t.expect("denied").expect("No, then.").expect(PROMPT)
        t.type("fetch\n").expect("[y]es once").type("y").expect("allowed").expect("It did not resolve.").expect(PROMPT)


@test
def a_directory_is_read_only_for_tools_unless_writing_is_allowed(f):
    folder = tempfile.mkdtemp(prefix="clawos-dir-", dir="/var/tmp")
    os.chmod(folder, 0o755)
    with open(os.path.join(folder, "mine.txt"), "w", encoding="utf-8") as file:
        file.write("precious\n")
    f.script = [calls(("read_file", {"path": "mine.txt"})), calls(("write_file", {"path": "mine.txt", "content": "gone"})), text("ok")]
    code, out, _ = f.claw("-m", "x", "--workspace", folder, "--json")
    expect(code, 0)
    done = [json.loads(line)["data"] for line in out.splitlines() if '"tool-done"' in line]
    expect([d["ok"] for d in done], [True, False])
    expect_true("precious" in done[0]["content"], str(done[0]))
    with open(os.path.join(folder, "mine.txt"), encoding="utf-8") as file:
        expect(file.read(), "precious\n")
    f.script = [calls(("write_file", {"path": "new.txt", "content": "made"})), text("ok")]
    expect(f.claw("-m", "x", "--workspace", folder, "--allow", "write")[0], 0)
    with open(os.path.join(folder, "new.txt"), encoding="utf-8") as file:
        expect(file.read(), "made")


def prompts(f, turn):
    """What each model call of a turn was asked, as the journal keeps it."""
    with f.system.agent() as link:
        trace = link.call("io.clawos.Agent.Trace", {"turn": turn, "prompt": True})["trace"]
        expect([call.get("promptMissing") for call in trace["modelCalls"]], [None] * len(link.fds))
        return [os.pread(fd, 1 << 22, 0) for fd in link.fds]


@test
def what_was_recorded_plays_in_a_fresh_thread_without_the_provider(f):
    first, second = os.path.join(f.state, "first.tape"), os.path.join(f.state, "second.tape")
    f.script = [calls(("shell", {"command": "echo seven"}), ("echo", {"message": "hi"})), text("It says seven.")]
    expect(f.claw("-m", "what does it say?", "--thread", "one", "--record", first), (0, "It says seven.\n", ""))
    f.script = [text("a provider was asked")] * 9
    asked = [request.body for request in f.provider.requests]
    expect(f.claw("-m", "what does it say?", "--thread", "two", "--replay", first, "--record", second), (0, "It says seven.\n", ""))
    expect((len(asked), len(f.provider.requests)), (2, 2), "requests at the provider")
    expect((prompts(f, 1), prompts(f, 2)), (asked, asked), "prompts of both turns")
    with open(first, "rb") as one, open(second, "rb") as two:
        tapes = one.read(), two.read()
    expect(tapes[1], tapes[0], "the tape of the replay")


@test
def a_prompt_that_is_not_the_recorded_one_ends_the_turn_and_shows_the_difference(f):
    tape = os.path.join(f.state, "tape")
    f.script = [calls(("read_file", {"path": "note"})), text("It says seven.")]
    note = os.path.join(f.system.workspace, "note")
    for content in ("seven\n", "eight\n"):
        with open(note, "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(note, 0o644)
        if content == "seven\n":
            expect(f.claw("-m", "read it", "--thread", "one", "--record", tape)[:2], (0, "It says seven.\n"))
    for thread, words, shown in (("two", "read it", ("seven", "eight")), ("three", "read that", ("read it", "read that"))):
        code, out, err = f.claw("-m", words, "--thread", thread, "--replay", tape)
        expect((code, out), (1, ""), err)
        found = re.search(r'differs from the tape at byte (\d+): "(.*)" was recorded, "(.*)" is sent', err, re.S)
        expect_true(found and shown[0] in found[2] and shown[1] in found[3], err)
    expect(len(f.provider.requests), 2, "requests at the provider")


@test
def the_shell_lists_the_tools_and_the_documents_in_memory(f):
    tools = os.path.join(os.environ["CLAWOS_SHARE"], "tools")
    f.claw("-m", "/remember the tide is high")
    with f.terminal(columns=120) as t:
        t.expect(PROMPT).type("/tools\n").expect("write_file").expect(PROMPT)
        for name in os.listdir(tools):
            with open(os.path.join(tools, name), encoding="utf-8") as file:
                row = json.load(file)
            expect_true(re.search(rf"^ *{row['name']} .*\b{row['effect']}\b", t.plain(), re.M), f"{name} in {t.plain()}")
        t.type("/memory\n").expect("USER.md").expect(PROMPT)
        for row in (r"MEMORY\.md +62 B +version 2 +tool:\d+", r"SOUL\.md +\d+ B +version 1 +seed"):
            expect_true(re.search(rf"^ *{row}\r?$", t.plain(), re.M), f"{row} in {t.plain()}")
        t.type("/memory MEMORY.md\n").expect("the tide is high").expect(PROMPT)


@test
def the_state_is_no_workspace_nor_what_it_lies_in(f):
    state = f.system.state
    link = tempfile.mkdtemp(prefix="clawos-link-") + "/link"
    os.symlink(state, link)
    for folder in (state, os.path.dirname(state), "/", os.path.join(state, "run"), os.path.join(state, "log"), link):
        code, _, err = f.claw("-m", "/run cat clawos.conf", "--workspace", folder)
        expect((code != 0, "which tools may not see" in err), (True, True), f"{folder}: {err}")
    os.makedirs(os.path.join(state, "workspace", "own"))
    expect(f.claw("-m", "/run true", "--workspace", os.path.join(state, "workspace", "own"))[0], 0)


@test
def a_workspace_that_became_something_else_is_left_out_at_the_next_start(f):
    folder = tempfile.mkdtemp(prefix="clawos-dir-", dir="/var/tmp")
    secret = tempfile.mkdtemp(prefix="clawos-secret-", dir="/var/tmp")
    for name in ("to-secret", "to-proc"):
        os.mkdir(os.path.join(folder, name))
        expect(f.claw("-m", "/run true", "--workspace", os.path.join(folder, name), "--allow", "write")[0], 0)
    expect(f.claw("-m", "/run true", "--workspace", "/proc")[0] != 0, True)
    made = f.claw("-m", f"/run rmdir to-*; ln -s {secret} to-secret; ln -s /proc to-proc", "--workspace", folder, "--allow", "write")
    expect(made[0], 0)
    f.system.stop()
    f.system.start()
    expect(f.claw("-m", "/run true")[0], 0, f.system.logs())
    with open(f"/proc/{f.system.pid('claw-sandboxd')}/mountinfo", encoding="utf-8") as file:
        expect_true(secret not in file.read(), "the link was followed")


@test
def direct_forms_ask_no_model(f):
    expect(f.claw("-m", "/run echo one > a.txt; cat a.txt")[1].split("\n")[0], "one")
    expect(f.claw("-m", "/read a.txt")[0], 0)
    expect(f.claw("-m", "/remember the tide is high")[0], 0)
    code, out, _ = f.claw("-m", "/recall tide")
    expect_true(code == 0 and "the tide is high" in out, out)
    expect_true(re.fullmatch(r"[A-Z][a-z]+day, \d+ [A-Z][a-z]+ \d{4}, \d\d:\d\d:\d\d \(UTC\)\n", f.claw("-m", "/time UTC")[1]), f.claw("-m", "/time UTC")[1])
    expect(f.provider.requests, [])
    expect_true("model 1" not in f.claw("trace")[1], "no model exchange in the trace")


@test
def ctrl_c_interrupts_and_the_thread_goes_on(f):
    f.script = [lambda: (f.gate.wait(20), text("too late"))[1], text("here again")]
    with f.terminal() as t:
        t.expect(PROMPT).type("hang\n").expect("thinking")
        while not f.provider.requests:
            t.read(0.05)
        begin = time.monotonic()
        t.type("\x03").expect("interrupted").expect(PROMPT)
        expect_true(time.monotonic() - begin < 2, "at once")
        t.type("more\n").expect("here again").expect(PROMPT)
    f.script = [lambda: (f.gate.wait(20), text("too late"))[1]]
    with subprocess.Popen([os.path.join(f.system.env["CLAWOS_BIN"], "claw"), "-m", "hang"], env=f.system.env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        while len(f.provider.requests) < 3:
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=20)
        expect(child.returncode, 130)


@test
def an_agent_killed_in_mid_turn_is_bridged(f):
    f.script = [lambda: (f.gate.wait(20), text("lost"))[1], text("answered after all")]
    with f.terminal() as t:
        t.expect(PROMPT).type("go\n").expect("thinking")
        while not f.provider.requests:
            t.read(0.05)
        f.system.kill("claw-agentd")
        t.expect("answered after all").expect(PROMPT)
        expect(t.plain().count("answered after all"), 1)
        f.gate.set()


@test
def after_kill_9_of_everything_the_next_claw_shows_the_turn_and_goes_on(f):
    f.script = [calls(("echo", {"message": "before the end"})), lambda: (f.gate.wait(20), text("lost"))[1], text("and this is the answer")]
    with f.terminal() as t:
        t.expect(PROMPT).type("a long task\n").expect("› echo before the end")
        while len(f.provider.requests) < 2:
            t.read(0.05)
        os.kill(t.pid, signal.SIGKILL)
        f.system.kill_everything()
    with f.terminal() as t:
        t.expect("> a long task").expect("› echo before the end")
        t.expect("and this is the answer").expect(PROMPT)
        expect(t.plain().count("and this is the answer"), 1)
    f.gate.set()


@test
def a_system_that_was_stopped_on_purpose_is_not_started_by_a_shell_that_watches(f):
    f.script = [lambda: (f.gate.wait(20), text("lost"))[1]]
    with subprocess.Popen([os.path.join(f.system.env["CLAWOS_BIN"], "claw"), "-m", "hang"], env=f.system.env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        while not f.provider.requests:
            time.sleep(0.02)
        expect(f.claw("stop")[:2], (0, "stopped\n"))
        child.communicate(timeout=30)
        expect(child.returncode, 1)
    expect(f.claw("stop")[:2], (0, "was not running\n"))
    f.gate.set()


@test
def the_person_ends_what_runs_whatever_the_agent_does(f):
    f.script = [calls(("shell", {"command": "touch begun; sleep 600"})), lambda: (f.gate.wait(20), text("too late"))[1]]
    with subprocess.Popen([os.path.join(f.system.env["CLAWOS_BIN"], "claw"), "-m", "hang"], env=f.system.env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        while not os.path.exists(os.path.join(f.system.workspace, "begun")):
            time.sleep(0.02)
        pid, held = f.system.pid("claw-agentd"), []
        os.chmod(os.path.join(f.state, "run"), 0o755)  # the test comes in as the agent, from outside its root
        os.kill(pid, signal.SIGSTOP)
        try:
            for _ in range(60):  # an agent that holds all the connections it can get
                held.append(connect(f.system.path("sandbox"), uid=64801, kind=socket.SOCK_SEQPACKET))
            code, out, _ = f.claw("stop", "--cages")
            expect((code, out.split(",")[0]), (0, "1 cage killed"))
            expect_true("the agent could not be told" in out, out)
        finally:
            os.kill(pid, signal.SIGCONT)
            for sock in held:
                sock.close()
        expect([p for p in os.listdir("/proc") if p.isdigit() and b"sleep\x00600" in command_line(p)], [])
        expect(f.claw("stop", "--cages")[0], 0)
        child.communicate(timeout=20)
        expect(child.returncode, 130)
    f.script = [text("here again")]
    expect(f.claw("-m", "and now")[1], "here again\n")


@test
def a_shell_stays_when_the_system_is_stopped_and_starts_it_for_a_message_only(f):
    f.script = [text("before"), text("after")]
    with f.terminal() as t:
        t.expect(PROMPT).type("one\n").expect("before").expect(PROMPT)
        expect(f.claw("stop")[:2], (0, "stopped\n"))
        t.expect("the system was stopped").expect("the next message starts it again").expect(PROMPT)
        t.read(1)
        expect(f.claw("stop")[:2], (0, "was not running\n"))
        t.type("two\n").expect("after").expect(PROMPT)
        expect(t.plain().count("before"), 1)
        expect(f.claw("stop")[:2], (0, "stopped\n"))
        t.expect("the next message starts it again").expect(PROMPT).type("/quit\n")
        expect((t.end(), f.claw("stop")[1]), (0, "was not running\n"))


@test
def doctor_finds_the_daemons_as_the_table_says(f):
    f.claw("-m", "/run true")
    _, out, _ = f.claw("doctor")
    for daemon in ("claw-sandboxd", "clawfsd", "claw-egressd", "claw-agentd"):
        expect_true(re.search(rf"in force  {daemon} +pid \d+, uid .*, seccomp$", out, re.M), out)
    expect_true(re.search(r'in force  cage "execute" +self-test: \d+ forbidden things tried, all refused', out), out)
    expect_true(re.search(r"in force  agent +fake \(OpenAI-compatible server\), threads: \d", out), out)


@test
def doctor_says_what_it_means_that_a_machine_bounds_processes_only_one_by_one(f):
    script = 'mount -t tmpfs none /sys/fs/cgroup && exec "$0" -m /time'
    system = System(f.provider)
    try:
        start = ["unshare", "-m", "--propagation", "private", "sh", "-c", script, os.path.join(system.env["CLAWOS_BIN"], "claw")]
        expect(subprocess.run(start, env=system.env, stdout=subprocess.DEVNULL, timeout=60, check=False).returncode, 0)
        system.wait_running("claw-sandboxd")
        out = system.claw("doctor").stdout.decode()
        for name in ("cage memory", "cage processes"):
            expect_true(re.search(rf"^degraded  {name} +[^(\n]+ \(bounded per process, not for the cage as a whole\)$", out, re.M), out)
    finally:
        system.__exit__()


@test
def asking_costs_less_than_ten_milliseconds_of_its_own(f):
    f.claw("-m", "/time UTC")
    times = []
    for _ in range(9):
        begin = time.monotonic()
        expect(f.claw("-m", "/time UTC")[0], 0)
        times.append(time.monotonic() - begin)
    print(f"# figure: claw -m /time, whole process: median {sorted(times)[4] * 1000:.1f} ms")
    expect_true(sorted(times)[4] < 0.030, f"{times}")


run(Fixture)
