#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A person's own commands in the shipped claw: !COMMAND, the command mode, questions about what a command said.

The daemons are scripted (harness/peers.py), the shell behind it is the host's own, the terminal is a pty
(harness/terminal.py). Environment: CLAWOS_BIN.
"""
import os
import shutil
import signal
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

import claw  # noqa: E402
from claw import CLAW, HOSTILE, answer  # noqa: E402
from person import Person  # noqa: E402
from tap import Skip, expect, expect_true, run, test, wait_for  # noqa: E402

MODE = "sh ~ #" if os.geteuid() == 0 else "sh ~ $"
F2 = "\x1bOQ"


class Fixture(claw.Fixture):
    def __enter__(self):
        super().__enter__()
        self.peers.replies["io.clawos.Agent.History"] = lambda _: {"turns": []}
        self.peers.replies["io.clawos.Agent.Status"] = {"status": {"model": "gpt", "provider": "openai"}}
        self.peers.script = lambda submit: answer(f"heard {submit['text']}")
        self.home = tempfile.mkdtemp(prefix="clawos-home-")
        return self

    def __exit__(self, *_):
        super().__exit__()
        shutil.rmtree(self.home)

    def person(self, *arguments, env=None, **options):
        return InHome(self.home, [CLAW, "--state", self.state, *arguments], env={"HOME": self.home, **(env or {})}, **options)

    def contexts(self):
        return [c[2] for c in self.peers.called("Submit")]


class InHome(Person):
    """Begins in its home, and knows the prompt of the command mode."""

    def __init__(self, home, *arguments, **options):
        before = os.getcwd()
        os.chdir(home)
        try:
            super().__init__(*arguments, **options)
        finally:
            os.chdir(before)

    def mode(self, text="", sign=MODE):
        wanted = f"{sign} {text}".rstrip()
        return self.until(lambda s: [line for line in s.lines() if line][-1:] == [wanted], repr(wanted))

    def rows(self):
        return [line for line in self.screen().lines() if line]

    def behind(self, line):
        """What stands below the last row that is exactly this."""
        rows = self.rows()
        return rows[len(rows) - rows[::-1].index(line):]


@test
def a_command_runs_at_the_prompt_and_the_agent_hears_nothing_of_it(f):
    with f.person() as t:
        t.prompt().type("!echo one two | tr a-z A-Z; pwd\n").sees("ONE TWO").prompt()
        expect(t.behind("❯ !echo one two | tr a-z A-Z; pwd"), ["ONE TWO", os.path.realpath(f.home), "❯"])
        t.type("!ls /nowhere\n").sees("exit 2").prompt()
        t.type("?!echo is a message\n").sees("heard !echo is a message").prompt()
        expect(f.texts(), ["!echo is a message"])
        t.type("\x04")
        expect(t.end(), 0)


@test
def directory_variables_jobs_functions_and_aliases_stay_between_lines(f):
    with f.person() as t:
        t.prompt().type("/sh\n").mode().type("mkdir -p a/b; cd a; X='1  2'; twice() { echo $1$1; }\n").mode(sign=MODE.replace("~", "~/a"))
        t.type("twice ab; echo \"$X\"\n").sees("abab").sees("1  2").mode(sign=MODE.replace("~", "~/a"))
        t.type("alias hi='echo hello'\n").mode(sign=MODE.replace("~", "~/a")).type("hi\n").sees("hello").mode(sign=MODE.replace("~", "~/a"))
        t.type("false\n").mode(sign="[1] " + MODE.replace("~", "~/a")).type("echo was $?\n").sees("was 1").type("cd\n").mode()
        t.type("sleep 1000 &\n").mode().type("jobs\n").until(lambda s: any("Running" in line for line in s.lines())).mode()
        t.type(F2).prompt().type("!echo $X; kill %1\n").sees("1 2").prompt()
        expect(f.texts(), [])


@test
def ctrl_c_ends_what_runs_and_nothing_else(f):
    with f.person() as t:
        t.prompt().type("!sh -c 'echo begun; exec sleep 1000'; echo not this\n").sees("begun").type("\x03").prompt()
        expect_true("not this" not in t.behind("begun"), "the list went on")
        t.type("!echo looping; while :; do :; done\n").sees("looping")
        t.type("\x03").sees("exit 130").prompt().type("!echo alive\n").sees("alive").prompt()


@test
def ctrl_z_stops_a_job_that_can_go_on(f):
    with f.person() as t:
        t.prompt().type(F2).mode().type("sh -c 'echo begun; read x; echo got $x'\n").sees("begun").type("\x1a")
        t.until(lambda s: any("Stopped" in line for line in s.lines())).mode(sign="[148] " + MODE)
        t.type("echo between\n").sees("between").mode().type("fg\n").until(lambda s: s.lines().count("between") == 1)
        t.until(lambda s: s.lines()[s.cursor()[0]] == "" and "fg" in s.text())
        t.type("word\n").sees("got word").mode()


@test
def a_program_has_the_terminal_to_itself(f):
    """Keys one by one, not echoed, Ctrl-C as a byte; then the line editor's again."""
    with open(os.path.join(f.home, "keys"), "w", encoding="ascii") as file:
        file.write("stty raw -echo; printf 'ready\\r\\n'; dd bs=1 count=3 2>/dev/null | od -An -tx1; stty sane; tty\n")
    with f.person() as t:
        flags = t.prompt().flags()
        t.type("!sh keys\n").sees("ready").type("\x03\x1az").sees(" 03 1a 7a").prompt()
        expect_true(any("/dev/pts/" in line or "/dev/tty" in line for line in t.rows()), f"no terminal of its own: {t.rows()}")
        expect(t.flags() & (termios.ICANON | termios.ECHO | termios.ISIG), flags & (termios.ICANON | termios.ECHO | termios.ISIG))
        t.type("ty\x08wo\n").sees("heard two")


