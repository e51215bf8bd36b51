# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A second reader of the journal, written from spec/journal.md alone.

    for record in read(folder): record.sequence, record.kind, record.data ...
    with Writer(folder) as writer: writer.turn(writer.thread("main"), "hello", "hi")

Damage raises Damaged with segment and offset; an incomplete end stops the reading (cut says how much). The writer
makes the journal of a long life; nothing in it is synced.
"""
import hashlib
import json
import os
import struct

KINDS = {1: "thread-new", 2: "accepted", 3: "turn-started", 4: "model-started", 5: "model-done",
         6: "tool-started", 7: "tool-done", 8: "question", 9: "decision", 10: "answer", 11: "turn-done",
         12: "steer", 13: "head", 14: "compact-started", 15: "compacted"}
ORIGINS = {1: "person", 2: "agent", 3: "model", 4: "tool", 5: "recovery"}
NUMBERS = {name: number for names in (KINDS, ORIGINS) for number, name in names.items()}
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

    def paths(self):
        """The turns of each thread's conversation, oldest first, by the page's section "The path"."""
        before, head = {}, {}
        for record in self.records:
            if record.kind == "thread-new":
                head[record.thread] = record.data.get("branch", 0)
            elif record.kind == "accepted":
                retried = record.data.get("retry", 0)
                before[record.turn] = before[retried] if retried else head[record.thread]
                head[record.thread] = record.turn
            elif record.kind == "head":
                head[record.thread] = record.data["head"]
        paths = {}
        for thread, turn in head.items():
            paths[thread] = []
            while turn:
                paths[thread].insert(0, turn)
                turn = before[turn]
        return paths

    def text(self, part):
        """A text part of a payload, from its blob when it is one."""
        if not isinstance(part, dict):
            return part
        with open(os.path.join(self.folder, "blobs", part["blob"]), "rb") as file:
            data = file.read()
        if hashlib.sha256(data).hexdigest() != part["blob"] or len(data) != part["bytes"]:
            raise Damaged(f"blob {part['blob']}")
        return data.decode("utf-8", "replace")


class Snapshot:
    """A snapshot as the page says it: sequence, position, chain, marks, threads, turns."""
    HEAD, THREAD, TURN = struct.Struct("<8sIIQQQ32s"), struct.Struct("<QQQQQQIIIIII"), struct.Struct("<QQII")

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        magic, version, size, length, self.sequence, self.position, self.chain = self.HEAD.unpack_from(data)
        if (magic, version, size, length) != (b"CLAWSNAP", 4, 72, len(data)) or \
                hashlib.sha256(data[:-32]).digest() != data[-32:]:
            raise Damaged(path)
        marks = (self.sequence + 63) // 64
        self.marks = list(struct.unpack_from(f"<{marks}Q", data, size))
        at = size + 8 * marks
        threads, turns = struct.unpack_from("<QQ", data, at)
        at += 16
        self.threads, self.turns = [], []
        for _ in range(threads):
            *numbers, calls, owner, name, title, labels, job, zero = self.THREAD.unpack_from(data, at)
            if zero:
                raise Damaged(f"{path}: a thread")
            at += self.THREAD.size
            texts = []
            for length in (name, title, labels, job):
                texts.append(None if length == 0xffffffff else data[at:at + length].decode())
                at += 0 if length == 0xffffffff else length
            keys = ("turns", "last_turn", "last_sequence", "last_position", "updated", "owner", "name", "title", "labels")
            self.threads.append(dict(zip(keys, (*numbers, owner, texts[0], texts[1], json.loads(texts[2] or "[]")))))
            self.threads[-1]["job"] = texts[3] and {**json.loads(texts[3]), "calls": calls}
        for _ in range(turns):
            last_position, key, thread, state = self.TURN.unpack_from(data, at)
            at += self.TURN.size
            self.turns.append({"thread": thread, "state": state, "last_position": last_position, "key": key})
        for thread in self.threads:
            thread["head"], thread["tip"], thread["origin"] = struct.unpack_from("<QQQ", data, at)
            at += 24
        for turn in self.turns:
            turn["before"], = struct.unpack_from("<I", data, at)
            at += 4
        self.compactions = [struct.unpack_from("<QQ", data, n) for n in range(at, len(data) - 32, 16)]
        at += 16 * len(self.compactions)
        if at != len(data) - 32:
            raise Damaged(f"{path}: {len(data) - 32 - at} bytes too many")


class Writer:
    """Appends to a new journal; a turn is the six records of one without tools."""
    SEGMENT = 16 << 20
    TIME_US = 1_700_000_000_000_000

    def __init__(self, folder, owner=0):
        self.folder, self.owner = folder, owner
        self.chain, self.sequence, self.position, self.file = bytes(32), 0, 0, None
        self.turns, self.last_of_thread = 0, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.file:
            self.file.close()

    def roll(self):
        if self.file:
            self.file.close()
        self.file = open(os.path.join(self.folder, f"{self.position:016x}.journal"), "wb")
        self.start = self.position
        self.file.write(HEAD.pack(b"CLAWJRNL", 1, 64, self.sequence + 1, self.start, self.chain))
        self.position += HEAD.size

    def append(self, kind, thread, turn, data, origin="agent"):
        if not self.file or self.position - self.start >= self.SEGMENT:
            self.roll()
        payload = json.dumps(data, separators=(",", ":")).encode()
        self.sequence += 1
        fields = (b"CLJ1", 96 + len(payload), self.sequence, self.TIME_US + self.sequence,
                  self.last_of_thread.get(thread, 0), thread, turn, self.owner, NUMBERS[kind], NUMBERS[origin], 1)
        header = HEADER.pack(*fields, bytes(4))[:60]
        body = header + hashlib.sha256(header).digest()[:4] + payload
        self.chain = hashlib.sha256(self.chain + body).digest()
        self.file.write(body + self.chain)
        self.last_of_thread[thread] = self.position
        self.position += len(body) + 32

    def thread(self, name):
        thread = len(self.last_of_thread) + 1
        self.append("thread-new", thread, 0, {"name": name}, "person")
        return thread

    def turn(self, thread, text, answer):
        self.turns += 1
        turn = self.turns
        self.append("accepted", thread, turn, {"key": f"key {turn}", "text": text, "allow": [], "unattended": True,
                                               "workspace": 0}, "person")
        self.append("turn-started", thread, turn, {"accepted": self.last_of_thread[thread]})
        self.append("model-started", thread, turn, {"call": 1, "attempt": 1, "model": "fake", "format": "openai",
                                                    "promptBytes": 8000, "promptHash": "0" * 64})
        self.append("model-done", thread, turn, {"call": 1, "ok": True, "text": answer, "stop": "stop", "promptTokens": 2000,
                                                 "answerTokens": 20, "durationUsec": 1000}, "model")
        self.append("answer", thread, turn, {"text": answer})
        self.append("turn-done", thread, turn, {"state": "done", "modelCalls": 1, "toolCalls": 0, "durationUsec": 1000})


def read(folder):
    return Journal(folder).records
