# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The disk of a workspace: tools leave a reserve of it free, a cage that touches it is not made or does not go on.

Environment: CLAWOS_BIN.
"""
import contextlib
import ctypes
import errno
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from cages import AGENT, Refused, Sandbox, await_gone, libc  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402

MIB, DISK_MIB, RESERVE_MIB, FILES = 1 << 20, 64, 3, 2000
MNT_DETACH = 2


@contextlib.contextmanager
def small_disk(options=f"size={DISK_MIB}m,nr_inodes={FILES}", config=None):
    """A claw-sandboxd whose workspace is a file system of its own, 64 MiB and 2000 files; 5 % of both are kept."""
    sandbox = Sandbox(config=config)
    if libc.mount(b"disk", os.fsencode(sandbox.workspace), b"tmpfs", 0, options.encode()) < 0:
        raise OSError(ctypes.get_errno(), "mount of a tmpfs")
    try:
        with sandbox:
            yield sandbox
    finally:
        libc.umount2(os.fsencode(sandbox.workspace), MNT_DETACH)


def fill(sandbox, name, mib):
    with open(sandbox.path(name), "wb") as file:
        file.write(bytes(mib * MIB))


def refusal(link, profile):
    try:
        link.launch(profile)
    except Refused as refused:
        return refused.answer
    raise AssertionError(f"{profile} was launched")


@test
def on_a_full_disk_cages_read_and_do_not_write():
    with small_disk() as sandbox, sandbox.connect(AGENT) as link:
        fill(sandbox, "large", DISK_MIB - RESERVE_MIB + 1)
        for profile in ("write", "execute"):
            answer = refusal(link, profile)
            expect((answer.stage, answer.error), ("workspace", errno.ENOSPC), profile)
            expect_true("2 MiB left; 3 are kept free ([sandbox] reserve_mib)" in answer.text, answer.text)
        cage = link.launch("read")
        expect(cage.call("list_dir", path=".").ok, True)
        cage.close()
        link.ended(cage)
        os.unlink(sandbox.path("large"))
        expect(link.shell("echo room > f; cat f").content, "room\n")


@test
def nor_when_there_is_no_room_for_more_files():
    with small_disk() as sandbox, sandbox.connect(AGENT) as link:
        for number in range(FILES - 90):
            os.close(os.open(sandbox.path(f"f{number}"), os.O_CREAT | os.O_WRONLY))
        answer = refusal(link, "write")
        expect((answer.stage, answer.error), ("workspace", errno.ENOSPC))
        expect_true("more files; 100 are kept ([sandbox] reserve_files)" in answer.text, answer.text)


@test
def a_command_that_fills_the_disk_is_killed_while_there_is_room():
    fills = {"bytes": "for i in $(seq 1000); do head -c 1M /dev/zero >> big; sleep 0.01; done",
             "files": "mkdir d; cd d; for i in $(seq 100000); do : > f$i; done"}
    for name, command in fills.items():
        with small_disk() as sandbox, sandbox.connect(AGENT) as link:
            link.shell("true")
            cage = link.launch("execute", memory_mib=512)
            namespace = os.readlink(f"/proc/{cage.pid}/ns/pid")
            cage.send("shell", {"command": command})
            begin = time.monotonic()
            end = link.ended(cage)
            expect((end.why, end.term_signal), ("disk", 9), name)
            expect_true(time.monotonic() - begin < 60, f"{name}: {time.monotonic() - begin:.1f} s")
            await_gone(namespace)
            cage.close()
            expect(refusal(link, "execute").error, errno.ENOSPC, name)


@test
def one_that_uses_the_room_there_is_goes_on():
    with small_disk() as sandbox, sandbox.connect(AGENT) as link:
        reply = link.shell("head -c 50M /dev/zero > big; sleep 0.3; rm big; sleep 0.2; echo done")
        expect((reply.content, reply.end.why), ("done\n", "exit"))


@test
def the_reserve_is_configured():
    with small_disk(config="[sandbox]\nreserve_mib = 1\n") as sandbox, sandbox.connect(AGENT) as link:
        fill(sandbox, "large", DISK_MIB - RESERVE_MIB + 1)
        expect(link.shell("echo still").content, "still\n")


run()
