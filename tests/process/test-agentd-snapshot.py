#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The journal's snapshot: with it, without it and with a broken one claw-agentd is the same.

Each byte of a snapshot is flipped and cut in tests/unit/l6-agent/test-journal-snapshot.c; here the shipped daemon is
started with some of them. Environment: CLAWOS_BIN. Needs root, outside a chroot.
"""
import contextlib
import hashlib
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from damage import flip  # noqa: E402
from journal import Damaged, Journal, Snapshot, Writer  # noqa: E402
from provider import Provider, calls, text  # noqa: E402
from stack import AGENT_UID, Stack  # noqa: E402
from system import switches  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402

SMALL = "snapshot_kib = 4\nsegment_mib = 1"


@contextlib.contextmanager
def stack(script=(), agent=SMALL):
    with Provider(script, text("ok"), keep_requests=False) as provider, Stack(provider, agent=agent) as made:
        yield made


def folder(s):
    return os.path.join(s.root, "journal")


def snapshot_path(s):
    return os.path.join(folder(s), "snapshot")


def started_from(s):
    return s.status()["journal"]["snapshotSeq"]


def restart(s):
    s.agentd.kill()
    s.agentd.start()


def await_checked(s):
    end = time.monotonic() + 20
    while s.status()["journal"]["unchecked"]:
        expect_true(time.monotonic() < end, "the records before the snapshot are checked within 20 s")


def view(s):
    """All that a client can learn."""
    status = s.status()
    threads = s.call("Threads")["threads"]
    out = {"threads": threads, "events": [e for e in s.events() if e], "history": {}, "traces": {}}
    out["status"] = [status[key] for key in ("threads", "turns", "lastSeq")] + [status["journal"][k] for k in ("records", "bytes")]
    for thread in threads:
        out["history"][thread["name"]] = s.call("History", thread=thread["name"], limit=1000)["turns"]
    for turn in range(1, status["turns"] + 1):
        out["traces"][turn] = s.call("Trace", turn=turn, prompt=False)["trace"]
    return out


def expect_same(s, before):
    after = view(s)
    for part, was in before.items():
        expect(after[part], was, part)


def answer(request):
    """By what was said last: echo, a question that stays open, a failure, or a text."""
    messages = request.json["messages"]
    said = [m for m in messages if m["role"] == "user"][-1]["content"]
    if messages[-1]["role"] == "tool":
        return text("it came back: " + "y" * len(said))
    if "echo" in said:
        return calls(("echo", {"message": said}), ("time", {"operation": "now"}))
    if "ask" in said:
        return calls(("http", {"url": "https://example.com/"}))
    return text("an answer to " + said)


def random_session(s, turns, seed=20261124):
    """Returns {key: (thread, turn)}; some turns are interrupted, the last one waits for an answer of the person."""
    dice, keys, sent = random.Random(seed), {}, []
    with s.link() as link:
        for n in range(turns):
            what = dice.choice(["plain", "echo", "echo", "ä" * dice.randrange(1, 9000)])
            key = f"key {n}"
            sent.append(s.submit(f"{what} {n}", link=link, thread=f"thread {dice.randrange(9)}", key=key))
            keys[key] = (sent[-1].thread, sent[-1].id)
            if dice.random() < 0.05:
                s.call("Interrupt", thread=sent[-1].thread)
            if dice.random() < 0.2:
                s.follow(sent[-1])
    for turn in sent:
        s.follow(turn, live=False)
    for name in sorted({turn.thread for turn in sent}):
        go_back_and_on(s, name, dice)
    open_turn = s.submit("ask", thread="open", key="open")
    await_kind(s, open_turn, "question")
    keys["open"] = (open_turn.thread, open_turn.id)
    return keys


def go_back_and_on(s, thread, dice):
    for _ in range(dice.randrange(4)):
        if s.call("Undo", thread=thread)["head"] == 0:
            break
        if dice.random() < 0.3:
            s.call("Redo", thread=thread)
    if dice.random() < 0.5:
        s.ask("behind what was undone", thread=thread)
        s.call("Branch", thread=thread)


def await_kind(s, turn, kind):
    for event in s.events(turn.thread, turn.seq - 1, True):
        if event and event["turn"] == turn.id and event["kind"] == kind:
            return


@test
def a_start_from_a_snapshot_answers_everything_as_one_that_read_all():
    with stack(answer) as s:
        keys = random_session(s, 250)
        expect_true(s.status()["journal"]["snapshots"] > 10, f"snapshots were written: {s.status()['journal']}")
        for n in range(20):  # the last record may be the snapshot's last one
            before = view(s)
            restart(s)
            if started_from(s) < before["status"][2]:
                break
            s.follow(s.submit(f"a tail {n}", thread="tail"))
        expect_true(0 < started_from(s) < before["status"][2], f"a snapshot and a tail: {s.status()['journal']}")
        expect_same(s, before)
        await_checked(s)
        for key, (thread, turn) in keys.items():
            again = s.submit("another text", thread=thread, key=key)
            expect((again.thread, again.id), (thread, turn), f"the key {key} is known")
        expect_same(s, before)
        s.agentd.kill()
        os.unlink(snapshot_path(s))
        s.agentd.start()
        expect(started_from(s), 0)
        expect_same(s, before)
        expect(s.submit("another text", thread="thread 1", key="key 0").id, keys["key 0"][1])


@test
def the_second_reader_finds_in_the_snapshot_what_it_folds_from_the_records():
    with stack(answer) as s:
        random_session(s, 60)
        expect(s.agentd.stop(), 0)
        snapshot, records = Snapshot(snapshot_path(s)), s.journal().records
        expect((snapshot.sequence, snapshot.position), (records[-1].sequence, records[-1].position))
        expect(snapshot.chain, s.journal().chain)
        expect(snapshot.marks, [r.position for r in records if r.sequence % 64 == 1])
        threads, turns = {}, []
        for r in records:
            if r.kind == "thread-new":
                threads[r.thread] = {"name": r.data["name"], "owner": r.owner, "turns": 0, "last_turn": 0, "title": None,
                                     "labels": set(), "job": None,
                                     **dict.fromkeys(("head", "tip", "origin"), r.data.get("branch", 0))}
            thread = threads[r.thread]
            if r.kind == "accepted":
                turns.append({"thread": r.thread, "state": 0, "before": thread["head"]})
                thread["head"] = thread["tip"] = r.turn
                thread["title"] = thread["title"] or (r.data["text"] if isinstance(r.data["text"], str) else "(a long message)")
                thread.update(turns=thread["turns"] + 1, last_turn=r.turn)
            if r.kind == "head":
                thread["head"] = r.data["head"]
            if r.kind == "turn-started":
                turns[r.turn - 1]["state"] = 1
            if r.kind in ("turn-started", "tool-done"):
                thread["labels"] |= set(r.data.get("labels", []))
            if r.kind == "turn-done":
                turns[r.turn - 1]["state"] = 2 + ["done", "failed", "interrupted"].index(r.data["state"])
            thread.update(last_sequence=r.sequence, last_position=r.position, updated=r.time_us)
            if r.turn:
                turns[r.turn - 1]["last_position"] = r.position
        expect([{k: t[k] for k in turns[0]} for t in snapshot.turns], turns)
        for thread in threads.values():
            thread["labels"] = sorted(thread["labels"])
            thread["title"] = thread["title"] and thread["title"].encode()[:60].decode(errors="ignore")
        expect(snapshot.threads, list(threads.values()))


@test
def a_snapshot_that_is_broken_is_said_and_changes_nothing():
    with stack(answer) as s:
        random_session(s, 20)
        before = view(s)
        s.agentd.kill()
        with open(snapshot_path(s), "rb") as file:
            good = file.read()
        dice = random.Random(1)
        broken = [good[:n] for n in (0, 1, 71, 72, len(good) // 2, len(good) - 1)] + [good + b"\0", os.urandom(len(good))]
        for at in [*dice.sample(range(len(good)), 10), 8, 24, 32]:
            broken.append(good[:at] + bytes([good[at] ^ 1 << dice.randrange(8)]) + good[at + 1:])
        other = bytearray(good[:-32])
        other[8] = 99  # a later version, whole
        broken.append(bytes(other) + hashlib.sha256(other).digest())
        for number, data in enumerate(broken):
            with open(snapshot_path(s), "wb") as file:
                file.write(data)
            s.agentd.start()
            expect(started_from(s), 0, f"case {number}")
            expect(s.agentd.log().count("the journal's snapshot is not used"), number + 1)
            expect_same(s, before)
            s.agentd.kill()


@test
def an_ordered_stop_leaves_a_snapshot_of_everything_and_an_idle_start_checks_the_rest_and_sleeps():
    with stack(agent="snapshot_kib = 1") as s:
        last = s.ask("hi").events[-1]["seq"]
        expect(s.agentd.stop(), 0)
        s.agentd.start()
        expect(started_from(s), last)
        await_checked(s)
        time.sleep(0.5)  # the end of our connection is seen
        before = switches(s.agentd.pid)
        time.sleep(1)
        expect(switches(s.agentd.pid), before, "wake-ups of an idle second")
        expect(s.ask("again").answer, "ok")


def live_long(s, turns, threads=20):
    """Puts the journal of a long life in place of the daemon's own, and stops it in order."""
    s.agentd.stop()
    for name in [n for n in os.listdir(folder(s)) if n.endswith(".journal") or n == "snapshot"]:
        os.unlink(os.path.join(folder(s), name))
    with Writer(folder(s)) as writer:
        made = [writer.thread(f"thread {n}") for n in range(threads)]
        for n in range(turns):
            writer.turn(made[n % threads], f"question {n}", "answer " * 20)
    for name in os.listdir(folder(s)):
        os.chown(os.path.join(folder(s), name), AGENT_UID, AGENT_UID)
    s.agentd.start()
    expect(s.agentd.stop(), 0)