@test
def the_size_of_the_terminal_is_the_commands_too(f):
    with f.person(columns=90, rows=30) as t:
        t.prompt().type("!stty size\n").sees("30 90").prompt()
        t.type("!sh -c 'trap \"stty size; exit\" WINCH; echo begun; while :; do sleep 0.05; done'\n").sees("begun")
        t.size = (70, 30)
        t.resize(70, 30).sees("30 70")


@test
def what_a_command_leaves_switched_on_is_switched_off(f):
    with f.person() as t:
        t.prompt().type(r"!printf '\033[31mred'" + "\n")
        t.until(lambda s: "red" in s.lines()).prompt()
        expect_true("\x1b[31mred\x1b[0m\r\n" in t.output, f"no reset behind it: {t.output[-200:]!r}")
        at = len(t.output)
        t.type(r"!printf '\033[?25l\033[?1049h\033[?1000;1006h\033[4h\033=inside\033]0;tit'" + "\n")
        deadline = time.monotonic() + 20
        while "❯ " not in t.output[at:].split("tit")[-1]:
            expect_true(time.monotonic() < deadline and t.read(1), "no prompt behind it")
        behind = t.output[at:].split("\x1b]0;tit")[1]
        for undone in ("\x1b\\", "\x1b[?25h", "\x1b[?1049l", "\x1b[?1000l", "\x1b[?1006l", "\x1b[4l", "\x1b>"):
            expect_true(undone in behind, f"{undone!r} is missing in {behind!r}")


