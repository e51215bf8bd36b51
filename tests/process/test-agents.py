#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Agents are objects: `claw agent new|list|show|rm`, `--agent NAME`; one never reads another's threads or memory.

Environment: CLAWOS_BIN, CLAWOS_BASE, CLAWOS_SHARE. Needs root.
"""
import os
import re
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from cages import require_namespaces  # noqa: E402
from provider import Provider, calls, text  # noqa: E402
from system import System  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402
from varlink import Client, Gone, VarlinkError, connect  # noqa: E402

SECRET = "the zebra password is stripes"
NUMBERS = {"claw-agentd": 64801, "claw-egressd": 64802, "clawfsd": 64804}


class Fixture:
    """default, and `office` beside it; both are up."""

    def __enter__(self):
        require_namespaces()
        self.script = []
        self.provider = Provider(lambda _: self.script.pop(0) if self.script else text("done")).__enter__()
        self.system = System(self.provider).start()
        made = self.claw("agent", "new", "office")
        expect(made.returncode, 0, str(made))
        expect(self.claw("--agent", "office", "threads").returncode, 0)
        self.office = System(state=os.path.join(self.system.state, "agents", "office"))
        return self

    def __exit__(self, *_):
        self.claw("--agent", "office", "stop")
        self.system.__exit__()
        self.provider.__exit__(None, None, None)

    def claw(self, *arguments):
        return self.system.claw(*arguments)

    def teach(self):
        """office knows something, in its memory and in a thread."""
        self.script = [calls(("memory_write", {"content": SECRET})), text("noted")]
        done = self.claw("--agent", "office", "-m", "remember this: " + SECRET)
        expect((done.returncode, done.stdout), (0, b"noted\n"), str(done))
        self.script = []


def uid_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(r"^Uid:\s+(\d+)", file.read(), re.M).group(1))


def fails(uid, program):
    """Runs Python as that uid, with no groups and no rights; what it prints."""
    done = subprocess.run([sys.executable, "-c", program], user=uid, group=uid, extra_groups=[], capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() or done.stderr.strip()


@test
def default_is_made_at_first_start_and_others_are_made_listed_and_shown(f):
    with open(os.path.join(f.system.state, "agent"), encoding="utf-8") as file:
        expect(file.read(), "name=default\nnumber=0\n")
    rows = [line.split() for line in f.claw("agent", "list").stdout.decode().splitlines()]
    expect([(r[0], r[1], r[3]) for r in rows], [("default", "running", "64801"), ("office", "running", "64817")])
    shown = f.claw("agent", "show", "office").stdout.decode()
    for words in ("agents/office/fs", "agents/office/journal", "agents/office/workspace", "tools", "all"):
        expect_true(words in shown, shown)
    expect_true(b"is an agent office already" in f.claw("agent", "new", "office").stderr, "twice")
    for name in ("default", "Work", "../x", "", "a b", "x" * 32):
        expect_true(f.claw("agent", "new", name).returncode != 0, name)
    missing = f.claw("--agent", "nobody", "-m", "hi")
    expect((missing.returncode, b"claw agent new nobody" in missing.stderr), (1, True), str(missing))
    expect(os.path.exists(os.path.join(f.system.state, "agents", "nobody")), False)


@test
def every_daemon_of_an_agent_has_a_uid_and_a_folder_of_its_own(f):
    for system, shift in ((f.system, 0), (f.office, 16)):
        pids = system.pids()
        expect({name: uid_of(pids[name]) for name in NUMBERS}, {name: uid + shift for name, uid in NUMBERS.items()})
        for folder, name in (("journal", "claw-agentd"), ("fs", "clawfsd"), ("egress", "claw-egressd")):
            info = os.stat(os.path.join(system.state, folder))
            expect((info.st_uid, info.st_mode & 0o777), (NUMBERS[name] + shift, 0o700), folder)


@test
def what_one_agent_was_told_the_other_does_not_find(f):
    f.teach()
    expect([t["name"] for t in threads(f.office)], ["main"])
    expect(threads(f.system), [])
    f.script = [calls(("memory_search", {"query": "zebra password"}), ("memory_read", {"path": "MEMORY.md"})), text("nothing")]
    before = len(f.provider.requests)
    f.system.ask("what is the zebra password?")
    expect_true(all(b"stripes" not in r.body for r in f.provider.requests[before:]), "default's prompts hold nothing of office's memory")
    before = len(f.provider.requests)
    f.script = []
    f.claw("--agent", "office", "-m", "what is the zebra password?", "--thread", "new")
    expect_true(any(b"stripes" in r.body for r in f.provider.requests[before:]), "office's own memory is found")


def threads(system):
    with system.agent() as link:
        return link.call("io.clawos.Agent.Threads")["threads"]


@test
def a_taken_over_agentd_reaches_nothing_of_another_agents(f):
    """As default's agentd: in its root, with its uid, and from outside it, should it ever get there."""
    f.teach()
    own, other = f.system.pid("claw-agentd"), f.office.pid("claw-agentd")
    sockets = sorted(os.listdir(f"/proc/{own}/root/clawos/run"))
    expect_true({"egress", "fs", "sandbox"} <= set(sockets) and len(sockets) <= 6, str(sockets))
    for name in ("fs", "egress"):  # and those are its own agent's, by inode
        inside = os.stat(f"/proc/{own}/root/clawos/run/{name}").st_ino
        expect(inside, os.stat(f.system.path(name)).st_ino)
        expect_true(inside != os.stat(f.office.path(name)).st_ino, name)
    uid = NUMBERS["claw-agentd"]
    state = f.office.state
    for path in (f"{state}/journal", f"{state}/fs", f"{state}/run", f"{state}/clawos.conf", f"/proc/{other}/root/clawos/state",
                 f"/proc/{other}/mem", f"/proc/{other}/fd"):
        got = fails(uid, f"import os\ntry: os.open({path!r}, 0); print('opened')\nexcept OSError as e: print(e.errno)")
        expect_true(got in ("13", "1"), f"{path}: {got}")
    got = fails(uid, f"import os\ntry: os.kill({other}, 9); print('killed')\nexcept OSError as e: print(e.errno)")
    expect(got, "1", "kill")
    got = fails(uid, "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
                     f"print(libc.ptrace(16, {other}, 0, 0), ctypes.get_errno())")
    expect(got, "-1 1", "ptrace")
    os.chmod(os.path.join(state, "run"), 0o755)  # as if the sockets could be reached
    os.chmod(state, 0o755)
    for name, method in (("fs", "io.clawos.Fs.Search"), ("agent", "io.clawos.Agent.Threads"), ("egress", "io.clawos.Egress.Status")):
        expect_true(is_refused(f.office.path(name), uid, method), name)
    expect_true(is_refused_seqpacket(f.office.path("sandbox"), uid), "sandbox")
    expect_true(is_alive(other), "office's agentd lives")


