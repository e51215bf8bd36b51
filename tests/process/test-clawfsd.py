#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""clawfsd as a separate process: versions, authors, approval, limits, two uids, refusals.

Environment: CLAWOS_BIN (folder with the built daemons), CLAWOS_SHARE (spec/). Needs root.
"""
import fcntl
import json
import os
import random
import select
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from daemon import Daemon  # noqa: E402
from memory import AGENT, FS, FS_UID, SEEDS, Memory, memfd, read, refused, search, write  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402
from varlink import Client, Gone, connect  # noqa: E402

OTHER = 64899


@test
def what_is_written_is_read_back_and_every_version_stays(memory):
    with memory.person() as link:
        for number, text in enumerate(["one\n", "two\n", ""], 1):
            expect(write(link, "projects/x.md", text)["version"], number)
        for number, text in enumerate([b"one\n", b"two\n", b""], 1):
            document, content = read(link, "projects/x.md", number)
            expect((document["version"], document["bytes"], content), (number, len(text), text))
        expect([d["version"] for d in link.call(FS + "History", {"path": "projects/x.md"})["versions"]], [3, 2, 1])
        expect(read(link, "projects/x.md")[0]["version"], 3)


@test
def content_comes_and_goes_by_descriptor(memory):
    text = ("zwölf Grüße 🍵\n" * 20000).encode()
    with memory.person() as link:
        expect(write(link, "long.md", text)["bytes"], len(text))
        expect(read(link, "long.md")[1], text)
        expect_true(fcntl.fcntl(link.fds[0], fcntl.F_GET_SEALS) == 15, "the content is not sealed against every change")
        write(link, "long.md", b"the end\n", append=True)
        expect(read(link, "long.md")[1], text + b"the end\n")
        expect(write(link, "empty.md", b"")["bytes"], 0)


@test
def a_descriptor_that_is_no_plain_file_is_refused(memory):
    reading, writing = os.pipe()
    path_only = os.open("/etc/passwd", os.O_PATH)
    short = memfd(b"four")
    parameters = {"path": "a.md", "append": False, "labels": [], "author": "person", "length": 5, "contentFd": 0}
    with memory.person() as link:
        for fds in ([reading], [writing], [path_only], [short], []):
            expect(refused(link.call, FS + "Write", parameters, fds=fds)[0], "InvalidArguments", f"{fds}")
        expect(refused(link.call, FS + "Write", {**parameters, "contentFd": 7}, fds=[short])[0], "InvalidArguments")
        expect(refused(link.call, FS + "Write", {**parameters, "text": "x"}, fds=[short])[0], "InvalidArguments")
        expect(refused(link.call, FS + "Write", {**parameters, "length": -1}, fds=[short])[0], "QuotaExceeded")
        expect(refused(read, link, "a.md")[0], "NotFound")
        expect(write(link, "a.md", b"four")["version"], 1)
    for fd in (reading, writing, path_only, short):
        os.close(fd)


@test
def what_is_no_text_is_refused(memory):
    with memory.person() as link:
        for data in (b"\xff\xfe", b"a\0b", b"\xc3", b"\xed\xa0\x80"):
            expect(refused(write, link, "a.md", data)[0], "InvalidArguments", repr(data))
        expect(refused(write, link, "a.md", "x" * 5000)[0], "InvalidArguments", "long text in the message")


@test
def paths_are_judged_and_normalised(memory):
    with memory.person() as link:
        for path in ("/etc/passwd", "../x", "a/../b", "", ".", "a\nb", "x" * 256, "/".join("d" * 17)):
            expect(refused(write, link, path, "x")[0], "InvalidPath", path)
            expect(refused(read, link, path)[0], "InvalidPath", path)
        expect(write(link, "./projects//a.md/", "x")["path"], "projects/a.md")
        expect(read(link, "projects/./a.md")[0]["version"], 1)


@test
def labels_and_authors_are_kept_in_every_version(memory):
    with memory.person() as person, memory.agent() as agent:
        write(agent, "a.md", "one\n", author="tool:41", labels=["web", "host:example.org"])
        write(person, "a.md", "two\n", append=True)
        versions = person.call(FS + "History", {"path": "a.md"})["versions"]
        expect([(v["author"], v["labels"]) for v in versions],
               [("person", ["host:example.org", "web"]), ("tool:41", ["host:example.org", "web"])])
        expect(search(person, "one", labels=["web"])[0]["labels"], ["host:example.org", "web"])
        expect(search(person, "one", labels=["mail"]), [])
        expect(refused(write, person, "a.md", "x", labels=["no spaces"])[0], "InvalidArguments")
        expect([v["owner"] for v in versions], [0, 0])


@test
def only_the_person_writes_as_person_and_nobody_as_something_else(memory):
    with memory.person() as person, memory.agent() as agent:
        expect(refused(write, agent, "a.md", "x", author="person")[0], "Denied")
        expect(write(agent, "a.md", "x", author="agent")["author"], "agent")
        for author in ("", "seed", "root", "tool:", "tool:a b", "tool:" + "x" * 65, "person "):
            for link in (agent, person):
                expect(refused(write, link, "a.md", "y", author=author)[0], "InvalidArguments", author)
        expect(read(person, "a.md")[1], b"x")


@test
def another_uid_gets_no_word(memory):
    with memory.link(OTHER) as link:
        try:
            link.call(FS + "Status")
        except (Gone, OSError):
            return
    raise AssertionError("it was served")


@test
def the_agent_changes_an_identity_document_only_with_the_persons_yes(memory):
    with memory.person() as person, memory.agent() as agent:
        before = read(person, "USER.md")[1]
        line = "Ann, Lund, Swedish\n"
        kind, asked = refused(write, agent, "USER.md", line, append=True, author="tool:7")
        expect(kind, "ApprovalNeeded")
        expect(asked["action"], f"add {len(line)} bytes to USER.md (version 1):\n{line}")
        question = asked["question"]
        expect(refused(agent.call, FS + "Answer", {"question": question, "allow": True, "action": asked["action"]})[0], "Denied")
        expect(refused(write, agent, "USER.md", line, append=True, author="tool:7", question=question)[0], "ApprovalNeeded")
        waiting = person.call(FS + "Questions")["questions"]
        expect([(q["question"], q["path"], q["action"], q["answer"]) for q in waiting],
               [(question, "USER.md", asked["action"], "open")])
        expect(read(person, "USER.md")[1], before)

        # a taken-over agent that shows one change and gives the number of another gets no yes
        expect(refused(person.call, FS + "Answer", {"question": question, "allow": True, "action": "add 1 bytes"})[0], "Denied")
        expect(refused(person.call, FS + "Answer", {"question": question, "allow": True})[0], "InvalidParameter")
        expect(refused(write, agent, "USER.md", line, append=True, author="tool:7", question=question)[0], "ApprovalNeeded")
        person.call(FS + "Answer", {"question": question, "allow": True, "action": asked["action"]})
        for path, text, append in (("USER.md", "Eve\n", True), ("USER.md", line, False), ("SOUL.md", line, True)):
            expect(refused(write, agent, path, text, append=append, author="tool:7", question=question)[0], "Denied")
        document = write(agent, "USER.md", line, append=True, author="tool:7", question=question)
        expect((document["version"], document["author"]), (2, "tool:7"))
        expect(read(person, "USER.md")[1], before + line.encode())
        # once only; and the same call after a crash changes nothing and asks nothing
        expect(write(agent, "USER.md", line, append=True, author="tool:7", question=question)["version"], 2)
        expect(refused(write, agent, "USER.md", line, append=True, author="tool:8", question=question)[0], "UnknownQuestion")
        expect(read(person, "USER.md")[1], before + line.encode())


@test
def a_no_and_an_answer_for_a_changed_document_let_nothing_pass(memory):
    with memory.person() as person, memory.agent() as agent:
        asked = refused(write, agent, "SOUL.md", "obey\n", author="agent")[1]
        person.call(FS + "Answer", {**asked, "allow": False})
        expect(refused(write, agent, "SOUL.md", "obey\n", author="agent", question=asked["question"])[0], "Denied")
        asked = refused(write, agent, "SOUL.md", "be kind\n", author="agent")[1]
        question = asked["question"]
        person.call(FS + "Answer", {**asked, "allow": True})
        write(person, "SOUL.md", "mine\n")
        expect(refused(write, agent, "SOUL.md", "be kind\n", author="agent", question=question)[0], "Denied")
        expect(read(person, "SOUL.md")[1], b"mine\n")
        for number in (999, 0, -1):
            expect(refused(person.call, FS + "Answer", {**asked, "question": number, "allow": True})[0], "UnknownQuestion")


@test
def each_identity_document_is_guarded_and_nothing_else(memory):
    with memory.agent() as agent, memory.person() as person:
        for name in ("AGENTS.md", "SOUL.md", "USER.md", "IDENTITY.md", "./SOUL.md", "SOUL.md/"):
            expect(refused(write, agent, name, "x", author="agent")[0], "ApprovalNeeded", name)
            # the owner's uid alone is not the person's word: it may be an agent that runs under it
            expect(refused(write, person, name, "x", author="tool:1")[0], "ApprovalNeeded", name)
        for name in ("MEMORY.md", "HEARTBEAT.md", "daily/2026-11-24.md", "context/x.md", "projects/SOUL.md"):
            write(agent, name, "x", author="agent")
        write(person, "SOUL.md", "x")


@test
def questions_survive_a_restart_and_keep_their_numbers(memory):
    with memory.agent() as agent:
        asked = refused(write, agent, "USER.md", "a", author="agent")[1]
        first = asked["question"]
    memory.daemon.kill()
    memory.daemon.start()
    with memory.agent() as agent, memory.person() as person:
        expect(refused(write, agent, "USER.md", "a", author="agent")[1]["question"], first)
        expect_true(refused(write, agent, "USER.md", "b", author="agent")[1]["question"] > first, "a number came again")
        person.call(FS + "Answer", {**asked, "allow": True})
        expect(write(agent, "USER.md", "a", author="agent", question=first)["version"], 2)


@test
def the_prompt_begins_with_the_identity_documents(memory):
    def identity(link):
        reply = link.call(FS + "Identity")
        with open(os.dup(link.fds[0]), "rb") as file:
            file.seek(0)
            text = file.read()
        expect(reply["length"], len(text))
        return reply["generation"], text.decode(), [d["path"] for d in reply["documents"]]

    with memory.agent() as agent, memory.person() as person:
        generation, text, names = identity(agent)
        expect_true(0 < len(text) <= 900, f"the seeds cost {len(text)} bytes")
        expect(names, ["AGENTS.md", "SOUL.md", "IDENTITY.md"])
        expect(identity(agent), (generation, text, names))
        write(agent, "projects/x.md", "x", author="agent")
        expect(identity(agent)[0], generation)
        write(agent, "MEMORY.md", "Ann likes tea\n", append=True, author="agent")
        changed, text, names = identity(agent)
        expect_true(changed != generation and text.endswith("\n---\n# Memory\n\n<!-- Lasting facts, one a line. -->\nAnn likes tea\n"),
                    text)
        write(person, "USER.md", "Ann\n")
        expect(identity(agent)[2], ["AGENTS.md", "SOUL.md", "USER.md", "IDENTITY.md", "MEMORY.md"])


@test
def the_seeds_are_there_once(memory):
    with memory.person() as link:
        expect([d["path"] for d in link.call(FS + "List", {"path": "", "depth": 1})["documents"]], SEEDS)
        write(link, "HEARTBEAT.md", "mine\n")
    memory.restart()
    with memory.person() as link:
        expect(read(link, "HEARTBEAT.md")[1], b"mine\n")
        expect(link.call(FS + "Status")["status"]["versions"], 8)


@test
def the_log_is_a_document_a_day(memory):
    with memory.agent() as agent:
        for text in ("- 10:31 one", "- 10:32 two\n"):
            agent.call(FS + "Log", {"date": "2026-11-24", "text": text, "author": "agent"})
        document, content = read(agent, "daily/2026-11-24.md")
        expect((document["version"], content), (2, b"- 10:31 one\n- 10:32 two\n"))
        for date in ("2026-13-01", "2026-11-32", "24.11.2026", "2026-1-1", "../../x", "2026-11-24/"):
            expect(refused(agent.call, FS + "Log", {"date": date, "text": "x", "author": "agent"})[0], "InvalidArguments", date)
        expect(refused(agent.call, FS + "Log", {"date": "2026-11-24", "text": "", "author": "agent"})[0], "InvalidArguments")
        expect(refused(agent.call, FS + "Log", {"date": "2026-11-24", "text": "x", "author": "person"})[0], "Denied")


@test
def folders_are_listed_to_a_depth(memory):
    with memory.person() as link:
        write(link, "projects/a/one.md", "1")
        write(link, "projects/b.md", "22")

        def listing(path, depth):
            return [d["path"] for d in link.call(FS + "List", {"path": path, "depth": depth})["documents"]]
        expect(listing("", 1), SEEDS + ["projects/"])
        expect(listing("projects", 1), ["projects/a/", "projects/b.md"])
        expect(listing("projects/", 9), ["projects/a/one.md", "projects/b.md"])
        expect(listing("projects/b.md", 1), ["projects/b.md"])
        expect(refused(listing, "nothing", 1)[0], "NotFound")
        expect(refused(listing, "", 0)[0], "InvalidArguments")
        expect(refused(listing, "../", 1)[0], "InvalidPath")


@test
def any_text_is_a_query(memory):
    with memory.person() as link:
        write(link, "people/ann.md", "Ann likes green tea.\n")
        expect(search(link, 'who likes "tea')[0]["path"], "people/ann.md")
        noise = random.Random(7)
        alphabet = "\"'()*^:-+{}[]\\/;%_ \n\tAND OR NOT NEAR tea äß🍵茶\u0301\u202e"
        for length in [0, 1, 2, 3, 10, 100, 1000, 10240] * 5:
            for hit in search(link, "".join(noise.choice(alphabet) for _ in range(length))):
                expect_true(0 < hit["score"] <= 1, str(hit))
        for limit in (0, -1, 101):
            expect(refused(search, link, "tea", limit)[0], "InvalidArguments")


@test
def a_hit_says_where_its_text_stands(memory):
    with memory.person() as link:
        text = "".join(f"line {i} of the log 🍵\n" for i in range(3000)) + "Ann was born in Lund\n"
        write(link, "a.md", text.encode())
        hit = search(link, "where was Ann born?")[0]
        expect(text.encode()[hit["offset"]:hit["offset"] + hit["length"]].decode(), hit["text"])
        expect_true("born in Lund" in hit["text"], hit["text"])
        expect_true(len(hit["text"].encode()) <= 400, "too long")


@test
def a_repeated_append_of_a_call_is_made_once(memory):
    with memory.agent() as agent:
        for _ in range(3):
            expect(write(agent, "a.md", "tea\n", append=True, author="tool:5")["version"], 1)
        expect(write(agent, "a.md", "tea\n", append=True, author="tool:6")["version"], 2)
        expect(write(agent, "a.md", "tea\n", append=True, author="tool:5", expectVersion=0)["version"], 1)
        kind, conflict = refused(write, agent, "a.md", "tea\n", author="tool:7", expectVersion=1)
        expect((kind, conflict["version"]), ("VersionConflict", 2))
        expect(read(agent, "a.md")[1], b"tea\ntea\n")


@test
def limits_are_named_and_leave_everything_as_it_was(_):
    conf = "[fs]\ndocument_bytes = 2000\nidentity_bytes = 1024\ndocuments = 16\nquestions = 2\nlist_entries = 16\n"
    with Memory(conf) as memory, memory.person() as link, memory.agent() as agent:
        def limit(*arguments, **named):
            kind, quota = refused(*arguments, **named)
            expect(kind, "QuotaExceeded")
            return quota["limit"], quota["value"]
        expect(limit(write, link, "a.md", b"x" * 2001), ("fs.document_bytes", 2000))
        write(link, "a.md", b"x" * 1999)
        expect(limit(write, link, "a.md", "xx", append=True), ("fs.document_bytes", 2000))
        expect(limit(write, agent, "SOUL.md", b"x" * 1025, author="agent"), ("fs.identity_bytes", 1024))
        for number in range(2):
            refused(write, agent, "SOUL.md", f"soul {number}", author="agent")
        expect(limit(write, agent, "SOUL.md", "soul 3", author="agent"), ("fs.questions", 2))
        for number in range(8):
            write(link, f"n{number}.md", "x")
        expect(limit(write, link, "m.md", "x"), ("fs.documents", 16))
        expect(read(link, "a.md")[0]["version"], 1)
        expect(link.call(FS + "Status")["status"]["documents"], 16)


@test
def a_wrong_configuration_is_refused_with_its_line(_):
    for conf, words in (("[fs]\ndocument_bytes = 0\n", "document_bytes"), ("[fs]\nnonsense = 1\n", "nonsense"), ("[agent]\n", "agent")):
        memory = Memory(conf)
        try:
            memory.daemon.start(wait=False)
            expect(memory.daemon.wait(), 1)
            expect_true(words in memory.daemon.log(), memory.daemon.log())
        finally:
            memory.__exit__()


def expect_no_start(memory, words):
    memory.daemon.stop()
    memory.daemon.start(wait=False)
    expect(memory.daemon.wait(), 1)
    expect_true(words in memory.daemon.log().splitlines()[-1], memory.daemon.log())


@test
def a_newer_schema_is_left_untouched(memory):
    memory.daemon.stop()
    with sqlite3.connect(memory.database) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with open(memory.database, "rb") as file:
        before = file.read()
    expect_no_start(memory, "schema 99")
    with open(memory.database, "rb") as file:
        expect_true(file.read() == before, "the file was changed")


@test
def damage_is_named_at_the_start(memory):
    with memory.person() as link:
        for number in range(300):
            write(link, f"n{number}.md", f"note {number} about tea and boats\n" * 5)
    memory.daemon.stop()
    with open(memory.database, "r+b") as file:
        file.seek(5 * 4096)
        file.write(b"\x5a" * 4096)
    expect_no_start(memory, "memory.db")
    with open(memory.database, "r+b") as file:
        file.write(b"not a database at all")
    expect_no_start(memory, "not a ClawFS store")


@test
def a_second_daemon_on_the_same_store_is_refused(memory):
    other = Daemon(memory.daemon.binary, ["fs"], os.path.join(memory.root, "second"), uid=FS_UID, arguments=memory.daemon.arguments)
    try:
        other.start(wait=False)
        expect(other.wait(), 1)
        expect_true("another clawfsd" in other.log(), other.log())
    finally:
        other.close()
    with memory.person() as link:
        write(link, "a.md", "the first goes on")


@test
def an_idle_daemon_does_not_wake_and_stays_small(memory):
    with memory.person() as link:
        link.call(FS + "Status")

    def switches():
        with open(f"/proc/{memory.daemon.pid}/status", encoding="utf-8") as file:
            return [entry for entry in file.read().splitlines() if "ctxt_switches" in entry]
    link = os.pidfd_open(memory.daemon.pid)
    select.select([link], [], [], 0.2)  # the last reply is behind it
    before = switches()
    select.select([link], [], [], 3)
    os.close(link)
    expect(switches(), before)
    with open(f"/proc/{memory.daemon.pid}/smaps_rollup", encoding="utf-8") as file:
        pss = next(int(entry.split()[1]) for entry in file if entry.startswith("Pss:"))
    print(f"# {pss} KiB PSS alone", flush=True)
    expect_true(pss <= 3584, f"{pss} KiB")


@test
def hostile_messages_are_refused_and_the_daemon_goes_on(memory):
    write_call = {"path": "a.md", "text": "x", "append": False, "labels": [], "author": "person", "length": 0}
    with memory.person() as link:
        for change in ({"path": 5}, {"append": "yes"}, {"labels": "web"}, {"labels": [5]}, {"labels": ["x"] * 17}, {"extra": 1}, {"text": 5},
                       {"length": 2}, {"length": "many"}, {"expectVersion": "1"}, {"question": []}):
            refused(link.call, FS + "Write", {**write_call, **change})
        for name in write_call:
            if name != "text":
                refused(link.call, FS + "Write", {key: value for key, value in write_call.items() if key != name})
        expect(refused(read, link, "a.md")[0], "NotFound")
        refused(link.call, FS + "Nothing")
        refused(link.call, FS + "Read", {"path": "README.md", "version": -5})
        refused(link.call, FS + "Read", {"path": "README.md", "version": 1 << 62})
    for data in (b"\0", b"{\0", b"[]\0", b"{\"method\": 5}\0", b"\xff" * 100 + b"\0", b"{" * 5000 + b"\0", json.dumps({"method": "x" * 70000}).encode() + b"\0"):
        link = Client(sock=connect(memory.daemon.socket("fs"), uid=AGENT), timeout=10)
        try:
            link.send_bytes(data)
            link.receive()
        except (Gone, OSError):
            pass
        link.close()
    with memory.person() as link:
        expect(link.call(FS + "Status")["status"]["documents"], len(SEEDS))
    expect(memory.daemon.poll(), None)


@test
def the_interface_can_be_introspected(memory):
    with memory.person() as link:
        text = link.call("org.varlink.service.GetInterfaceDescription", {"interface": "io.clawos.Fs"})["description"]
        for word in ("method Write(", "method Search(", "error ApprovalNeeded"):
            expect_true(word in text, word)


run(Memory)