@test
def the_output_of_a_command_is_sent_only_when_it_is_asked_about(f):
    with f.person() as t:
        t.prompt().type("!printf 'a\\033[31mb\\033[0m\\n'; echo x\\\\y; exit_with() { return 3; }; exit_with\n").sees("exit 3").prompt()
        t.type("hello\n").sees("heard hello").prompt().type("^what is this?\n").sees("heard what is this?").prompt()
        t.type("/explain\n").until(lambda s: any(line.startswith("heard Explain") for line in s.lines())).prompt()
        expect([len(c) for c in f.contexts()], [0, 1, 1])
        context = f.contexts()[1][0].decode()
        expect(context.splitlines()[0], "$ printf 'a\\033[31mb\\033[0m\\n'; echo x\\\\y; exit_with() { return 3; }; exit_with")
        expect(context.splitlines()[1:], [f"[directory {os.path.realpath(f.home)}, exit status 3]", "ab", "x\\y"])
        expect(f.contexts()[2][0].decode(), context)


@test
def what_is_sent_of_an_output_is_bounded(f):
    with f.person() as t:
        t.prompt().type("!seq 4000\n").sees("4000").prompt().type("^\n")
        f.peers.wait_called("Submit")
        context = f.contexts()[0][0].decode().splitlines()
        expect(context[2], "[the first 6509 bytes of its output are left out]")  # the terminal's, each line with CR LF
        expect(context[-1], "4000")
        expect_true(sum(len(line) + 1 for line in context) < 17 * 1024, "more than 16 KiB")


@test
def nothing_said_yet_is_nothing_to_ask_about(f):
    with f.person() as t:
        t.prompt().type("^why?\n").sees("no command has said anything yet; !COMMAND runs one").prompt()
        expect(f.texts(), [])


@test
def in_the_command_mode_paths_are_paths_and_signs_are_signs(f):
    with f.person() as t:
        t.prompt().type("/sh\n").mode().type("/bin/echo a path\n").sees("a path").mode()
        t.type("?who are you\n").sees("heard who are you").mode().type("!echo sign\n").sees("sign").mode()
        t.type("/help\n").until(lambda s: any(line.startswith("/quit") for line in s.lines())).mode()
        t.type("\x04").prompt().type("\x04")
        expect(t.end(), 0)
        expect(f.texts(), ["who are you"])


@test
def exit_ends_the_inner_shell_and_the_next_command_starts_another(f):
    with f.person() as t:
        t.prompt().type(F2).mode().type("Z=1; exit 5\n").sees("the shell has ended (exit 5); the next command starts another one").prompt()
        t.type("!echo ${Z-new}\n").sees("new").prompt()
        t.type("!kill -9 $$\n").sees("the shell has ended (exit 137); the next command starts another one").prompt()
        t.type("!echo still here\n").sees("still here").prompt()


@test
def what_is_typed_ahead_is_the_next_command_and_no_message(f):
    with f.person() as t:
        t.prompt().type(F2).mode().type("echo begun; sleep 0.5\n").sees("begun").type("echo ahead\n")
        t.until(lambda s: s.lines().count("ahead") == 1).mode()
        t.type(F2).prompt().type("!echo again; sleep 0.5\n").sees("again").type("secret\n")
        t.prompt().type("after\n").sees("heard after")
        expect(f.texts(), ["after"])


@test
def a_job_in_the_background_speaks_above_what_is_typed(f):
    with f.person() as t:
        t.prompt().type("!(sleep 0.3; echo from the back) & echo begun\n").sees("begun")
        t.prompt().type("half").prompt("half").sees("from the back").prompt("half").type(" done\n").sees("heard half done")


@test
def a_turn_goes_on_while_a_command_runs(f):
    import threading
    go = threading.Event()
    f.peers.script = lambda _: [("turn-started", {}), ("model-started", {"call": 1}), ("text", {"call": 1, "offset": 0, "text": "first "}),
                                lambda _: go.wait(20), ("text", {"call": 1, "offset": 6, "text": "second"}),
                                ("model-done", {"call": 1, "text": "first second"}), ("answer", {"text": "first second"}), ("turn-done", {"state": "done"})]
    with f.person() as t:
        t.prompt().type("slow\n").sees("first").type("!echo mine; read x; echo $x\n").sees("mine")
        go.set()
        f.peers.await_sent()
        t.type("typed\n").until(lambda s: s.lines().count("typed") == 2).prompt()
        rows = t.behind("mine")
        expect(rows[:2], ["typed", "typed"])
        expect_true(any(row.endswith("second") for row in rows[2:]), f"the answer did not go on behind it: {rows}")


