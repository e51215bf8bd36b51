# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A second reader of the journal, written from spec/journal.md alone.

    for record in read(folder): record.sequence, record.kind, record.data ...

Damage raises Damaged with segment and offset; an incomplete end stops the reading (cut says how much).
"""
import hashlib
import json
import os
import struct

KINDS = {1: "thread-new", 2: "accepted", 3: "turn-started", 4: "model-started", 5: "model-done",
         6: "tool-started", 7: "tool-done", 8: "question", 9: "decision", 10: "answer", 11: "turn-done"}
ORIGINS = {1: "person", 2: "agent", 3: "model", 4: "tool", 5: "recovery"}
HEAD = struct.Struct("<8sIIQQ32s")
HEADER = struct.Struct("<4sIQQQQQIHHI4s")
assert HEAD.size == 64 and HEADER.size == 64


class Damaged(Exception):
    pass


class Record:
    def __init__(self, fields, position, payload):
        (_, self.length, self.sequence, self.time_us, self.previous, self.thread, self.turn, self.owner,
         kind, origin, self.agent, _) = fields
        self.kind, self.origin, self.position = KINDS[kind], ORIGINS[origin], position
        self.data = json.loads(payload)

    def __repr__(self):
        return f"#{self.sequence} {self.kind} thread {self.thread} turn {self.turn} {self.data}"


class Journal:
    def __init__(self, folder):
        self.folder, self.cut, self.records = folder, 0, []
        self.chain, self.sequence, self.last_of_thread = bytes(32), 0, {}
        names = sorted(n for n in os.listdir(folder) if n.endswith(".journal"))
        start = 0
        for index, name in enumerate(names):
            start = self.segment(name, start, index == len(names) - 1)

    def segment(self, name, start, is_last):
        with open(os.path.join(self.folder, name), "rb") as file:
            data = file.read()
        if name != f"{start:016x}.journal":
            raise Damaged(f"{name}: expected the segment that starts at {start}")
        if len(data) < HEAD.size and is_last:
            self.cut = len(data)
            return start
        magic, version, size, first, head_start, chain = HEAD.unpack_from(data)
        if (magic, version, size, first, head_start, chain) != (
                b"CLAWJRNL", 1, 64, self.sequence + 1, start, self.chain):
            raise Damaged(f"{name}: head")
        at = HEAD.size
        while at < len(data):
            length = self.record(name, data, at, start)
            if length == 0:
                if not is_last:
                    raise Damaged(f"{name}: incomplete record at {at}, more follows")
                self.cut = len(data) - at
                break
            at += length
        return start + at

    def record(self, name, data, at, start):
        if not b"CLJ1".startswith(data[at:at + 4]):
            raise Damaged(f"{name}: no record at {at}")
        if len(data) - at < HEADER.size:
            return 0
        fields = HEADER.unpack_from(data, at)
        if fields[-1] != hashlib.sha256(data[at:at + 60]).digest()[:4]:
            raise Damaged(f"{name}: header at {at}")
        length = fields[1]
        if len(data) - at < length:
            return 0
        end = at + length - 32
        chain = hashlib.sha256(self.chain + data[at:end]).digest()
        if chain != data[end:end + 32]:
            raise Damaged(f"{name}: hash at {at}")
        record = Record(fields, start + at, data[at + HEADER.size:end])
        if record.sequence != self.sequence + 1:
            raise Damaged(f"{name}: sequence at {at}")
        if record.previous != self.last_of_thread.get(record.thread, 0):
            raise Damaged(f"{name}: previous at {at}")
        self.chain, self.sequence = chain, record.sequence
        self.last_of_thread[record.thread] = record.position
        self.records.append(record)
        return length

    def text(self, part):
        """A text part of a payload, from its blob when it is one."""
        if not isinstance(part, dict):
            return part
        with open(os.path.join(self.folder, "blobs", part["blob"]), "rb") as file:
            data = file.read()
        if hashlib.sha256(data).hexdigest() != part["blob"] or len(data) != part["bytes"]:
            raise Damaged(f"blob {part['blob']}")
        return data.decode("utf-8", "replace")


def read(folder):
    return Journal(folder).records
