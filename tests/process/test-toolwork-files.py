#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""claw-toolwork over its stream, outside a cage, on a folder of its own: read_file, write_file, apply_patch and list_dir.

Environment: CLAWOS_BIN (folder with the built programs).
"""
import os
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
from tap import run, test  # noqa: E402
from toolwork import World  # noqa: E402


# ---- read_file ----

@test
def a_file_that_fits_is_read_exactly(world):
    for text in ("", "a", "a\n", "a\n\n", "a\r\nb", "\n", "ä\n\t€", "x" * 60000):
        world.put("f", text)
        content = world.ok("read_file", path="f").content
        assert content == (text or "[\"f\" is empty]"), (text[:20], content[:40])


@test
def lines_are_chosen_by_offset_and_limit_and_the_rest_is_named(world):
    world.put("f", "".join(f"line {n}\n" for n in range(1, 11)))
    reply = world.ok("read_file", path="f", offset=3, limit=2)
    assert reply.content == "line 3\nline 4\n[lines 3-4 of 10; go on with offset 5]", reply.content
    assert (reply.meta["firstLine"], reply.meta["lastLine"], reply.meta["lines"]) == (3, 4, 10)
    assert world.ok("read_file", path="f", offset=10).content == "line 10\n[lines 10-10 of 10]"
    world.refused("read_file", "has only 10 lines; offset 11", path="f", offset=11)
    world.refused("read_file", "\"offset\" must be from 1", path="f", offset=0)


@test
def reading_on_as_told_gives_the_whole_file(world):
    lines = [f"{n} " + "x" * (n % 300) for n in range(3000)]
    world.put("f", "\n".join(lines) + "\n")
    offset, seen = 1, []
    for _ in range(1000):
        world.tools.send("read_file", {"path": "f", "offset": offset}, limit_bytes=10000)
        content = world.tools.receive().content
        body, _, note = content.rpartition("[lines ")
        seen += body.splitlines()
        if "go on with offset" not in note:
            break
        offset = int(note.rpartition(" ")[2].rstrip("]"))
    assert seen == lines, (len(seen), len(lines))


@test
def a_long_line_is_cut_visibly_only_when_the_file_does_not_fit(world):
    world.put("f", "y" * 200000 + "\nend\n")
    content = world.ok("read_file", path="f").content
    assert "… [198000 more bytes in this line]\nend\n" in content, content[-80:]


@test
def binary_files_are_named_and_not_shown(world):
    for name, start in (("PNG image", b"\x89PNG\r\n\x1a\n\0\0"), ("ELF", b"\x7fELF\x02\x01\0"), ("ZIP", b"PK\x03\x04\0\0"),
                        ("PDF", b"%PDF-1.7 text"), ("binary data", b"\0\1\2\3" * 10), ("UTF-16", "a".encode("utf-16"))):
        world.put("f", start)
        world.refused("read_file", name, f"{len(start)} bytes", path="f")


@test
def text_that_is_not_utf_8_is_shown_with_replacement_characters(world):
    world.put("f", "Grüße aus Köln\n".encode("latin-1"))
    assert world.ok("read_file", path="f").content == "Gr\ufffd\ufffde aus K\ufffdln\n"


@test
def what_is_no_file_is_named(world):
    os.mkfifo(world.path("fifo"))
    os.mkdir(world.path("dir"))
    world.refused("read_file", "is a FIFO", path="fifo")
    world.refused("read_file", "is a directory: use list_dir", path="dir")
    world.refused("write_file", "not a regular file", path="fifo", content="")
    world.refused("write_file", "is a directory", path="dir", content="")
    world.refused("write_file", "names a directory", path="new/", content="")
    world.refused("write_file", "workspace itself", path=".", content="")


@test
def a_missing_file_is_answered_with_the_nearest_name(world):
    world.put("src/main.c", "x")
    world.refused("read_file", "Did you mean \"src/main.c\"?", path="src/mainn.c")
    world.refused("read_file", "\"srcs\" does not exist", "Did you mean \"src\"?", path="srcs/main.c")
    world.refused("read_file", "a part of the path is a file", path="src/main.c/x")
    world.refused("apply_patch", "Did you mean \"src/main.c\"?", path="src/main.h", old_string="a", new_string="b")


# ---- write_file ----

@test
def a_written_file_has_exactly_the_content(world):
    for content in ("", "a", "a\n", "ä\r\n€", "\t" * 1000, "x" * 1000000):
        reply = world.ok("write_file", path="d/e/f", content=content)
        assert world.get("d/e/f") == content.encode()
        assert reply.meta["bytes"] == len(content.encode())
    assert "5 bytes" in world.ok("write_file", path="g", content="a\nb\nc").content


@test
def every_character_json_can_carry_arrives_unchanged(world):
    content = "".join(map(chr, [*range(1, 0x300), 0x7f, 0xd7ff, 0xe000, 0xfdd0, 0xfffe, 0xffff, 0x10000, 0x1f600, 0x10ffff]))
    world.ok("write_file", path="f", content=content)
    assert world.get("f") == content.encode()
    assert world.ok("read_file", path="f").content == content


@test
def the_mode_of_a_file_and_the_link_to_it_are_kept(world):
    world.put("real", "old")
    os.chmod(world.path("real"), 0o751)
    os.symlink("real", world.path("link"))
    world.ok("write_file", path="link", content="new")
    assert world.get("real") == b"new" and os.path.islink(world.path("link"))
    assert stat.S_IMODE(os.stat(world.path("real")).st_mode) == 0o751


@test
def a_reader_never_sees_half_a_file_and_no_temporary_file_is_left(world):
    world.put("f", "a" * 1000000)
    for letter in "bcdefgh":
        world.tools.send("write_file", {"path": "f", "content": letter * 1000000})
        for _ in range(20):
            seen = world.get("f")
            assert len(seen) == 1000000 and len(set(seen)) == 1
        world.tools.receive()
    assert os.listdir(world.workspace) == ["f"]


@test
def five_megabytes_are_the_most(world):
    world.ok("write_file", path="f", content="x" * (5 * 2 ** 20))
    world.refused("write_file", "at most", path="g", content="x" * (5 * 2 ** 20 + 1))
    assert os.listdir(world.workspace) == ["f"]


# ---- apply_patch ----

@test
def a_patch_changes_one_place_and_nothing_else(world):
    world.put("f", "one\ntwo\nthree\n")
    os.chmod(world.path("f"), 0o600)
    reply = world.ok("apply_patch", path="f", old_string="two", new_string="2\n2")
    assert world.get("f") == b"one\n2\n2\nthree\n" and "line 2: 1 line became 2" in reply.content, reply.content
    assert stat.S_IMODE(os.stat(world.path("f")).st_mode) == 0o600


@test
def a_patch_that_fails_changes_nothing(world):
    world.put("f", "one\n\ttwo\none\n")
    before = os.stat(world.path("f"))
    world.refused("apply_patch", "2 times, at lines 1, 3", path="f", old_string="one", new_string="x")
    world.refused("apply_patch", "differ from it only in white space", "     2  \ttwo", path="f", old_string="  two",
                  new_string="x")
    world.refused("apply_patch", "similar", "     2  \ttwo", path="f", old_string="twwo", new_string="x")
    assert os.stat(world.path("f")).st_ino == before.st_ino and world.get("f") == b"one\n\ttwo\none\n"


@test
def all_places_are_replaced_on_request(world):
    world.put("f", "a.a.a")
    assert "3 places" in world.ok("apply_patch", path="f", old_string="a", new_string="aa", replace_all=True).content
    assert world.get("f") == b"aa.aa.aa"


# ---- list_dir ----

@test
def a_listing_is_sorted_with_sizes_and_links_and_levels(world):
    world.put("b/deep/er/file", "12345")
    world.put("a.txt", "x" * 1500)
    world.put("node_modules/x/y", "")
    os.symlink("a.txt", world.path("c"))
    assert world.ok("list_dir").content.splitlines() == ["a.txt  1.5 kB", "b/", "c -> a.txt", "node_modules/"]
    assert world.ok("list_dir", path="", recursive=True).content.splitlines() == [
        "a.txt  1.5 kB", "b/", "b/deep/", "b/deep/er/", "c -> a.txt", "node_modules/ (not descended)"]
    assert "b/deep/er/file  5 B" in world.ok("list_dir", recursive=True, max_depth=4).content
    assert world.ok("list_dir", path="b/deep/er").content == "file  5 B\n"
    os.mkdir(world.path("empty"))
    assert world.ok("list_dir", path="empty").content == "[empty directory]"


@test
def a_listing_stops_at_500_entries_and_says_so(world):
    for number in range(600):
        world.put(f"many/{number:03}", "")
    reply = world.ok("list_dir", path="many")
    assert reply.meta["cut"] and len(reply.content.splitlines()) == 501 and "there are more" in reply.content


run(World)
