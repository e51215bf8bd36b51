#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The shipped claw as the shell of an account: -c, -l, -s, scripts, what ssh, scp and rsync start, and a system that is
broken, stopped or hangs, which keeps nobody out.

The daemons are scripted (harness/peers.py) or absent. Environment: CLAWOS_BIN.
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

import claw  # noqa: E402
from claw import CLAW, answer  # noqa: E402
from person import Person  # noqa: E402
from tap import Skip, expect, expect_true, run, test  # noqa: E402

SIGN = "#" if os.geteuid() == 0 else "$"
NOWHERE = "/proc/no-such-state"  # no state can be there: looking at it would fail


class Fixture(claw.Fixture):
    def __enter__(self):
        super().__enter__()
        self.peers.replies["io.clawos.Agent.History"] = lambda _: {"turns": []}
        self.peers.replies["io.clawos.Agent.Status"] = {"status": {"model": "gpt", "provider": "openai"}}
        self.peers.script = lambda submit: answer(f"heard {submit['text']}")
        self.home = tempfile.mkdtemp(prefix="clawos-home-")
        self.alone = tempfile.mkdtemp(prefix="clawos-alone-")
        return self

    def __exit__(self, *_):
        super().__exit__()
        shutil.rmtree(self.home)
        shutil.rmtree(self.alone)

    def host(self, *arguments, name=CLAW, stdin=b"", **env):
        """claw before a state that cannot be used: whatever works needs none."""
        return subprocess.run([name, *arguments], executable=CLAW, input=stdin, capture_output=True, timeout=30, check=False,
                              env={"PATH": "/usr/bin:/bin", "HOME": self.home, "CLAWOS_STATE": NOWHERE, **env}, cwd=self.home)

    def person(self, *arguments, state=None, **env):
        return Person([CLAW, "--state", state or self.state, *arguments], env={"HOME": self.home, **env})


def says(result):
    return result.returncode, result.stdout.decode(), result.stderr.decode()


@test
def a_command_of_c_is_the_hosts_shells_and_needs_no_system(f):
    expect(says(f.host("-c", "echo a  'b  c'; exit 7")), (7, "a b  c\n", ""))
    expect(says(f.host("-c", "cat; echo err >&2", stdin=b"in\0put")), (0, "in\0put", "err\n"))
    expect(says(f.host("-c", "echo $0 $1 $#", "zero", "-m", "--json")), (0, "zero -m 2\n", ""))
    expect(says(f.host("-c", "")), (0, "", ""))
    expect(says(f.host("-c", "kill -9 $$")), (-9, "", ""))
    expect(says(f.host("--state", "/x", "-c", "echo ${HOME}"))[1], f.home + "\n")
    expect(os.listdir(f.home), [])


@test
def the_letters_of_a_shell_may_stand_together(f):
    with open(os.path.join(f.home, ".profile"), "w", encoding="ascii") as file:
        file.write("FROM=profile\n")
    expect(says(f.host("-lc", "echo $FROM"))[:2], (0, "profile\n"))
    expect(says(f.host("-l", "-c", "echo $FROM"))[:2], (0, "profile\n"))
    expect(says(f.host("-c", "echo ${FROM-none}")), (0, "none\n", ""))
    expect(says(f.host("-ic", "echo $-"))[1].count("i"), 1)


@test
def commands_come_on_standard_input(f):
    expect(says(f.host("-s", "one", stdin=b"echo got $1\nexit 4\n")), (4, "got one\n", ""))
    expect(says(f.host(name="-claw", stdin=b"echo logged in\n"))[:2], (0, "logged in\n"))
    expect(f.host(stdin=b"echo no\n", name="claw").returncode, 1)  # no terminal, and nobody's login shell


@test
def a_script_is_the_hosts_shells(f):
    path = os.path.join(f.home, "script")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"#!{CLAW}\necho script $# \"$@\"\nexit 3\n")
    os.chmod(path, 0o755)
    expect(says(f.host(path, "-m", "a  b")), (3, "script 2 -m a  b\n", ""))
    expect(says(f.host("-c", f"{path} -x")), (3, "script 1 -x\n", ""))  # by its first line
    expect(says(f.host("./none"))[0], 127)


@test
def nothing_of_claws_own_stands_in_a_stream_of_bytes(f):
    """What scp and rsync need: every byte, both ways, and nothing else."""
    every = bytes(range(256)) * 4096
    expect(f.host("-c", "cat", stdin=every).stdout, every)
    expect(f.host("-lc", "cat", stdin=every).stdout, every)


@test
def scp_sends_and_takes_a_file(f):
    if not shutil.which("scp"):
        raise Skip("scp")
    taken = f.host("-c", "scp -t .", stdin=b"C0644 5 copied\nhello\0")
    expect((taken.returncode, taken.stdout), (0, b"\0\0\0"))
    with open(os.path.join(f.home, "copied"), "rb") as file:
        expect(file.read(), b"hello")
    expect(f.host("-c", "scp -f copied", stdin=b"\0\0\0").stdout, b"C0644 5 copied\nhello\0")


