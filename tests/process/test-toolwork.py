#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""claw-toolwork over its stream, outside a cage, on a folder of its own: the contract of spec/toolwork.md: the stream, and the workspace that no tool leaves.

Environment: CLAWOS_BIN (folder with the built programs).
"""
import json
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
from tap import run, test  # noqa: E402
from toolwork import BINARY, BODY, REPLY, REQUEST, Toolwork, World  # noqa: E402


@test
def the_end_of_the_stream_ends_the_program_with_status_0(world):
    world.ok("list_dir")
    assert world.tools.close() == (0, "")


@test
def requests_are_served_in_order_also_when_written_ahead(world):
    for number in range(50):
        world.tools.send("write_file", {"path": f"f{number}", "content": str(number)})
    for number in range(50):
        assert f"f{number}:" in world.tools.receive().content


@test
def what_breaks_the_contract_ends_the_program_without_a_reply(world):
    good = {"tool": "read_file", "arguments": {}, "limit_bytes": 1024, "timeout_ms": 1000}
    bad = [b"{", b"[]", b"null", b'{"tool":"read_file"}', b'{"tool":"x\0"}', json.dumps({**good, "tool": 5}).encode(),
           json.dumps({**good, "arguments": []}).encode(), json.dumps({**good, "limit_bytes": 1023}).encode(),
           json.dumps({**good, "limit_bytes": 2 ** 40}).encode(), json.dumps({**good, "limit_bytes": "9999"}).encode(),
           json.dumps({**good, "timeout_ms": 0}).encode(), json.dumps({**good, "timeout_ms": -1}).encode(), b"[" * 100000]
    for payload in bad:
        tools = Toolwork(BINARY, world.workspace)
        tools.send_raw(payload)
        assert tools.ends(), payload[:80]
        assert tools.close()[0] == 1, payload[:80]
    for kind, length in ((REPLY, None), (BODY, None), (9, None), (REQUEST, 0), (REQUEST, 1), (REQUEST, 17 * 2 ** 20)):
        tools = Toolwork(BINARY, world.workspace)
        tools.send_raw(b"{}", kind, length)
        assert tools.ends(), (kind, length)
        assert tools.close()[0] == 1, (kind, length)


@test
def an_unknown_tool_is_a_failed_reply(world):
    world.refused("make_coffee", "no tool \"make_coffee\"")
    world.ok("list_dir")


@test
def a_long_content_comes_as_a_body_of_exactly_the_bytes_announced(world):
    text = "äöü€ line\n" * 20000
    world.put("long", text)
    world.tools.send("read_file", {"path": "long", "limit": 100000}, limit_bytes=4 * 2 ** 20)
    reply = world.tools.receive()
    assert not reply.inline and reply.content == text, len(reply.content)
    assert "cut" not in reply.meta


@test
def no_content_is_longer_than_the_limit(world):
    world.put("long", "0123456789" * 100000)
    for limit in (1024, 5000, 70000):
        for tool, arguments in (("read_file", {"path": "long"}), ("shell", {"command": "cat long; cat long >&2"}),
                                ("list_dir", {"path": "/etc" + "x" * 3000})):
            world.tools.send(tool, arguments, limit_bytes=limit)
            reply = world.tools.receive()
            assert len(reply.content.encode()) <= limit, (tool, limit, len(reply.content))


# ---- the workspace ----

@test
def nothing_outside_the_workspace_can_be_read_written_or_listed(world):
    outside = tempfile.mkdtemp()
    with open(outside + "/secret", "w", encoding="ascii") as file:
        file.write("hush")
    os.symlink(outside, world.path("dir-out"))
    os.symlink(outside + "/secret", world.path("file-out"))
    os.symlink("/proc/self/root" + outside, world.path("magic"))
    os.symlink("loop", world.path("loop"))
    os.mkdir(world.path("inside"))
    deep = "inside/" + "../" * 20 + outside.lstrip("/")
    for path in (outside + "/secret", "dir-out/secret", "file-out", "../" * 20 + outside.lstrip("/") + "/secret", "magic/secret",
                 deep + "/secret", "/workspace/.." + outside + "/secret", "loop", "~/secret", "/proc/self/environ", "a" * 5000):
        assert "hush" not in world.refused("read_file", path=path).content
        world.refused("write_file", path=path, content="changed")
        world.refused("apply_patch", path=path, old_string="hush", new_string="changed")
    for path in (outside, "dir-out", deep, "..", "/", "magic"):
        world.refused("list_dir", path=path)
        world.refused("shell", command="pwd", workdir=path)
    assert os.listdir(outside) == ["secret"]
    with open(outside + "/secret", encoding="ascii") as file:
        assert file.read() == "hush"
    shutil.rmtree(outside)


@test
def a_path_may_be_given_as_slash_workspace(world):
    world.ok("write_file", path="/workspace/a/b.txt", content="x")
    assert world.get("a/b.txt") == b"x"
    assert world.ok("read_file", path="/workspace//a/./b.txt").content == "x"
    world.refused("read_file", "Did you mean \"a/b.txt\"?", path="/a/b.txt")


run(World)
