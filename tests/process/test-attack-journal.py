#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Changes to claw-agentd's journal on disk while it does not run: each is named and refused, none is run on.

What the chain cannot show is a log that was consistent once: whoever can write all of it can put back an older state
(SECURITY.md). Every single bit and every cut: tests/unit/l6-agent/test-journal.c.

Environment: CLAWOS_BIN. Needs root.
"""
import errno
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from journal import Journal  # noqa: E402
from provider import Provider, text  # noqa: E402
from stack import Stack  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402
from varlink import VarlinkError  # noqa: E402

FIRST = "0000000000000000.journal"


class Fixture:
    """A journal of three turns, of which the second holds a text that became a blob."""

    def __enter__(self):
        self.provider = Provider([text("one"), text("x" * 200000, words=False), text("three")], text("more")).__enter__()
        self.stack = Stack(self.provider).__enter__()
        for message in ("a", "b", "c"):
            expect(self.stack.ask(message).state, "done")
        self.stack.agentd.stop()
        self.folder = os.path.join(self.stack.root, "journal")
        self.path = os.path.join(self.folder, FIRST)
        with open(self.path, "rb") as file:
            self.bytes = file.read()
        self.records = Journal(self.folder).records
        return self

    def __exit__(self, *_):
        self.stack.__exit__()
        self.provider.close()

    def part(self, number):
        record = self.records[number]
        return self.bytes[record.position:record.position + record.length]

    def write(self, content, path=None):
        with open(path or self.path, "wb") as file:
            file.write(content)
        os.chown(path or self.path, 64801, 64801)

    def refused(self, note, words="the journal is damaged: " + FIRST + " at byte"):
        """What it says. What a snapshot has spared a start is checked right after it: the first may begin, and ends."""
        requests = len(self.provider.requests)
        for _ in range(2):
            try:
                self.stack.agentd.start()
                expect_true(self.stack.agentd.wait(10) != 0, f"{note}: it ends as if nothing were wrong")
            except RuntimeError as problem:
                lines = [line for line in str(problem).splitlines() if words in line]
                expect_true(bool(lines), f"{note}: {problem}")
                expect(len(self.provider.requests), requests, note)
                return lines[-1]
            except TimeoutError:
                break
        self.stack.agentd.kill()
        raise AssertionError(f"{note}: claw-agentd runs on")

    def runs(self):
        self.stack.agentd.start()
        state = self.stack.ask("more").state
        self.stack.agentd.stop()
        expect(state, "done")


@test
def a_changed_byte_is_refused_where_it_stands(f):
    for number in (0, len(f.records) // 2, len(f.records) - 1):
        record = f.records[number]
        for at in (0, 5, 17, 61, 70, record.length - 1):
            changed = bytearray(f.bytes)
            changed[record.position + at] ^= 1
            f.write(changed)
            place = int(re.search(r"at byte (\d+)", f.refused(f"record {number}, byte {at}"))[1])
            expect(place, record.position, f"record {number}, byte {at}")
    f.write(f.bytes)
    f.runs()


@test
def records_in_another_order_or_number_are_refused(f):
    first, one, two, rest = f.part(0), f.part(3), f.part(4), f.records[5].position
    front = f.bytes[:f.records[3].position]
    forged = {
        "two that changed places": front + two + one + f.bytes[rest:],
        "one that is missing": front + two + f.bytes[rest:],
        "one that is there twice": front + one + one + two + f.bytes[rest:],
        "an old one behind the end": f.bytes + first,
        "the last one once more": f.bytes + f.part(-1),
        "nothing but zeros behind the end": f.bytes + bytes(4096),
        "a hole in the middle": front + bytes(len(one)) + f.bytes[f.records[4].position:],
        "words behind the end": f.bytes + b"and so on",
        "no head": f.bytes[64:],
        "another head": b"CLAWJRNL\x00" + f.bytes[9:],
    }
    for note, content in forged.items():
        f.write(content)
        f.refused(note)
    f.write(f.bytes)
    f.runs()


def contents(folder):
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(place, name), "rb") as file:
                found[os.path.join(place, name)] = file.read()
    return found


@test
def a_journal_of_a_newer_version_is_refused_and_left_untouched(f):
    f.write(b"CLAWJRNL\x02" + f.bytes[9:])
    before = contents(f.folder)
    f.refused("version 2", f"the journal is of version 2 ({FIRST} at byte 8) and this program knows 1; it is left untouched, use the newer version that made it")
    expect_true(contents(f.folder) == before, "a file was changed")
    f.write(f.bytes)
    f.runs()


@test
def a_record_of_another_journal_is_refused(f):
    with Provider([], text("theirs")) as provider, Stack(provider) as other:
        other.ask("a")
        other.agentd.stop()
        folder = os.path.join(other.root, "journal")
        with open(os.path.join(folder, FIRST), "rb") as file:
            theirs = file.read()
        last = Journal(folder).records[-1]
    f.write(f.bytes + theirs[last.position:last.position + last.length])
    f.refused("a record of another journal")


@test
def segments_that_do_not_belong_together_are_refused(f):
    second = f"{len(f.bytes):016x}.journal"
    f.write(f.bytes, os.path.join(f.folder, second))
    f.refused("the first segment once more as the second", "the journal is damaged: " + second)
    os.rename(os.path.join(f.folder, second), os.path.join(f.folder, "00000000000fffff.journal"))
    f.refused("a segment behind a gap", "the journal is damaged: ")
    os.remove(os.path.join(f.folder, "00000000000fffff.journal"))
    os.rename(f.path, os.path.join(f.folder, second))
    f.refused("the first segment is missing", "the journal is damaged: ")
    os.rename(os.path.join(f.folder, second), f.path)
    f.runs()


@test
def records_that_a_snapshot_knows_of_are_missed(f):
    """Cut between records, or put back as it was earlier, a log is whole; only what was said of it elsewhere can tell."""
    for note, kept in (("its last record", len(f.records) - 1), ("the last turn", len(f.records) // 2)):
        f.stack.agentd.start()
        f.stack.agentd.stop()  # saves a snapshot
        f.write(f.bytes[:f.records[kept].position])
        logged = len(f.stack.agentd.log())
        f.stack.agentd.start()
        said = f.stack.agentd.log()[logged:]
        f.stack.agentd.kill()
        expect_true("snapshot" in said, f"{note}: {said}")
        f.write(f.bytes)


@test
def a_segment_that_is_no_file_of_its_own_is_refused(f):
    elsewhere = os.path.join(f.stack.root, "elsewhere")
    shutil.move(f.path, elsewhere)
    os.symlink(elsewhere, f.path)
    f.refused("a symbolic link", "journal")
    os.remove(f.path)
    os.mkfifo(f.path)
    os.chown(f.path, 64801, 64801)
    f.refused("a fifo", "is no file")
    os.remove(f.path)
    os.mkdir(f.path)
    f.refused("a folder", "journal")
    os.rmdir(f.path)
    shutil.move(elsewhere, f.path)
    f.runs()


@test
def a_fifo_in_place_of_the_snapshot_is_no_wait(f):
    path = os.path.join(f.folder, "snapshot")
    if os.path.exists(path):
        os.remove(path)
    os.mkfifo(path)
    os.chown(path, 64801, 64801)
    f.runs()


@test
def a_changed_blob_is_not_shown_as_what_was_said(f):
    blobs = os.path.join(f.folder, "blobs")
    name = max(os.listdir(blobs), key=lambda n: os.path.getsize(os.path.join(blobs, n)))
    path = os.path.join(blobs, name)
    size = os.path.getsize(path)
    for note, content in (("changed", b"FORGED" + b"x" * (size - 6)), ("shortened", b"FORGED"), ("missing", None)):
        if content is None:
            os.remove(path)
        else:
            f.write(content, path)
        f.stack.agentd.start()
        for read in (lambda: list(f.stack.events()), lambda: f.stack.call("Trace", turn=2, prompt=False)):
            try:
                expect_true("FORGED" not in repr(read()), note)
            except VarlinkError as refusal:
                expect(refusal.parameters.get("errno"), errno.EBADMSG if content is not None else errno.ENOENT, f"{note}: {refusal}")
        turn = f.stack.ask("go on")
        sent = b"".join(r.body for r in f.provider.requests)
        expect_true(b"FORGED" not in sent and turn.state == "failed" and "a record cannot be read" in turn.reason, f"{note}: {turn.state} {turn.reason}")
        f.stack.agentd.stop()


if __name__ == "__main__":
    run(Fixture)