@test
def history_comes_back_as_what_it_was(f):
    with f.person() as t:
        t.prompt().type("a message\n").sees("heard a message").prompt().type(F2).mode().type("echo 1\n").sees("1").mode()
        t.type("\x1b[A").mode("echo 1").type("\x1b[A").mode("?a message").type("\x1b[B\x1b[B").mode().type(F2).prompt()
        t.type("\x1b[A").prompt("!echo 1").type("\x15\x04")
        expect(t.end(), 0)


@test
def start_files_are_read_and_cannot_take_the_prompt_away(f):
    with open(os.path.join(f.home, ".bashrc"), "w", encoding="ascii") as file:
        file.write("PS1='mine> '; PROMPT_COMMAND='echo prompt command'; PS0=zero; from_rc() { echo from rc; }\n")
    if not os.path.exists("/bin/bash"):
        raise Skip("bash")
    with f.person() as t:
        t.prompt().type("!from_rc\n").sees("from rc").prompt().type("!PS1='other '; echo set\n").sees("set").prompt().type("!echo fine\n").sees("fine").prompt()
        expect_true("mine>" not in t.output and "prompt command" not in t.output and "zero" not in t.output, "its prompt is shown")


@test
def any_text_can_be_a_command(f):
    with f.person() as t:
        t.prompt().type("!echo it\\'s \"a 'b'\" '$HOME' `echo c` # comment\n").sees("it's a 'b' $HOME c").prompt()
        t.type("!if\n").until(lambda s: any("yntax error" in line for line in s.lines())).prompt()
        t.type("!cat <<END\\\nline one\\\nEND\n").sees("line one").prompt()
        t.type("!echo 日本 e\u0301 👨\u200d👩\u200d👧\n").until(lambda s: any("日本" in line and "echo" not in line for line in s.lines())).prompt()


@test
def a_name_cannot_act_on_the_terminal(f):
    os.mkdir(os.path.join(f.home, HOSTILE.replace("/", "")))
    with f.person(columns=120) as t:
        t.prompt().type("/sh\n").mode().type("cd *end\n")
        t.until(lambda s: any(line.endswith("end #" if os.geteuid() == 0 else "end $") for line in s.lines()))
        expect_true("\x1b[31mred" not in t.output, "the directory's name reached the terminal raw")


@test
def the_shell_and_its_jobs_end_with_claw(f):
    with f.person() as t:
        t.prompt().type("!sleep 1234 & echo job $! shell $$\n").until(lambda s: any(line.startswith("job ") for line in s.lines())).prompt()
        words = next(line for line in t.rows() if line.startswith("job ")).split()
        t.type("\x04")
        expect(t.end(), 0)
        for pid in (words[1], words[3]):
            wait_for(lambda pid=pid: not os.path.exists(f"/proc/{pid}") or "\nState:\tZ" in open(f"/proc/{pid}/status", encoding="ascii").read(),
                     "it ends")


@test
def a_terminal_that_goes_away_ends_a_command_and_claw(f):
    t = f.person()
    t.prompt().type("!sleep 4321\n").until(lambda s: "❯" not in s.lines()[s.cursor()[0]])
    os.close(t.fd)
    deadline = time.monotonic() + 20
    while os.waitpid(t.pid, os.WNOHANG) == (0, 0):
        expect_true(time.monotonic() < deadline, "claw stays")
        time.sleep(0.02)


@test
def a_signal_to_claw_ends_it_while_a_command_runs(f):
    with f.person() as t:
        t.prompt().type("!echo begun; sleep 4321\n").sees("begun")
        os.kill(t.pid, signal.SIGTERM)
        expect(t.end(), 0)


run(Fixture)
