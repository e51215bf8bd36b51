# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The shipped claw as a program: -m, --json, exit statuses, the workspace.

The daemons are scripted (harness/peers.py): what no real one would say is said here. The real ones are
behind claw in test-claw-system.py; verbs and files of the state are in test-claw-verbs.py.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

from claw import CLAW, ENVIRONMENT, HARMLESS, HOSTILE, Fixture, answer, sandbox_says  # noqa: E402
from peers import DONE, DROP, Error, Peers  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402

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
def what_the_agent_tells_before_its_answer_is_on_stderr(f):
    f.say(("tool-started", {"id": "a", "tool": "message", "arguments": {"content": "It takes " + HOSTILE}}),
          ("tool-done", {"id": "a", "tool": "message", "ok": True}),
          ("tool-started", {"id": "b", "tool": "plan_update", "arguments": {"steps": []}}),
          ("tool-done", {"id": "b", "tool": "plan_update", "ok": True}), ("answer", {"text": "done"}), DONE)
    done = f.claw("-m", "x")
    expect((done.returncode, done.stdout, done.stderr.decode()), (0, b"done\n", f"claw: It takes {HARMLESS}\n"))


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
def files_go_along_by_descriptor_with_their_names(f):
    f.say(*answer("ok"))
    paths = []
    for name, data in (("cat.png", b"\x89PNG" + bytes(range(256))), ("notes.txt", b"x" * 100000)):
        paths += ["--attach", os.path.join(f.state, name)]
        with open(paths[-1], "wb") as file:
            file.write(data)
    expect(f.claw("-m", "what is it?", *paths, stdin=b"context").returncode, 0)
    (_, parameters, contents), = f.peers.called("Submit")
    expect(parameters["attachments"], [{"name": "cat.png", "fd": 1}, {"name": "notes.txt", "fd": 2}])
    expect(contents, [b"context", b"\x89PNG" + bytes(range(256)), b"x" * 100000])


@test
def what_is_no_file_or_goes_with_no_message_is_not_sent(f):
    fifo = os.path.join(f.state, "fifo")
    os.mkfifo(fifo)
    for arguments, status, words in ((["-m", "x", "--attach", "/nowhere/cat.png"], 1, "/nowhere/cat.png: No such file or directory"),
                                     (["-m", "x", "--attach", f.state], 1, "is no file"), (["-m", "x", "--attach", fifo], 1, "is no file"),
                                     (["-m", "/time", "--attach", CLAW], 64, "no model is asked"), (["--attach", CLAW], 64, "no meaning here"),
                                     (["-m", "x", *["--attach=/etc/hostname"] * 17], 64, "more than 16 times")):
        done = f.claw(*arguments)
        expect((done.returncode, words in done.stderr.decode()), (status, True), f"{arguments}: {done.stderr}")
    expect(f.peers.called("Submit"), [])


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
    told = f.peers.decisions()
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
    expect((done.returncode, done.stderr), (1, b"claw: the message was not accepted: the limit thread.queue (64) is reached\n"))
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
    done = f.claw("-m", "x", "--workspace", "/usr")
    expect_true(done.returncode == 1 and b"not that one\\x1b[2J" in done.stderr, str(done))
    expect(f.claw("-m", "x", "--workspace", "/etc/passwd").returncode, 1)
    expect(f.claw("-m", "x", "--workspace", "/nonexistent").returncode, 1)
    expect(f.peers.called("Submit"), [])


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