@test
def rsync_copies_a_tree(f):
    if not shutil.which("rsync"):
        raise Skip("rsync")
    os.makedirs(os.path.join(f.home, "from/sub"))
    with open(os.path.join(f.home, "from/sub/file"), "w", encoding="ascii") as file:
        file.write("content")
    remote = os.path.join(f.home, "remote")
    with open(remote, "w", encoding="ascii") as file:  # as sshd would: SHELL -c "the command"
        file.write(f'#!/bin/sh\nshift\nexec "{CLAW}" -c "$*"\n')
    os.chmod(remote, 0o755)
    result = subprocess.run(["rsync", "-a", "-e", remote, "from/", "host:to/"], cwd=f.home, capture_output=True, check=False,
                            env={"PATH": "/usr/bin:/bin", "CLAWOS_STATE": NOWHERE})
    expect((result.returncode, result.stderr), (0, b""))
    with open(os.path.join(f.home, "to/sub/file"), encoding="ascii") as file:
        expect(file.read(), "content")


@test
def sftp_is_spoken_through_it(f):
    server = next((p for p in ("/usr/lib/openssh/sftp-server", "/usr/libexec/sftp-server") if os.path.exists(p)), None)
    if not server:
        raise Skip("sftp-server")
    with subprocess.Popen([CLAW, "-c", server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                          env={"PATH": "/usr/bin:/bin", "CLAWOS_STATE": NOWHERE}) as process:
        process.stdin.write(b"\0\0\0\x05\x01\0\0\0\x03")
        expect(process.stdout.read(9)[4:], b"\x02\0\0\0\x03")
        process.stdin.close()


@test
def a_login_shell_with_its_system_is_claw(f):
    with f.person("-l") as t:
        t.prompt().type("hello\n").sees("heard hello").prompt().type("!exit 3\n").sees("the shell has ended (exit 3); the next command starts another one").prompt().type("/sh\n")
        t.until(lambda s: s.lines()[s.cursor()[0]].endswith(SIGN)).type("exit 6\n")
        expect(t.end(), 6)


@test
def a_login_shell_reads_the_persons_profile(f):
    with open(os.path.join(f.home, ".profile"), "w", encoding="ascii") as file:
        file.write("FROM=profile\n")
    with f.person("-l") as t:
        t.prompt().type("!echo from $FROM\n").sees("from profile").prompt()


@test
def a_system_that_does_not_start_leaves_the_command_mode(f):
    for arguments, env in ((("-l",), {}), ((), {"SHELL": "/usr/bin/claw"})):
        with f.person(*arguments, state=f.alone, CLAWOS_BIN="/nonexistent", CLAWOS_BASE="/nonexistent", CLAWOS_SHARE="/nonexistent", **env) as t:
            t.until(lambda s: "the agent is not there: " in s.text() and s.lines()[s.cursor()[0]].endswith(SIGN))
            t.type("echo in; cd /; pwd\n").sees("in").sees("/").until(lambda s: s.lines()[s.cursor()[0]] == f"sh / {SIGN}")
            t.type("?are you there\n").until(lambda s: s.lines()[s.cursor()[0]] == f"sh / {SIGN}" and s.text().count("\n") > 5)
            t.type("echo still in\n").sees("still in").type("exit 4\n")
            expect(t.end(), 4)


@test
def without_a_login_a_system_that_does_not_start_is_a_failure(f):
    with f.person(state=f.alone, CLAWOS_BIN="/nonexistent", CLAWOS_BASE="/nonexistent", CLAWOS_SHARE="/nonexistent") as t:
        expect(t.end(), 1)


@test
def an_agent_that_hangs_is_not_waited_for_after_ctrl_c(f):
    f.peers.replies["io.clawos.Agent.Status"] = lambda _: __import__("time").sleep(60)
    with f.person("-l") as t:
        t.expect("waiting for the system; Ctrl-C: commands without it").type("\x03")
        t.until(lambda s: "the agent is not there: the system was not waited for" in s.text().replace("\n  ", " "))
        t.until(lambda s: s.lines()[s.cursor()[0]].endswith(SIGN))
        t.type("echo in\n").sees("in").type("?hello\n").expect("waiting for the system").type("\x03")
        t.until(lambda s: s.lines()[s.cursor()[0]].endswith(SIGN)).type("echo still in\n").sees("still in")
        f.peers.replies["io.clawos.Agent.Status"] = {"status": {"model": "gpt", "provider": "openai"}}
        t.type("?hello again\n").sees("heard hello again")


@test
def an_agent_that_is_silent_during_a_session_keeps_no_command_waiting(f):
    with f.person("-l") as t:
        t.prompt().type("hello\n").sees("heard hello").prompt()
        f.peers.drop()
        for sock in f.peers.listening:
            sock.shutdown(socket.SHUT_RDWR)
        t.type("!echo in\n").sees("in")


@test
def a_state_that_cannot_be_used_leaves_the_hosts_own_shell(f):
    with Person([CLAW, "--state", NOWHERE, "-l"], env={"HOME": f.home, "PS1": "host> "}) as t:
        t.expect("this is the host's own shell").type("echo in $((1 + 1))\n").expect("in 2").type("exit 5\n")
        expect(t.end(), 5)


@test
def a_shell_that_hangs_at_its_start_is_given_up(f):
    with open(os.path.join(f.home, ".bashrc"), "w", encoding="ascii") as file:
        file.write("exit 9\n")
    if not os.path.exists("/bin/bash"):
        raise Skip("bash")
    with f.person() as t:
        t.prompt().type("!echo never\n")
        t.until(lambda s: "the shell ended before its first prompt (status 9)" in s.text()).prompt()
        t.type("hello\n").sees("heard hello")


expect_true(os.path.exists(CLAW), "claw is built")
run(Fixture)
