# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The shipped claw-sandboxd as a daemon: how its cages end, whom it listens to, what its self-test refuses, what it costs.
What a cage is: test-cage.py.

Environment: CLAWOS_BIN.
"""
import errno
import os
import select
import socket
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from cages import (AGENT, AGENT_UID, ATTEMPTS, BIN, OWNER, PROFILES, Fixture, Link, Refused, Sandbox, await_gone,  # noqa: E402
                   processes_in)
from inject import Taken  # noqa: E402
from tap import Skip, expect, expect_true, run, test  # noqa: E402

STRANGER = 1234
RLIMIT_ONLY = 1
AGENT_LINKS = 24  # SANDBOX_LINKS_AGENT_MAX of src/l2-kernel/sandbox.h


def await_true(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        expect_true(time.monotonic() < end, "it did not come true")
        select.select([], [], [], 0.005)


# --- ends


@test
def what_a_command_left_behind_dies_with_the_call(sandbox):
    with sandbox.connect(AGENT) as link:
        cage = link.launch("execute")
        namespace = os.readlink(f"/proc/{cage.pid}/ns/pid")
        cage.send("shell", {"command": "sleep 1000 & setsid -f sleep 1000; (setsid sh -c 'trap \"\" TERM HUP; sleep 1000' &) ; echo up"})
        expect_true("up" in cage.receive().content, "the command ran")
        cage.close()
        expect(link.ended(cage).why, "exit")
        await_gone(namespace)


@test
def the_time_limit_kills_the_whole_tree(sandbox):
    bomb = ("import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "for _ in range(40):\n    if os.fork() == 0:\n        os.setsid()\n        os.fork()\n        time.sleep(1000)\n"
            "open('/workspace/ready', 'w').close()\ntime.sleep(1000)\n")
    with sandbox.connect(AGENT) as link, sandbox.connect(OWNER) as owner:
        link.shell("true")  # the self-test is over
        cage = link.launch("execute", time_ms=1500)
        namespace = os.readlink(f"/proc/{cage.pid}/ns/pid")
        begin = time.monotonic()
        cage.send("shell", {"command": f"python3 -c '{bomb.replace(chr(39), chr(34))}'"})
        end = link.ended(cage)
        took = time.monotonic() - begin
        expect((end.why, end.term_signal), ("timeout", 9))
        expect_true(1.4 < took < 4, f"{took:.2f} s")
        expect_true(os.path.exists(sandbox.path("ready")), "the tree was up")
        await_gone(namespace)
        expect(owner.status().timeouts, 1)


@test
def a_killed_cage_is_reported_and_gone(sandbox):
    with sandbox.connect(AGENT) as link:
        link.shell("true")
        cage = link.launch("execute")
        namespace = os.readlink(f"/proc/{cage.pid}/ns/pid")
        cage.send("shell", {"command": "sleep 1000"})
        begin = time.monotonic()
        link.send("kill", cage.number)
        end = link.ended(cage)
        print(f"# kill to report: {(time.monotonic() - begin) * 1000:.1f} ms")
        expect((end.why, end.term_signal), ("killed", 9))
        await_gone(namespace)
        link.send("kill", cage.number)  # an unknown one is no error: it may have ended meanwhile
        expect(link.shell("echo alive").content.strip(), "alive")


@test
def halted_means_that_nothing_runs_although_the_kernel_still_tidies_up(sandbox):
    """Writers, and memory that takes the kernel a while: what is on disk at HALTED is all there will ever be."""
    command = ("for i in 1 2 3; do (while :; do echo x >> log$i; done) & done; "
               "exec python3 -c 'held = bytearray(200 << 20)\nopen(\"up\", \"w\").close()\nwhile True: held[7] += held[7] < 9'")
    halts, waits = 0, []
    with sandbox.connect(AGENT) as link, sandbox.connect(OWNER) as owner:
        link.shell("true")
        if owner.status().process_bound == RLIMIT_ONLY:
            raise Skip("a writable cgroup hierarchy with the pids controller")
        for _ in range(12):
            cage = link.launch("execute", memory_mib=1024)
            cage.send("shell", {"command": command})
            await_true(lambda: os.path.exists(sandbox.path("up")))
            begin = time.monotonic()
            link.send("kill", cage.number)
            answer = link.answer()
            waits.append((time.monotonic() - begin) * 1000)
            sizes = [os.stat(sandbox.path(f"log{i}")).st_size for i in (1, 2, 3)]
            if answer.kind == "halted":
                halts += 1
                answer = link.answer()
            expect((answer.kind, answer.why), ("exited", "killed"))
            expect([os.stat(sandbox.path(f"log{i}")).st_size for i in (1, 2, 3)], sizes, "bytes written after the halt")
            os.unlink(sandbox.path("up"))
            cage.close()
    print(f"# kill to halt of a cage of 200 MiB: {sorted(waits)[len(waits) // 2]:.1f} ms, at most {max(waits):.1f}")
    expect_true(halts >= 6, f"{halts} of 12 were told before their end")


@test
def cages_die_with_their_connection_and_no_other(sandbox):
    with sandbox.connect(AGENT) as other:
        stays = other.launch("execute")
        link = sandbox.connect(AGENT)
        cages = [link.launch("execute") for _ in range(3)]
        namespaces = [os.readlink(f"/proc/{cage.pid}/ns/pid") for cage in cages]
        link.close()
        for namespace in namespaces:
            await_gone(namespace)
        expect(stays.call("shell", command="echo here").content.strip(), "here")


@test
def cages_die_with_claw_sandboxd(sandbox):
    with sandbox.connect(AGENT) as link:
        cages = [link.launch(profile) for profile in PROFILES]
        cages[2].send("shell", {"command": "setsid -f sleep 1000; sleep 1000"})
        namespaces = [os.readlink(f"/proc/{cage.pid}/ns/pid") for cage in cages]
        sandbox.kill()
        for namespace in namespaces:
            await_gone(namespace)


@test
def sigterm_ends_claw_sandboxd_and_its_cages(sandbox):
    with sandbox.connect(AGENT) as link:
        cage = link.launch("execute")
        namespace = os.readlink(f"/proc/{cage.pid}/ns/pid")
        expect(sandbox.stop(), 0)
        await_gone(namespace)


@test
def stop_answers_when_the_last_process_is_gone(sandbox):
    with sandbox.connect(AGENT) as link, sandbox.connect(OWNER) as owner:
        cages = [link.launch("execute") for _ in range(5)]
        namespaces = [os.readlink(f"/proc/{cage.pid}/ns/pid") for cage in cages]
        for cage in cages:
            cage.send("shell", {"command": "sleep 1000"})
        begin = time.monotonic()
        owner.send("stop")
        expect(owner.answer().kind, "done")
        print(f"# stop of 5 cages: {(time.monotonic() - begin) * 1000:.1f} ms")
        for namespace in namespaces:
            expect(processes_in(namespace), [])
        answers = []
        while len(answers) < len(cages):
            answer = link.answer()
            answers += [answer.why] * (answer.kind == "exited")
        expect(answers, ["killed"] * len(cages))
        expect(link.shell("echo again").content.strip(), "again")


# --- peers


@test
def a_stranger_is_turned_away(sandbox):
    with Link(sandbox.socket("sandbox"), STRANGER) as link:
        expect(link.socket.recv(1), b"")


@test
def a_verb_of_another_peer_ends_the_connection(sandbox):
    ours, theirs = socket.socketpair()
    folder = os.open(sandbox.workspace, os.O_PATH)
    for peer, verb, options in ((AGENT, "stop", {}), (AGENT, "workspace", {"id": 1, "mode": 2, "fds": [folder]}),
                                (OWNER, "launch", {"id": 1, "profile": 3, "turn": 1, "time_ms": 1000, "memory_mib": 64,
                                                   "fds": [theirs.fileno()]})):
        with sandbox.connect(peer) as link:
            link.send(verb, **options)
            expect(link.answer(), None, f"{verb} by {peer}")
    os.close(folder)
    ours.close()
    theirs.close()


@test
def a_forged_record_ends_its_connection_and_nothing_else(sandbox):
    fds = [fd for pair in [socket.socketpair()] for fd in pair]
    numbers = [s.fileno() for s in fds]
    good = {"id": 1, "profile": 3, "turn": 1, "time_ms": 1000, "memory_mib": 64}
    with sandbox.connect(AGENT) as bystander:
        cage = bystander.launch("execute")
        before = len(os.listdir(f"/proc/{sandbox.pid}/fd"))
        for options in ({**good, "version": 1, "fds": numbers[:1]}, {**good, "tail": b"x", "fds": numbers[:1]},
                        {**good, "fds": numbers}, {**good, "fds": []}, {**good, "profile": 4, "fds": numbers[:1]},
                        {**good, "id": 0, "fds": numbers[:1]}, {**good, "mode": 1, "fds": numbers[:1]}):
            with sandbox.connect(AGENT) as link:
                link.send("launch", **options)
                expect(link.answer(), None, options)
        with sandbox.connect(AGENT) as link:
            link.send(99)
            expect(link.answer(), None, "an unknown verb")
        with sandbox.connect(AGENT) as link:
            link.socket.send(b'{"method":"io.clawos.Sandbox.Launch"}\0')
            expect(link.answer(), None, "Varlink")
        with sandbox.connect(AGENT) as link:
            link.send("launch", **good, fds=numbers[:1])
            link.send("launch", **good, fds=numbers[:1])
            answers = []
            while (answer := link.answer()) is not None:
                answers.append(answer.kind)
            expect_true(len(answers) <= 1, "the same id twice at once")
        expect(cage.call("shell", command="echo untouched").content.strip(), "untouched")
        with sandbox.connect(OWNER) as owner:
            await_true(lambda: owner.status().running == 1)
            # the owner's own connection is one more
            expect(len(os.listdir(f"/proc/{sandbox.pid}/fd")), before + 1, "descriptors of claw-sandboxd")


@test
def a_cage_is_given_a_stream_and_no_other_descriptor(sandbox):
    folder, null = os.open("/", os.O_RDONLY | os.O_DIRECTORY), os.open("/dev/null", os.O_RDWR)
    path = os.open("/etc", os.O_PATH)
    listening, internet = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_INET)
    listening.bind("\0clawos-test-stream")
    listening.listen(1)
    datagram, packets = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM), socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    given = {"a folder": folder, "a device": null, "a path": path, "a listening socket": listening.fileno(),
             "a socket of the internet": internet.fileno(), "datagrams": datagram[0].fileno(), "packets": packets[0].fileno(),
             "a memfd": os.memfd_create("x"), "a pidfd": os.pidfd_open(os.getpid())}
    for name, fd in given.items():
        with sandbox.connect(AGENT) as link:
            link.send("launch", id=1, profile=3, turn=1, time_ms=1000, memory_mib=64, fds=[fd])
            expect(link.answer(), None, name)
    for fd in (folder, null, path, given["a memfd"], given["a pidfd"]):
        os.close(fd)
    for sock in (listening, internet, *datagram, *packets):
        sock.close()


@test
def records_of_any_other_size_end_their_connection(sandbox):
    with sandbox.connect(AGENT) as bystander:
        cage = bystander.launch("execute")
        for size in (0, 1, 39, 41, 4096, 100000):
            with sandbox.connect(AGENT) as link:
                link.socket.send(bytes(size))
                expect(link.answer(), None, f"{size} bytes")
        expect(cage.call("shell", command="echo here").content.strip(), "here")


@test
def half_closed_and_silent_connections_hold_up_nobody(sandbox):
    with sandbox.connect(AGENT) as half:
        namespace = os.readlink(f"/proc/{half.launch('execute').pid}/ns/pid")
        half.socket.shutdown(socket.SHUT_WR)
        await_gone(namespace)
    before = len(os.listdir(f"/proc/{sandbox.pid}/fd"))
    silent = [sandbox.connect(AGENT) for _ in range(AGENT_LINKS + 4)]
    expect([link.socket.recv(1) for link in silent[AGENT_LINKS:]], [b""] * 4, "one too many is turned away")
    with sandbox.connect(OWNER) as owner:
        owner.send("stop")
        expect(owner.answer().kind, "done", "the person is heard all the same")
    for link in silent:
        link.close()
    with sandbox.connect(AGENT) as link:
        expect(link.shell("echo room").content.strip(), "room")
    await_true(lambda: len(os.listdir(f"/proc/{sandbox.pid}/fd")) <= before)


@test
def a_client_that_does_not_read_loses_its_connection_only(sandbox):
    with sandbox.connect(AGENT) as link:
        link.socket.settimeout(0.5)
        try:
            for _ in range(20000):
                link.send("status")
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            pass
        with sandbox.connect(OWNER) as owner:
            expect(owner.status().running, 0)


@test
def more_cages_than_allowed_are_refused(_):
    with Sandbox(config="[sandbox]\nmax_cages = 2\n") as sandbox, sandbox.connect(AGENT) as link:
        cages = [link.launch("read") for _ in range(2)]
        try:
            link.launch("read")
        except Refused as refused:
            expect((refused.answer.stage, refused.answer.error), ("quota", errno.EAGAIN))
        else:
            raise AssertionError("a third cage was made")
        cages[0].close()
        link.ended(cages[0])
        link.launch("read")


# --- the self-test refuses


def fake_bin(script):
    folder = tempfile.mkdtemp(prefix="claw-fake-bin-")
    os.chmod(folder, 0o755)
    for name, content in (("claw-toolwork", "#!/bin/sh\nexit 0\n"), ("claw-cageprobe", script)):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(content)
        os.chmod(path, 0o755)
    return folder


@test
def a_profile_whose_probe_says_something_else_than_held_is_refused(_):
    def written(tried, failed, name, own=0):
        record = struct.pack("=IIII7Q32s", 2, tried, failed, 0, *[own] * 7, name)
        return "#!/bin/sh\nprintf '" + "".join(f"\\{byte:03o}" for byte in record) + "' >&3\n"

    for script, wanted in ((written(ATTEMPTS, 1, b"mount", 1), "mount"), ("#!/bin/sh\nexit 0\n", "did not report"),
                           ("#!/bin/sh\nexit 1\n", "did not end by itself"), (written(ATTEMPTS - 1, 0, b"", 1), "left something out"),
                           (written(ATTEMPTS, 0, b""), "shares a namespace: user"), ("#!/nonexistent\n", "exec")):
        with Sandbox(bin=fake_bin(script)) as sandbox, sandbox.connect(AGENT) as link, sandbox.connect(OWNER) as owner:
            for _ in range(2):
                try:
                    link.launch("execute")
                except Refused as refused:
                    expect(refused.answer.stage, "self-test")
                    expect_true(wanted in refused.answer.text, refused.answer.text)
                else:
                    raise AssertionError(f"launched in spite of: {wanted}")
            expect(owner.status().proofs["execute"].verdict, 2)
            expect(owner.status().launched, 0)


# --- what is left behind, what it costs


@test
def a_hundred_launches_leave_nothing_behind(sandbox):
    def count():
        with open(f"/proc/{sandbox.pid}/mountinfo", encoding="utf-8") as file:
            mounts = len(file.readlines())
        with open(f"/proc/{sandbox.pid}/status", encoding="utf-8") as file:
            memory = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
        return mounts, len(os.listdir(f"/proc/{sandbox.pid}/fd")), memory

    with sandbox.connect(AGENT) as link, sandbox.connect(OWNER) as owner:
        for profile in PROFILES:
            cage = link.launch(profile)
            cage.close()
            link.ended(cage)
        owner.status()  # the last end is dealt with
        before = count()
        begin_cpu, begin = sandbox.cpu_seconds(), time.monotonic()
        inside = 0
        for index in range(100):
            cage = link.launch(list(PROFILES)[index % 3])
            cage.close()
            inside += link.ended(cage).cpu_us
        took, cpu = time.monotonic() - begin, sandbox.cpu_seconds() - begin_cpu
        print(f"# launch to end, claw-toolwork that does nothing: {took * 10:.2f} ms wall; CPU {cpu * 10:.2f} ms in "
              f"claw-sandboxd + {inside / 1e5:.2f} ms in the cage")
        owner.status()
        after = count()
        expect(after[:2], before[:2], "mounts, descriptors")
        with open(f"/proc/{sandbox.pid}/maps", encoding="utf-8") as file:
            sanitized = "libasan" in file.read()  # which keeps what was freed
        expect_true(sanitized or after[2] - before[2] < 256, f"memory grew from {before[2]} to {after[2]} KiB")
        expect(owner.status().running, 0)


@test
def an_idle_claw_sandboxd_does_not_wake(sandbox):
    def switches():
        with open(f"/proc/{sandbox.pid}/status", encoding="utf-8") as file:
            return sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)

    with sandbox.connect(AGENT) as link:
        for profile, looks in (("read", 0), ("execute", 31)):  # one that waits is idle, too; one that may write is looked after
            cage = link.launch(profile)
            select.select([], [], [], 0.2)
            before = switches()
            select.select([], [], [], 1.5)
            expect_true(switches() - before <= looks, f"{profile}: {switches() - before} wake-ups")
            cage.close()
            link.ended(cage)


# What a claw-sandboxd that was taken over would call, by number on x86_64: it holds CAP_SYS_ADMIN.
FOREIGN_CALLS = {
    "speak IPv4": (41, (socket.AF_INET, socket.SOCK_STREAM, 0), errno.EAFNOSUPPORT),
    "speak netlink": (41, (socket.AF_NETLINK, socket.SOCK_RAW, 0), errno.EAFNOSUPPORT),
    "load BPF": (321, (5, 0, 0), errno.EPERM),
    "trace": (101, (16, 1, 0, 0), errno.EPERM),
    "read another's memory": (310, (1, 0, 0, 0, 0, 0), errno.EPERM),
    "take another's descriptor": (438, (3, 0, 0), errno.EPERM),
    "load a module": (313, (0, 0, 0), errno.EPERM),
    "load a kernel": (246, (0, 0, 0, 0), errno.EPERM),
    "mount the old way": (165, (0, 0, 0, 0, 0), errno.EPERM),
    "join a namespace": (308, (3, 0), errno.EPERM),
    "chroot": (161, (0,), errno.EPERM),
    "open by handle": (304, (3, 0, 0), errno.EPERM),
    "use io_uring": (425, (1, 0), errno.EPERM),
    "read keys": (250, (0, -4, 1), errno.EPERM),
    "count events": (298, (0, 0, 0, 0, 0), errno.EPERM),
    "set the clock": (164, (0, 0), errno.EPERM),
    "swap": (167, (0, 0), errno.EPERM),
    "move its memory map": (157, (35, 6, 0, 0, 0), errno.ENOSYS),  # PR_SET_MM
    "watch whole file systems": (300, (0, 0), errno.ENOSYS),  # fanotify_init
    "fault in user space": (323, (0,), errno.EPERM),
}
GETPID = 39


@test
def a_claw_sandboxd_that_was_taken_over_has_only_the_calls_of_a_launcher(sandbox):
    with sandbox.connect(OWNER) as owner:
        owner.status()
        with Taken(sandbox.pid) as taken:
            expect(taken.call(GETPID), sandbox.pid, "calls are made at all")
            for name, (number, arguments, wanted) in FOREIGN_CALLS.items():
                expect(taken.call(number, *arguments), -wanted, name)
        owner.status()
    with sandbox.connect(AGENT) as link:
        expect(link.shell("echo goes on").content.strip(), "goes on")


@test
def the_filter_is_there_before_the_first_connection(sandbox):
    with open(f"/proc/{sandbox.pid}/status", encoding="utf-8") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    expect((status["Seccomp"], status["Seccomp_filters"]), ("2", "2"))


@test
def claw_sandboxd_keeps_only_its_capabilities(sandbox):
    wanted = sum(1 << number for number in sandbox.capabilities.values())
    with open(f"/proc/{sandbox.pid}/status", encoding="utf-8") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    for kind in ("CapPrm", "CapEff", "CapBnd"):
        expect(int(status[kind], 16), wanted, kind)
    expect(AGENT_UID != 0 and os.path.exists(os.path.join(BIN, "claw-cageprobe")), True)


run(Fixture)
