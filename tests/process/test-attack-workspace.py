# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Attacks by way of the workspace, on real cages: what lies there beforehand, names that change between two looks, programs of
the person that listen there; and by way of the environment claw-sandboxd was started with.

Environment: CLAWOS_BIN.
"""
import contextlib
import os
import select
import socket
import stat
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from cages import AGENT, OWNER, Fixture, Sandbox, clone_mount  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402

NOBODY = 65534
EXCHANGE = """
import ctypes, os, sys
call, first, second = ctypes.CDLL(None).renameat2, os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2])
while True:
    call(-100, first, -100, second, 2)  # AT_FDCWD, RENAME_EXCHANGE
"""
ROUNDS = 1500
MANY = 30000


@contextlib.contextmanager
def exchanging(first, second):
    """A process that swaps two names as fast as it can."""
    with subprocess.Popen([sys.executable, "-c", EXCHANGE, first, second]) as process:
        try:
            yield
        finally:
            process.kill()


def put(path, content):
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)


def put_inside(folder, name, content):
    """In a cage's own file system only its one user can own a file."""
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        with open(os.open(name, os.O_WRONLY | os.O_CREAT, 0o666, dir_fd=folder), "w", encoding="utf-8") as file:
            file.write(content)
    finally:
        os.seteuid(0)
        os.setegid(0)


# --- names that change