def is_refused(path, uid, method):
    try:
        with Client(path, uid=uid, timeout=10) as link:
            link.call(method, {"query": "zebra", "limit": 5} if "Search" in method else {})
    except VarlinkError as problem:
        return problem.short in ("PermissionDenied", "Denied", "NotPermitted")
    except (Gone, OSError):
        return True
    return False


def is_refused_seqpacket(path, uid):
    try:
        with connect(path, uid=uid, kind=socket.SOCK_SEQPACKET) as sock:
            sock.settimeout(10)
            return sock.recv(64) == b""
    except OSError:
        return True


def is_alive(pid):
    return os.path.exists(f"/proc/{pid}")


@test
def an_agent_has_the_tools_and_the_model_of_its_own_configuration(f):
    conf = os.path.join(f.office.state, "clawos.conf")
    f.claw("--agent", "office", "stop")
    with open(conf, "a", encoding="utf-8") as file:
        file.write("tools = echo, time\n")
    f.script = [calls(("shell", {"command": "id"}), ("create_job", {"title": "t", "description": "d"})), text("no")]
    before = len(f.provider.requests)
    done = f.claw("--agent", "office", "-m", "run id")
    expect((done.returncode, done.stdout), (2, b"no\n"), str(done))
    asked = f.provider.requests[before:]
    expect([t["function"]["name"] for t in asked[0].json["tools"]], ["echo", "time"])
    expect(sum("not among those that were given here" in m["content"] for m in asked[-1].json["messages"] if m["role"] == "tool"), 2)
    expect(len(f.claw("tools").stdout.splitlines()) > 10, True)
    expect(len(f.claw("--agent", "office", "tools").stdout.splitlines()), 2)
    f.claw("--agent", "office", "stop")
    with open(conf, encoding="utf-8") as file:
        wrong = file.read().replace("echo, time", "echo, nosuch")
    with open(conf, "w", encoding="utf-8") as file:
        file.write(wrong)
    done = f.claw("--agent", "office", "-m", "hi")
    expect((done.returncode, b'there is no tool "nosuch"' in done.stderr), (1, True), str(done))


@test
def a_removed_agent_is_stopped_and_set_aside_and_its_number_is_free(f):
    f.teach()
    pid = f.office.pid("claw-agentd")
    done = f.claw("agent", "rm", "office")
    expect(done.returncode, 0, str(done))
    expect((is_alive(pid), os.listdir(os.path.join(f.system.state, "agents"))), (False, []))
    kept = os.listdir(os.path.join(f.system.state, "removed"))
    expect_true(len(kept) == 1 and kept[0].startswith("office-"), str(kept))
    expect([line.split()[0] for line in f.claw("agent", "list").stdout.splitlines()], [b"default"])
    expect(f.claw("agent", "rm", "default").returncode, 64)
    expect(f.claw("agent", "rm", "office").returncode, 1)
    expect(f.claw("agent", "new", "office").returncode, 0)
    f.script = [calls(("memory_search", {"query": "zebra password"})), text("no")]
    before = len(f.provider.requests)
    f.claw("--agent", "office", "-m", "what do you know?")
    expect_true(all(b"stripes" not in r.body for r in f.provider.requests[before:]), "a new agent of that name knows nothing")


if __name__ == "__main__":
    run(Fixture)
