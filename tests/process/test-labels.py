#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Labels travel: from memory and the web into results, into the thread, and into what is written (spec/journal.md).

Environment: CLAWOS_BIN (folder with the built daemons). Needs root, outside a chroot.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from memory import FS, write  # noqa: E402
from provider import Answer, Provider, calls, text  # noqa: E402
from stack import stack  # noqa: E402
from tap import expect, run, test  # noqa: E402
from varlink import Client  # noqa: E402


def note(s, path, content, labels):
    with Client(s.clawfsd.socket("fs"), uid=0) as fs:
        write(fs, path, content, labels=labels)


def labels_of(s, path):
    with Client(s.clawfsd.socket("fs"), uid=0) as fs:
        return fs.call(FS + "History", {"path": path})["versions"][0]["labels"]


def result_labels(turn):
    """In the order of the calls; reads end in any order."""
    return [d["labels"] for d in sorted(turn.of("tool-done"), key=lambda d: d["id"])]


def remember(path):
    return ("memory_write", {"content": "a fact", "target": path})


@test
def what_memory_shows_labels_the_result_the_thread_and_what_it_writes():
    script = [calls(("memory_read", {"path": "notes/a.md"}), ("time", {"operation": "now"})), calls(remember("notes/new.md")), text("done"),
              calls(remember("notes/later.md")), text("done"), calls(remember("notes/other.md")), text("done")]
    with stack(script) as s:
        note(s, "notes/a.md", "what a page said\n", ["web:example.com", "mail"])
        turn = s.ask("read it and remember")
        expect(result_labels(turn), [["mail", "web:example.com"], [], []])
        expect([d.get("seenLabels") for d in sorted(turn.of("tool-started"), key=lambda d: d["id"])], [None, None, ["mail", "web:example.com"]])
        expect(labels_of(s, "notes/new.md"), ["mail", "web:example.com"])
        s.agentd.kill()  # the set is a fold over the journal
        s.agentd.start()
        s.agentd.stop()  # and over what is kept of it when it ends in order
        s.agentd.start()
        turn = s.ask("once more")
        expect(turn.of("turn-started")[0]["labels"], ["mail", "web:example.com"])
        expect(labels_of(s, "notes/later.md"), ["mail", "web:example.com"])
        s.ask("somebody else", thread="other")
        expect(labels_of(s, "notes/other.md"), [])


@test
def a_search_and_a_tree_carry_the_union_and_the_log_of_the_day_gets_it():
    script = [calls(("memory_tree", {"path": "notes"})), calls(("memory_search", {"query": "zebra"})),
              calls(("memory_write", {"content": "seen", "target": "daily_log"})), text("done")]
    with stack(script) as s:
        note(s, "notes/a.md", "one\n", ["a"])
        note(s, "notes/b.md", "a zebra\n", ["b"])
        turn = s.ask("look")
        expect(result_labels(turn), [["a", "b"], ["b"], []])
        with Client(s.clawfsd.socket("fs"), uid=0) as fs:
            days = fs.call(FS + "List", {"path": "daily", "depth": 1})["documents"]
        expect([d["labels"] for d in days], [["a", "b"]])


@test
def memory_found_for_a_message_labels_the_turn_before_any_tool():
    with stack(otherwise=text("done")) as s:
        note(s, "notes/z.md", "the zebra password is stripes\n", ["web:example.org"])
        expect(s.ask("hello").of("turn-started")[0].get("labels"), None)
        turn = s.ask("what is the zebra password")
        expect("stripes" in turn.of("turn-started")[0]["memory"], True)
        expect(turn.of("turn-started")[0]["labels"], ["web:example.org"])


@test
def a_labelled_identity_document_labels_every_turn():
    with stack(otherwise=text("done")) as s:
        note(s, "MEMORY.md", "the person likes tea\n", ["mail"])
        expect(s.ask("hello").of("turn-started")[0]["labels"], ["mail"])


@test
def an_answer_of_the_web_is_labelled_with_its_host_and_read_on_with_it():
    with Provider([], Answer(b"x" * 40_000, content_type="text/plain")) as web:
        script = [calls(("http", {"url": f"http://127.0.0.1:{web.port}/page"})), calls(remember("notes/page.md")), text("done")]
        with stack(script, otherwise=text("ok"), egress=f"allow = http://127.0.0.1:{web.port}") as s:
            turn = s.ask("fetch")
            expect(result_labels(turn), [["web:127.0.0.1"], []])
            expect(labels_of(s, "notes/page.md"), ["web:127.0.0.1"])
            done = [e for e in turn.events if e["kind"] == "tool-done"][0]
            more = s.ask("/more", tool="result_read", arguments={"id": f"r{done['seq']}", "offset": 20_000})
            expect((more.state, result_labels(more)), ("done", [["web:127.0.0.1"]]))


@test
def what_the_person_writes_is_the_persons():
    with stack([calls(("memory_read", {"path": "notes/a.md"})), text("done")]) as s:
        note(s, "notes/a.md", "x\n", ["mail"])
        s.ask("read")
        s.ask("/remember", tool="memory_write", arguments={"content": "mine", "target": "notes/mine.md"})
        expect(labels_of(s, "notes/mine.md"), [])


@test
def a_trace_shows_labels():
    with stack([calls(("memory_read", {"path": "notes/a.md"})), text("done"), text("done")]) as s:
        note(s, "notes/a.md", "x\n", ["mail"])
        first, second = s.ask("read"), s.ask("again")
        trace = s.call("Trace", turn=first.id, prompt=False)["trace"]
        expect((trace.get("labels"), trace["toolCalls"][0]["labels"]), (None, ["mail"]))
        expect(s.call("Trace", turn=second.id, prompt=False)["trace"]["labels"], ["mail"])


if __name__ == "__main__":
    run()