@test
def a_journal_that_is_short_is_read_at_once():
    with stack(agent="") as s:
        s.ask("hi")
        expect(s.agentd.stop(), 0)
        expect(os.path.exists(snapshot_path(s)), True)
        s.agentd.start()
        expect((started_from(s), s.status()["journal"]["unchecked"]), (0, 0))


@test
def damage_before_the_snapshot_ends_the_daemon_and_is_then_refused_as_ever():
    with stack(agent="segment_mib = 1\nsnapshot_kib = 64") as s:
        live_long(s, 3000)
        name = os.path.join(folder(s), "0000000000000000.journal")
        flip(name, 700_000, bits=4)
        try:
            Journal(folder(s))
            raise AssertionError("the second reader saw no damage")
        except Damaged:
            pass
        s.agentd.start(wait=False)
        expect_true(s.agentd.wait() != 0, "it ends with a failure")
        said = [line for line in s.agentd.log().splitlines() if "the journal is damaged" in line]
        expect_true("0000000000000000.journal at byte" in said[0], said)
        expect(os.path.exists(snapshot_path(s)), False)
        try:
            s.agentd.start()
            raise AssertionError("agentd started on a damaged journal")
        except RuntimeError as problem:
            expect_true(said[0][3:] in str(problem), str(problem))


@test
def messages_are_accepted_while_a_snapshot_is_written_and_while_records_are_checked():
    with stack(agent="snapshot_kib = 1") as s:
        live_long(s, 10_000)
        s.agentd.start()
        unchecked = s.status()["journal"]["unchecked"]
        expect_true(unchecked > 0, f"it answers before everything is checked: {unchecked}")
        turns = [s.submit(f"m{n}", thread=f"new {n % 5}") for n in range(20)]
        expect([s.follow(t).answer for t in turns], ["ok"] * 20)
        await_checked(s)
        expect_true(s.status()["journal"]["snapshots"] > 0, "snapshots were written meanwhile")
        before = view(s)["threads"]
        restart(s)
        expect(view(s)["threads"], before)


if __name__ == "__main__":
    run()