@test
def a_folder_that_becomes_a_link_between_two_looks_leads_nowhere(sandbox):
    """d/f is now in the workspace, now in the cage's /tmp, which stands for all that is outside."""
    os.mkdir(sandbox.path("d"))
    put(sandbox.path("d/f"), "inside\n")
    os.symlink("/tmp", sandbox.path("link"))
    with sandbox.connect(AGENT) as link:
        cage = link.launch("write", time_ms=120000)
        outside = os.open(f"/proc/{cage.pid}/root/tmp", os.O_RDONLY | os.O_DIRECTORY)
        put_inside(outside, "f", "outside\n")
        seen = {"ok": 0, "refused": 0}
        with exchanging(sandbox.path("d"), sandbox.path("link")):
            for number in range(ROUNDS):
                tool, arguments = (("read_file", {"path": "d/f"}), ("write_file", {"path": f"d/new{number % 7}", "content": "x"}),
                                   ("apply_patch", {"path": "d/f", "old_string": "side", "new_string": "side"}),
                                   ("list_dir", {"path": "d"}), ("grep", {"pattern": "side", "path": "d"}))[number % 5]
                reply = cage.call(tool, **arguments)
                seen["ok" if reply.ok else "refused"] += 1
                expect_true("outside" not in reply.content, f"{tool}: {reply.content}")
        print(f"# {ROUNDS} calls while a folder and a link change places: {seen['ok']} inside, {seen['refused']} refused")
        expect(os.listdir(outside), ["f"])
        with open(os.open("f", os.O_RDONLY, dir_fd=outside), encoding="utf-8") as file:
            expect(file.read(), "outside\n")
        os.close(outside)
        expect_true(min(seen.values()) > ROUNDS // 100, f"the race was not run: {seen}")
        cage.close()
        link.ended(cage)


@test
def the_workspace_is_the_directory_it_was_not_what_has_its_name_now(sandbox):
    with sandbox.connect(AGENT) as link, tempfile.TemporaryDirectory() as secret:
        os.chmod(secret, 0o777)
        put(os.path.join(secret, "key"), "secret")
        link.shell("echo before > f")
        moved = sandbox.workspace + "-moved"
        os.rename(sandbox.workspace, moved)
        os.symlink(secret, sandbox.workspace)
        reply = link.shell("cat f; ls; echo after > g")
        expect(reply.content, "before\nf\n")
        expect((sorted(os.listdir(moved)), os.listdir(secret)), (["f", "g"], ["key"]))


# --- what lies there beforehand


@test
def devices_and_set_id_programs_of_the_workspace_have_no_power(sandbox):
    for name, device in (("memory", (1, 1)), ("zero", (1, 5)), ("terminal", (5, 0))):
        os.mknod(sandbox.path(name), 0o666 | stat.S_IFCHR, os.makedev(*device))
        os.chmod(sandbox.path(name), 0o666)
    for name, mode in (("as-root", 0o4755), ("as-group", 0o2755)):
        with open("/usr/bin/id", "rb") as source, open(sandbox.path(name), "wb") as copy:
            copy.write(source.read())
        os.chmod(sandbox.path(name), mode)
    with sandbox.connect(AGENT) as link:
        reply = link.shell("for f in memory zero terminal; do (: < $f) 2>&1; (: > $f) 2>&1; done | grep -c 'Permission denied'; "
                           "./as-root -u; ./as-group -g")
        expect(reply.content, "6\n65534\n65534\n")
        link.shell("echo changed >> as-root")
        expect(os.stat(sandbox.path("as-root")).st_mode & stat.S_ISUID, 0, "a changed program is set-id no more")


@test
def nothing_that_lies_there_makes_a_tool_wait_or_act_on_it(sandbox):
    os.mkfifo(sandbox.path("fifo"))
    os.chmod(sandbox.path("fifo"), 0o666)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(sandbox.path("socket"))
    listening.listen(1)
    reader = os.open(sandbox.path("fifo"), os.O_RDONLY | os.O_NONBLOCK)
    with sandbox.connect(AGENT) as link:
        for profile in ("read", "write"):
            cage = link.launch(profile)
            begin = time.monotonic()
            for name in ("fifo", "socket"):
                for tool, arguments in (("read_file", {}), ("write_file", {"content": "x"}),
                                        ("apply_patch", {"old_string": "a", "new_string": "b"})):
                    expect_true(not cage.call(tool, path=name, **arguments).ok, f"{profile}: {tool} {name}")
            for tool, arguments in (("list_dir", {"path": "."}), ("glob", {"pattern": "**"}), ("grep", {"pattern": "x"})):
                expect_true(cage.call(tool, **arguments).ok, tool)
            expect_true(time.monotonic() - begin < 5, "a tool waited")
            cage.close()
            link.ended(cage)
    expect(os.read(reader, 10), b"", "something was written to a reader of the host")
    expect(select.select([listening], [], [], 0)[0], [], "something connected to a program of the host")
    os.close(reader)
    listening.close()


@test
def a_huge_folder_is_shown_in_part_and_in_time(sandbox):
    for number in range(MANY):
        os.mknod(sandbox.path(f"file-with-a-rather-long-name-{number}"))
    with sandbox.connect(AGENT) as link:
        cage = link.launch("read")
        for tool, arguments in (("list_dir", {"path": "."}), ("glob", {"pattern": "*"}), ("grep", {"pattern": "x"})):
            begin = time.monotonic()
            cage.send(tool, arguments, limit_bytes=16384)
            reply = cage.receive()
            print(f"# {tool} of {MANY} files: {(time.monotonic() - begin) * 1000:.0f} ms, {len(reply.content)} bytes")
            expect_true(reply.ok and len(reply.content.encode()) <= 16384, f"{tool}: {len(reply.content)} bytes")
            expect_true(time.monotonic() - begin < 10, tool)
        cage.close()
        link.ended(cage)


@test
def names_with_line_ends_and_escapes_are_one_line_without_escapes(sandbox):
    for name in (b"two\nlines", b"\x1b[2Jclears", b"bad\xff\xfeutf8", b"tab\there", b"c1\xc2\x9b0m"):
        put(os.path.join(os.fsencode(sandbox.workspace), name), "needle\n")
    with sandbox.connect(AGENT) as link:
        cage = link.launch("read")
        for tool, arguments in (("list_dir", {"path": "."}), ("glob", {"pattern": "*"}), ("grep", {"pattern": "needle"})):
            content = cage.call(tool, **arguments).content
            expect(len(content.rstrip("\n").split("\n")), 5, f"{tool}: {content!r}")
            expect_true(not any(c in content for c in "\x1b\x9b\r"), f"{tool}: {content!r}")
            expect_true('"two\\nlines"' in content, f"{tool}: {content!r}")
        expect_true("needle" in cage.call("read_file", path="two\nlines").content, "the name given back is the file")
        cage.close()
        link.ended(cage)


# --- programs of the person that listen there


REACH = """
import socket
def attempt(what):
    try:
        what()
        print("reached")
    except OSError as error:
        print(type(error).__name__)
def stream():
    socket.socket(socket.AF_UNIX).connect("stream")
def packets():
    socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect("stream")
def datagram():
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", "datagram")
def raw():
    socket.socket(socket.AF_UNIX, socket.SOCK_RAW).sendto(b"x", "datagram")
def pair():
    socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b"x", "datagram")
for what in (stream, packets, datagram, raw, pair):
    attempt(what)
"""
LOCAL = """
import multiprocessing, socket
a, b = socket.socketpair()
a.send(b"pair")
print(b.recv(9).decode())
with multiprocessing.Pool(2) as pool:
    print(pool.map(abs, [-3]))
"""


@test
def a_program_that_listens_in_a_directory_of_the_person_is_not_reached(sandbox):
    with tempfile.TemporaryDirectory() as folder, sandbox.connect(OWNER) as owner, sandbox.connect(AGENT) as link:
        stream, datagram = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        for listening, name in ((stream, "stream"), (datagram, "datagram")):
            listening.bind(os.path.join(folder, name))
            os.chmod(os.path.join(folder, name), 0o777)
        stream.listen(5)
        put(os.path.join(folder, "reach.py"), REACH)
        put(os.path.join(folder, "local.py"), LOCAL)
        fd = clone_mount(folder)
        for mode in ("ro", "rw"):
            expect(owner.workspace(5, fd, mode).kind, "done")
            expect(link.shell("python3 reach.py", workspace=5).content, "PermissionError\n" * 5, mode)
            expect(select.select([stream, datagram], [], [], 0)[0], [], mode)
            expect(link.shell("python3 local.py", workspace=5).content, "pair\n[3]\n", mode)
        os.close(fd)
        stream.close()
        datagram.close()


@test
def in_the_states_own_workspace_programs_of_one_cage_speak_to_each_other(sandbox):
    put(sandbox.path("local.py"), LOCAL + "\nwith multiprocessing.Manager() as shared: print(list(shared.list([4])))\n")
    with sandbox.connect(AGENT) as link:
        expect(link.shell("python3 local.py").content, "pair\n[3]\n[4]\n")


# --- the environment


@test
def no_name_of_the_daemons_environment_reaches_a_cage(_):
    hostile = {"GCONV_PATH": "/workspace", "LOCPATH": "/workspace", "NLSPATH": "/workspace/%N", "LD_LIBRARY_PATH": "/workspace",
               "LD_AUDIT": "", "BASH_ENV": "/workspace/rc", "ENV": "/workspace/rc", "PYTHONPATH": "/workspace", "SECRET": "key",
               "PERL5LIB": "/workspace", "GLIBC_TUNABLES": "glibc.malloc.check=3", "MALLOC_CHECK_": "3", "TZ": "/workspace/tz"}
    sandbox = Sandbox()
    sandbox.environment = hostile
    with sandbox, sandbox.connect(AGENT) as link:
        for name in ("rc", ".bashrc", ".profile", ".bash_profile"):
            put(sandbox.path(name), "echo the workspace was read\n")
        cage = link.launch("execute")
        with open(f"/proc/{cage.pid}/environ", "rb") as file:
            names = {entry.split(b"=")[0].decode() for entry in file.read().split(b"\0") if entry}
        expect(names, {"PATH", "HOME", "TMPDIR", "LANG", "USER", "LOGNAME", "SHELL", "TERM", "PWD"})
        cage.close()
        link.ended(cage)
        seen = link.shell("env").content
        expect_true("workspace was read" not in seen, seen)
        expect_true(not any(line.split("=")[0] in hostile for line in seen.splitlines()), seen)


run(Fixture)
