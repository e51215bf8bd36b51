#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What the Tab key offers in the shipped claw, and what is said of a command: on a model of the screen.

The daemons are scripted (harness/peers.py). Environment: CLAWOS_BIN.
"""
import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

import claw  # noqa: E402
from claw import CLAW  # noqa: E402
from person import Person  # noqa: E402
from tap import expect_true, run, test  # noqa: E402

SIGN = "#" if os.geteuid() == 0 else "$"


class Fixture(claw.Fixture):
    def __enter__(self):
        super().__enter__()
        replies = self.peers.replies
        replies["io.clawos.Agent.History"] = lambda _: {"turns": []}
        replies["io.clawos.Agent.Status"] = {"status": {"model": "gpt", "provider": "openai"}}
        replies["io.clawos.Agent.Threads"] = {"threads": [{"name": "main"}, {"name": "work"}, {"name": "workshop"}]}
        replies["io.clawos.Agent.Tools"] = {"tools": [{"name": "read_file"}, {"name": "write_file"}]}
        self.home = tempfile.mkdtemp(prefix="clawos-home-")
        for name in ("alpha beta.txt", "alphabet", ".hidden", "\x1b[31mevil", "日本語", "日曜日", "it's"):
            with open(os.path.join(self.home, name), "w", encoding="utf-8"):
                pass
        os.makedirs(os.path.join(self.home, "dir/sub"))
        os.mkdir(os.path.join(self.state, "workspace"))
        with open(os.path.join(self.state, "workspace/notes.md"), "w", encoding="ascii"):
            pass
        return self

    def __exit__(self, *_):
        super().__exit__()
        shutil.rmtree(self.home)

    def person(self, *arguments):
        before = os.getcwd()
        os.chdir(self.home)
        try:
            return Person([CLAW, "--state", self.state, *arguments], env={"HOME": self.home})
        finally:
            os.chdir(before)


def becomes(t, typed, shown, offered=None):
    """Typed at an empty prompt, Tab last: the line is then this, and the names below it."""
    t.prompt().type(typed + "\t")
    rows = [f"❯ {shown}".rstrip()] + ([f"  {offered}"] if offered else [])
    t.until(lambda s: [line for line in s.lines() if line][-len(rows):] == rows, f"{rows}")
    t.type("\x15")


@test
def commands_and_their_words_are_completed(f):
    with f.person() as t:
        becomes(t, "/hist", "/history", "[TURNS]  the last turns of this thread")
        becomes(t, "/th", "/thread", "/threads  /thread")
        becomes(t, "/model l", "/model list")
        becomes(t, "/export j", "/export json")
        becomes(t, "/nothing", "/nothing")


@test
def threads_are_completed(f):
    with f.person() as t:
        becomes(t, "/thread m", "/thread main")
        becomes(t, "/thread wo", "/thread work", "work  workshop")


@test
def tools_and_files_of_the_workspace_are_completed_in_a_message(f):
    with f.person() as t:
        becomes(t, "use rea", "use read_file")
        becomes(t, "look at no", "look at notes.md")
        becomes(t, "/read n", "/read notes.md")
        becomes(t, "?use wri", "?use write_file")
        becomes(t, "nothing like it zzz", "nothing like it zzz")


@test
def files_and_programs_are_completed_in_a_command(f):
    with f.person() as t:
        becomes(t, "!cat alpha\\ ", "!cat alpha\\ beta.txt")
        becomes(t, "!cat alp", "!cat alpha", "alpha\\ beta.txt  alphabet")
        becomes(t, "!cat 'alpha ", "!cat 'alpha beta.txt")
        becomes(t, "!cat it", "!cat it\\'s")
        becomes(t, "!ls di", "!ls dir/")
        becomes(t, "!ls dir/s", "!ls dir/sub/")
        becomes(t, "!ls ~/di", "!ls ~/dir/")
        becomes(t, "!cat .h", "!cat .hidden")
        becomes(t, "!echo x > dir/s", "!echo x > dir/sub/")
        becomes(t, "!true && basenam", "!true && basename")
        becomes(t, "!umas", "!umask")
        becomes(t, "/attach alphab", "/attach alphabet")


@test
def half_a_character_is_never_offered(f):
    with f.person() as t:
        becomes(t, "!cat 日", "!cat 日", "日曜日  日本語")


@test
def a_name_that_could_act_on_the_terminal_is_not_offered(f):
    with f.person() as t:
        t.prompt().type("!ls \t").until(lambda s: "alphabet" in s.text())
        expect_true("evil" not in t.output and "\x1b[31m" not in t.output, "it was offered")


@test
def the_command_mode_completes_where_its_shell_is(f):
    with f.person() as t:
        t.prompt().type("/sh\n").sees(f"sh ~ {SIGN}").type("cd dir\n").until(lambda s: s.lines()[s.cursor()[0]] == f"sh ~/dir {SIGN}")
        t.type("ls s\t").until(lambda s: s.lines()[s.cursor()[0]] == f"sh ~/dir {SIGN} ls sub/")
        t.type("\x15/usr/bi\t").until(lambda s: s.lines()[s.cursor()[0]] == f"sh ~/dir {SIGN} /usr/bin/")
        t.type("\x15?use rea\t").until(lambda s: s.lines()[s.cursor()[0]] == f"sh ~/dir {SIGN} ?use read_file")


@test
def a_command_says_what_it_takes(f):
    with f.person() as t:
        t.prompt().type("/thread ").until(lambda s: s.lines()[s.cursor()[0] + 1].strip() == "[NAME]  go on in another thread, or name this one")
        t.type("x").until(lambda s: "[NAME]" not in s.text()).prompt("/thread x")


@test
def an_agent_that_is_silent_is_not_waited_for(f):
    f.peers.replies["io.clawos.Agent.Tools"] = lambda _: time.sleep(30)
    with f.person() as t:
        begun = time.monotonic()
        becomes(t, "look at no", "look at notes.md")
        expect_true(time.monotonic() - begun < 8, "it was waited for")


run(Fixture)
