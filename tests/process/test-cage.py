# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Real cages of the shipped claw-sandboxd, with the shipped claw-toolwork inside: looked at from outside, attacked from
inside. How they end and how the daemon is spoken to: test-sandboxd.py.

Environment: CLAWOS_BIN.
"""
import errno
import os
import socket
import stat
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from cages import AGENT, ATTEMPTS, OWNER, PROFILES, Fixture, Refused, Sandbox, clone_mount  # noqa: E402
from tap import Skip, expect, expect_true, run, test  # noqa: E402

NOBODY, PERSON = 65534, 1000
RLIMIT_ONLY = 1
NAMESPACES = ("user", "pid", "mnt", "net", "ipc", "uts", "cgroup")


# --- seen from outside


@test
def a_cage_has_no_rights(sandbox):
    with sandbox.connect(AGENT) as link:
        for profile in PROFILES:
            cage = link.launch(profile)
            status = cage.status()
            expect(status["NoNewPrivs"], "1", profile)
            expect(status["Seccomp"], "2", profile)
            expect(status["Groups"].strip(), "", profile)
            for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                expect(int(status[kind], 16), 0, f"{profile} {kind}")
            for kind in ("Uid", "Gid"):
                expect(set(status[kind].split()), {str(NOBODY)}, f"{profile} {kind}")
            for kind in ("uid_map", "gid_map"):
                with open(f"/proc/{cage.pid}/{kind}", encoding="ascii") as file:
                    expect(file.read().split(), [str(NOBODY), str(NOBODY), "1"], f"{profile} {kind}")
            with open(f"/proc/{cage.pid}/setgroups", encoding="ascii") as file:
                expect(file.read().strip(), "deny", profile)
            cage.close()
            link.ended(cage)


@test
def a_cage_shares_no_namespace(sandbox):
    with sandbox.connect(AGENT) as link:
        first, second = link.launch("execute"), link.launch("execute")
        for kind in NAMESPACES:
            names = {os.readlink(f"/proc/{pid}/ns/{kind}") for pid in (first.pid, second.pid, sandbox.pid)}
            expect(len(names), 3, kind)


@test
def only_workspace_and_tmp_are_writable(sandbox):
    with sandbox.connect(AGENT) as link:
        for profile, wanted in (("read", {"/tmp", "/proc"}), ("execute", {"/workspace", "/tmp", "/proc"})):
            cage = link.launch(profile)
            with open(f"/proc/{cage.pid}/mountinfo", encoding="utf-8") as file:
                rows = [line.split() for line in file]
            expect({row[4] for row in rows if "rw" in row[5].split(",")}, wanted, profile)
            expect_true(all("nosuid" in row[5].split(",") for row in rows), "every mount is nosuid")
            expect_true(all("nodev" in row[5].split(",") or row[4].startswith("/dev/") for row in rows), "nodev")
            expect_true(not any(row[4].startswith("/sys") for row in rows), "no /sys")
            proc = next(row for row in rows if row[4] == "/proc")
            expect_true("hidepid=invisible" in proc[-1] and "subset=pid" in proc[-1], proc)
            cage.close()
            link.ended(cage)


@test
def nothing_but_the_stream_is_open(sandbox):
    with sandbox.connect(AGENT) as link:
        cage = link.launch("read")
        expect(sorted(os.listdir(f"/proc/{cage.pid}/fd"), key=int)[:4], ["0", "1", "2", "3"])
        targets = {os.readlink(f"/proc/{cage.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{cage.pid}/fd")}
        expect_true(all(t == "/dev/null" or t == "/workspace" or t.startswith("socket:") for t in targets), targets)
        with open(f"/proc/{cage.pid}/environ", "rb") as file:
            expect_true(b"LISTEN" not in file.read(), "no environment of the daemon")


@test
def the_self_test_tried_everything_and_nothing_succeeded(sandbox):
    with sandbox.connect(AGENT) as link, sandbox.connect(OWNER) as owner:
        expect({p.verdict for p in owner.status().proofs.values()}, {0})
        for profile in PROFILES:
            cage = link.launch(profile)
            cage.close()
            link.ended(cage)
        for profile, proof in owner.status().proofs.items():
            expect((proof.verdict, proof.tried, proof.failed), (1, ATTEMPTS, 0), profile)
            expect_true(proof.wall_us < 1000000, proof)
            print(f"# self-test of {profile}: {proof.tried} attempts, {proof.wall_us / 1000:.1f} ms")


# --- files


@test
def files_belong_to_the_owner_outside_and_to_the_cage_inside(_):
    with Sandbox(workspace_uid=PERSON) as sandbox, sandbox.connect(AGENT) as link:
        with open(sandbox.path("mine"), "w", encoding="ascii") as file:
            file.write("before")
        os.chown(sandbox.path("mine"), PERSON, PERSON)
        os.chmod(sandbox.path("mine"), 0o600)
        with open(sandbox.path("foreign"), "w", encoding="ascii") as file:
            file.write("root's")
        reply = link.shell("stat -c %u:%g mine foreign; cat mine; echo more >> mine; mkdir d; echo x > d/new; echo y > foreign")
        expect(reply.content.split("\n")[:2], ["65534:65534", "65534:65534"])
        expect_true("before" in reply.content, reply.content)
        for name in ("mine", "d", "d/new"):
            st = os.stat(sandbox.path(name))
            expect((st.st_uid, st.st_gid), (PERSON, PERSON), name)
        with open(sandbox.path("foreign"), encoding="ascii") as file:
            expect(file.read(), "root's", "a file of another user is not writable")


@test
def read_cannot_write_and_write_can(sandbox):
    with sandbox.connect(AGENT) as link:
        cage = link.launch("read")
        expect_true(not cage.call("write_file", path="a", content="x").ok, "a read cage wrote")
        cage.close()
        link.ended(cage)
        cage = link.launch("write")
        expect_true(cage.call("write_file", path="a", content="x").ok, "a write cage did not write")
        expect_true(not cage.call("shell", command="true").ok, "a write cage ran a program")
        cage.close()
        link.ended(cage)
        expect(os.listdir(sandbox.workspace), ["a"])


@test
def a_workspace_registered_read_only_is_so_for_every_profile(sandbox):
    with tempfile.TemporaryDirectory() as folder, sandbox.connect(OWNER) as owner, sandbox.connect(AGENT) as link:
        fd = clone_mount(folder)
        expect(owner.workspace(7, fd, "ro").kind, "done")
        reply = link.shell("touch x; echo $?; ls -a", workspace=7)
        expect_true("Read-only file system" in reply.content, reply.content)
        expect(owner.workspace(7, fd, "rw").kind, "done", "the same directory changes its mode")
        expect(link.shell("touch x && echo done", workspace=7).content.strip(), "done")
        expect(os.listdir(folder), ["x"])
        expect(owner.workspace(7, None, "forget").kind, "done")
        try:
            link.launch("read", workspace=7)
        except Refused as refused:
            expect((refused.answer.stage, refused.answer.error), ("workspace", errno.ENOENT))
        else:
            raise AssertionError("a forgotten workspace was mounted")
        os.close(fd)


@test
def a_directory_of_somebody_else_is_no_workspace(_):
    with Sandbox(owner=PERSON) as sandbox, sandbox.connect(OWNER) as owner, tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        fd = clone_mount(folder)
        answer = owner.workspace(1, fd, "rw")
        expect((answer.kind, answer.stage, answer.error), ("refused", "workspace", errno.EPERM))
        os.chown(folder, PERSON, PERSON)
        expect(owner.workspace(1, fd, "rw").kind, "done")
        os.close(fd)


@test
def a_file_or_another_directory_under_a_used_id_is_refused(sandbox):
    with sandbox.connect(OWNER) as owner, tempfile.TemporaryDirectory() as folder:
        with open("/etc/passwd", "rb") as file:
            expect(owner.workspace(3, file.fileno(), "ro").error, errno.ENOTDIR)
        first, second = clone_mount(folder), clone_mount("/usr")
        expect(owner.workspace(3, first, "ro").kind, "done")
        expect(owner.workspace(3, second, "ro").error, errno.EEXIST)


# --- limits


@test
def memory_processes_and_files_are_bounded(sandbox):
    with sandbox.connect(AGENT) as link:
        reply = link.shell("python3 -c 'bytearray(300 << 20)' 2>&1 | tail -1", memory_mib=64)
        expect(reply.content.strip(), "MemoryError")
        count = ("import os\nn = 0\ntry:\n    while n < 5000:\n        if os.fork() == 0:\n            import time\n"
                 "            time.sleep(1000)\n        n += 1\nexcept BlockingIOError:\n    print(n)\n")
        number = int(link.shell(f"python3 -c '{count}'").content)
        expect_true(400 < number < 512, f"{number} children")
        reply = link.shell("head -c 100M /dev/zero > /tmp/big; ls -s --block-size=1M /tmp/big", memory_mib=32)
        expect_true("No space left" in reply.content, reply.content)
        reply = link.shell("ulimit -c; ulimit -n; ulimit -Hn 100000; echo $?")
        expect(reply.content.split("\n")[0], "0")
        expect_true("Operation not permitted" in reply.content or "Invalid" in reply.content, reply.content)


@test
def the_memory_of_a_whole_cage_is_bounded(sandbox):
    with sandbox.connect(AGENT) as link, sandbox.connect(OWNER) as owner:
        link.shell("true")
        if owner.status().memory_bound == RLIMIT_ONLY:
            raise Skip("a writable cgroup hierarchy with the memory controller")
        hogs = ("import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        held = b'x' * (30 << 20)\n"
                "        time.sleep(1000)\nos.wait()\nprint('one was killed')\n")
        cage = link.launch("execute", memory_mib=96)
        cage.send("shell", {"command": f'python3 -c "{hogs}"'})
        try:
            cage.receive()
        except EOFError:
            pass  # v2 kills the whole group, v1 one process: the tool may or may not be there to say so
        cage.close()
        expect(link.ended(cage).why, "memory")
        for controller in ("memory", "pids"):
            for root in ("/sys/fs/cgroup", f"/sys/fs/cgroup/{controller}", "/sys/fs/cgroup/unified"):
                folder = os.path.join(root, "clawos.slice/tools")
                if os.path.isdir(folder):
                    own = [name for name in os.listdir(folder) if name.startswith("cage-")]
                    expect_true(len(own) <= 2, f"groups are left behind: {own}")


# --- ordinary programs


PROGRAMS = {
    "pipes and here-documents": ("cat <<X | tr a-z A-Z\nhere\nX", "HERE"),
    "process substitution": ("cat <(echo from a pipe)", "from a pipe"),
    "background jobs": ("sleep 0.05 & wait $! && echo waited", "waited"),
    "python and its processes": ("python3 -c 'import multiprocessing as m\nwith m.Pool(2) as p: print(p.map(abs, [-1, 2]))'", "[1, 2]"),
    "python threads and loops": ("python3 -c 'import asyncio, threading\nt = threading.Thread(target=print, args=(7,))\nt.start()\nt.join()\n"
                                 "print(asyncio.run(asyncio.sleep(0, 8)))'", "7\n8"),
    "sqlite": ("python3 -c 'import sqlite3\nc = sqlite3.connect(\"/workspace/db\")\nc.execute(\"create table t(a)\")\nc.commit()\nprint(9)'", "9"),
    "git": ("git init -q r && cd r && echo a > f && git add f && git -c user.name=a -c user.email=b commit -qm x && "
            "git clone -q . /tmp/copy && git -C /tmp/copy log --format=%s", "x"),
    "tar, cp, find, xargs": ("mkdir s && echo 1 > s/a && cp -a s t && tar cf - t | tar tf - && find t -type f | xargs cat", "t/\nt/a\n1"),
    "the time zone and the locale": ("TZ=Asia/Tokyo date +%Z; locale charmap", "JST\nUTF-8"),
    "names of users": ("whoami; echo ~", "nobody\n/tmp"),
    "a failing network": ("python3 -c 'import urllib.request as u\ntry: u.urlopen(\"http://192.0.2.1/\")\nexcept OSError as e: print(type(e).__name__)'",
                          "URLError"),
}


@test
def ordinary_programs_work(sandbox):
    with sandbox.connect(AGENT) as link:
        for name, (command, wanted) in PROGRAMS.items():
            reply = link.shell(command)
            expect((reply.exit, reply.content.strip()), (0, wanted), name)
        reply = link.shell("command -v gcc >/dev/null || exit 77; printf 'int main(void){return 42;}' > a.c && gcc a.c -o a; ./a")
        expect_true(reply.exit in (42, 77), reply.content)


# --- attacks from inside, with a whole userland in hand


ATTACKS = {
    "a link out of the workspace ends in the cage": ("ln -s / out; ls out/clawos/state out/root out/home 2>&1 | grep -c 'No such'", "3"),
    "a set-uid copy is not made": ("cp /usr/bin/id x; chmod u+s x 2>&1; stat -c %a x", "chmod: changing permissions of 'x': Operation not permitted\n755"),
    "openat2 does not make one either": (
        "python3 -c 'import ctypes, os\nc = ctypes.CDLL(None, use_errno=True)\nhow = (ctypes.c_uint64 * 3)(0o101, 0o4755, 0)\n"
        "print(c.syscall(437, -100, b\"/workspace/y\", how, 24), ctypes.get_errno(), os.path.exists(\"y\"))'", "-1 38 False"),
    "no user namespace": ("unshare -U true 2>&1; unshare -r id 2>&1 | grep -c 'not permitted'", "unshare: unshare failed: Operation not permitted\n1"),
    "no mount": ("mount -t tmpfs x /tmp 2>&1 | grep -ci 'permi\\|superuser'", "1"),
    "other processes are not there": ("ls -d /proc/[0-9]* | wc -l | awk '{print ($1 < 6)}'", "1"),
    "process 1 is the tool's own": ("tr '\\0' ' ' < /proc/1/cmdline", "claw-toolwork"),
    "process 1 cannot be traced": ("python3 -c 'import ctypes\nc = ctypes.CDLL(None, use_errno=True)\nprint(c.ptrace(16, 1, 0, 0), ctypes.get_errno())'", "-1 1"),
    "no signal leaves": ("for pid in 100 1000 4000; do kill -9 $pid 2>&1; done | grep -c 'No such process'", "3"),
    "the root is not writable": ("touch /x /usr/x /etc/x /clawos/bin/x /dev/x 2>&1 | grep -c 'Read-only'", "5"),
    "memory of the kernel is not there": ("ls /dev/mem /dev/kmsg /proc/kcore /proc/kallsyms /sys 2>&1 | grep -c 'No such'", "5"),
    "no abstract socket outside": ("python3 -c 'import socket\ns = socket.socket(socket.AF_UNIX)\ntry: s.connect(\"\\0clawos-test-outside\")\n"
                                   "except OSError as e: print(type(e).__name__)'", "ConnectionRefusedError"),
    "limits stay": ("ulimit -Hu 100000 2>&1 | grep -c 'not permitted\\|Invalid'", "1"),
    "core_pattern stays": ("(echo x > /proc/sys/kernel/core_pattern) 2>&1 | grep -c 'No such'", "1"),
    "the host's name is not shown": ("uname -n", "cage"),
}


@test
def attacks_fail(sandbox):
    outside = socket.socket(socket.AF_UNIX)
    outside.bind("\0clawos-test-outside")
    outside.listen(1)
    with sandbox.connect(AGENT) as link:
        for name, (command, wanted) in ATTACKS.items():
            expect(link.shell(command).content.strip(), wanted, name)
    outside.close()
    for name in os.listdir(sandbox.workspace):
        mode = os.lstat(sandbox.path(name)).st_mode
        expect(mode & (stat.S_ISUID | stat.S_ISGID), 0, name)


run(Fixture)
