#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""clawfsd as a separate process: killed at every system call that writes, syncs or answers, and at any time under load.

Environment: CLAWOS_BIN (folder with the built daemons), CLAWOS_SHARE (spec/). Needs root.
"""
import os
import random
import select
import shutil
import signal
import sqlite3
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from memory import FS, STRACE, Memory, memfd, read, search, write  # noqa: E402
from tap import Skip, expect, expect_true, run, test  # noqa: E402
from varlink import Gone, VarlinkError  # noqa: E402


def check_store(memory):
    """What is on the disk is whole: SQLite's own check and the counts the store keeps."""
    copy = os.path.join(memory.root, "copy")
    shutil.copytree(memory.state, copy)
    database = sqlite3.connect(os.path.join(copy, "memory.db"))
    expect(database.execute("PRAGMA integrity_check").fetchone()[0], "ok")
    expect(database.execute("SELECT total(length(piece)) - (SELECT value FROM total WHERE name = 'bytes') FROM version").fetchone()[0], 0)
    expect(database.execute("SELECT count(*) FROM document d WHERE NOT EXISTS (SELECT 1 FROM version v WHERE v.document = d.id AND v.version = d.version AND v.bytes = d.bytes)").fetchone()[0], 0)
    database.close()
    shutil.rmtree(copy)


def line(number):
    return f"- entry unique{number:05d} about tea\n"


def append_until_killed(memory, first, most=40):
    """Appends line after line; returns how many were confirmed before the daemon was gone."""
    confirmed = 0
    try:
        with memory.agent() as link:
            while confirmed < most:
                number = first + confirmed
                write(link, "log.md", line(number), append=True, author=f"tool:{number}")
                confirmed += 1
    except (Gone, OSError):
        pass
    return confirmed


def expect_lines(memory, first_absent):
    """log.md holds exactly the confirmed lines, and perhaps the one that was on its way; then makes that one sure."""
    with memory.agent() as link:
        content = read(link, "log.md")[1].decode() if first_absent or has(link, "log.md") else ""
        wanted = "".join(line(n) for n in range(first_absent))
        expect_true(content in (wanted, wanted + line(first_absent)), f"{content[-80:]!r} after {first_absent} lines")
        write(link, "log.md", line(first_absent), append=True, author=f"tool:{first_absent}")
        expect_true(read(link, "log.md")[1].decode() == wanted + line(first_absent), "a repeated append was lost or doubled")
        for number in {0, first_absent // 2, first_absent}:
            expect([h["path"] for h in search(link, f"unique{number:05d}")], ["log.md"])
    return first_absent + 1


def has(link, path):
    try:
        read(link, path)
    except VarlinkError:
        return False
    return True


@test
def kill_9_at_every_write_sync_and_send_loses_nothing_confirmed_and_doubles_nothing(_):
    if not os.path.exists(STRACE):
        raise Skip("strace")
    calls, points, most = ("pwrite64", "fdatasync", "fsync", "sendto", "ftruncate"), 0, 8
    with Memory() as memory:
        lines = expect_lines(memory, 0)
        memory.daemon.stop()
        trace = os.path.join(memory.state, "trace")
        memory.trace("-o", trace, "-e", "trace=" + ",".join(calls))
        memory.daemon.start()
        lines += append_until_killed(memory, lines, most)
        memory.daemon.stop()
        with open(trace, encoding="utf-8") as file:
            made = [entry.split("(")[0] for entry in file]
        os.unlink(trace)
        counts = {call: made.count(call) for call in calls}
        for call, number in [(call, number) for call in calls for number in range(1, counts[call] + 1)]:
            memory.trace("-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}")
            memory.daemon.start(wait=False)
            try:
                memory.daemon.wait_ready()
                lines += append_until_killed(memory, lines, most)
                memory.daemon.stop()
            except RuntimeError:
                pass  # killed while it started
            points += memory.daemon.poll() == -signal.SIGKILL
            memory.trace()
            memory.daemon.start()
            lines = expect_lines(memory, lines)
            memory.daemon.stop()
        check_store(memory)
    print(f"# figure: killed at {points} of {sum(counts.values())} points: {counts}", flush=True)
    expect_true(points >= 100 and points >= 0.9 * sum(counts.values()), "too few points were reached")


@test
def a_failing_disk_refuses_writes_and_loses_nothing_confirmed(_):
    """Each write or sync of a burst fails once, full or broken; what was confirmed is there afterwards."""
    if not os.path.exists(STRACE):
        raise Skip("strace")
    refused, points = 0, 0
    large = b"some words to index and more of them \n" * 20000
    with Memory() as memory:
        memory.daemon.stop()
        for call, error, number in [(call, error, number) for call, error in (("pwrite64", "ENOSPC"), ("pwrite64", "EIO"), ("fdatasync", "EIO"))
                                    for number in ([2, 3, 5, 8, 13, 40, 100, 160, 250, 400] if call == "pwrite64" else [1, 2, 3])]:
            points += 1
            memory.trace("-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={number}")
            memory.daemon.start()
            links = [memory.agent() for _ in range(8)]
            os.kill(memory.daemon.pid, signal.SIGSTOP)  # so that they share one transaction
            for who, link in enumerate(links):
                parameters = {"path": f"{points}/{who}.md", "append": False, "labels": [], "author": "agent"}
                if who in (3, 6):  # more than the page cache holds: written in the middle of the transaction
                    fd = memfd(large)
                    link.send(FS + "Write", {**parameters, "contentFd": 0, "length": len(large)}, fds=[fd])
                    os.close(fd)
                else:
                    link.send(FS + "Write", {**parameters, "text": line(who), "length": 0})
            os.kill(memory.daemon.pid, signal.SIGCONT)
            confirmed = []
            for who, link in enumerate(links):
                try:
                    confirmed.append((who, link.reply()[0]["document"]["bytes"]))
                except (VarlinkError, Gone, OSError):
                    refused += 1
                link.close()
            memory.daemon.stop()
            memory.trace()
            memory.daemon.start()
            with memory.agent() as link:
                for who, size in confirmed:
                    document, content = read(link, f"{points}/{who}.md")
                    expect((document["bytes"], len(content)), (size, size), f"{call} {number} {error}: {points}/{who}.md")
                write(link, f"{points}/after.md", "it goes on", author="agent")
            memory.daemon.stop()
        check_store(memory)
    print(f"# figure: {refused} writes refused at {points} points", flush=True)
    expect_true(refused >= points, "the faults were not felt")


@test
def kill_9_at_any_time_under_load_loses_nothing_confirmed(memory):
    noise, confirmed = random.Random(11), [0] * 8
    for _ in range(25):
        links = [memory.agent() for _ in confirmed]
        waiting, left = set(), noise.randint(1, 120)

        def ask(who):
            links[who].send(FS + "Write", {"path": f"log/{who}.md", "text": line(confirmed[who]), "append": True, "labels": [],
                                           "author": f"tool:{who}.{confirmed[who]}", "length": 0})
            waiting.add(who)
        for who in range(len(links)):
            ask(who)
        while left > 0:
            for link in select.select(links, [], [], 5)[0]:
                who = links.index(link)
                link.reply()
                waiting.discard(who)
                confirmed[who] += 1
                left -= 1
                ask(who)
        os.kill(memory.daemon.pid, signal.SIGKILL)
        for who, link in enumerate(links):
            try:
                link.reply()
                confirmed[who] += 1
            except (Gone, OSError):
                pass
            link.close()
        memory.daemon.wait()
        memory.daemon.start()
        with memory.agent() as link:
            for who, count in enumerate(confirmed):
                content = read(link, f"log/{who}.md")[1].decode() if has(link, f"log/{who}.md") else ""
                wanted = "".join(line(n) for n in range(count))
                expect_true(content in (wanted, wanted + line(count)), f"log/{who}.md after {count}: {content[-60:]!r}")
                if content != wanted:
                    confirmed[who] += 1
    memory.daemon.stop()
    check_store(memory)


@test
def writes_asked_for_together_share_their_syncs(_):
    if not os.path.exists(STRACE):
        raise Skip("strace")
    folder = tempfile.mkdtemp(prefix="clawos-fs-trace-")
    os.chmod(folder, 0o777)
    trace = os.path.join(folder, "trace")
    try:
        with Memory(tracer=("-e", "trace=fdatasync,fsync", "-o", trace)) as memory:
            links = [memory.agent() for _ in range(32)]
            with memory.person() as link:
                link.call(FS + "Status")
            with open(trace, encoding="utf-8") as file:
                before = len(file.readlines())
            os.kill(memory.daemon.pid, signal.SIGSTOP)  # so that all are there when it goes on
            for number, link in enumerate(links):
                link.send(FS + "Write", {"path": f"n{number}.md", "text": "x", "append": False, "labels": [], "author": "agent", "length": 0})
            os.kill(memory.daemon.pid, signal.SIGCONT)
            for link in links:
                expect(link.reply()[0]["document"]["version"], 1)
                link.close()
            memory.daemon.stop()
            with open(trace, encoding="utf-8") as file:
                syncs = len([entry for entry in file if "sync" in entry]) - before
            expect_true(syncs <= 6, f"{syncs} syncs for 32 writes")
    finally:
        shutil.rmtree(folder)


run(Memory)
