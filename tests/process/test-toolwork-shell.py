#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""claw-toolwork over its stream, outside a cage, on a folder of its own: what a command may expect, and what is left of it.

Environment: CLAWOS_BIN (folder with the built programs).
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
from tap import run, test  # noqa: E402
from toolwork import World  # noqa: E402


def alive(text):
    """Processes whose command line holds the text."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read().replace(b"\0", b" ").decode(errors="replace")
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                state = file.read().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if text in line and state != "Z" and int(pid) != os.getpid():
            found.append(pid)
    return found


# ---- shell ----

@test
def the_exit_status_and_both_streams_are_real(world):
    reply = world.ok("shell", command="echo out; echo err >&2; exit 3")
    assert reply.content == "out\n[stderr]\nerr\n[exit status 3]", reply.content
    assert (reply.meta["exit"], reply.meta["stdoutBytes"], reply.meta["stderrBytes"]) == (3, 4, 4)
    assert world.ok("shell", command="true").content == "[no output, exit status 0]"
    assert "signal 11" in world.ok("shell", command="kill -SEGV $$").content
    assert "signal 9" in world.ok("shell", command="sh -c 'kill -KILL $$'; exit $?").content
    assert "exit status 127" in world.ok("shell", command="no-such-program").content


@test
def pipes_here_documents_and_several_lines_work(world):
    assert world.ok("shell", command="cat <<'X' | tr a-z A-Z\na $b\nX").content == "A $B\n"
    assert world.ok("shell", command="for i in 1 2\ndo echo $i\ndone").content == "1\n2\n"
    assert world.ok("shell", command="-e").meta["exit"] == 127


@test
def a_command_starts_in_its_workdir_with_an_empty_standard_input(world):
    os.mkdir(world.path("sub"))
    assert world.ok("shell", command="pwd; cat; echo $HOME", workdir="sub").content == world.path("sub") + "\n/tmp\n"
    world.refused("shell", "Did you mean \"sub\"?", command="pwd", workdir="sup")
    world.refused("shell", "empty", command=" \n")


@test
def no_descriptor_but_the_three_is_inherited_by_a_command(world):
    assert world.ok("shell", command="ls /proc/self/fd").content.split() == ["0", "1", "2", "3"]  # 3 is ls itself


@test
def the_environment_is_the_fixed_one(world):
    names = {line.partition("=")[0] for line in world.ok("shell", command="env").content.splitlines()}
    assert names == {"PATH", "HOME", "TMPDIR", "LANG", "TERM", "NO_COLOR", "PAGER", "GIT_PAGER", "GIT_TERMINAL_PROMPT",
                     "DEBIAN_FRONTEND", "PYTHONUNBUFFERED", "PWD", "SHLVL", "_"}, names


@test
def background_children_die_with_the_call_and_are_not_waited_for(world):
    began = time.monotonic()
    mark = f"sleep 8{os.getpid()}"
    reply = world.ok("shell", command=f"{mark} & setsid {mark} & (setsid nohup {mark} >/dev/null 2>&1 &) ; sleep 0.2; echo up")
    assert reply.content == "up\n" and time.monotonic() - began < 5
    assert not alive(mark), alive(mark)


@test
def the_time_limit_kills_the_whole_tree_and_says_so(world):
    mark = f"sleep 9{os.getpid()}"
    began = time.monotonic()
    reply = world.refused("shell", "early\n", "timed out after 1 s", command=f"echo early; setsid {mark} & {mark}", timeout=1)
    assert 0.9 < time.monotonic() - began < 5 and reply.meta["timedOut"]
    assert not alive(mark), alive(mark)
    world.tools.send("shell", {"command": mark}, timeout_ms=300)
    assert not world.tools.receive().ok and not alive(mark)


@test
def a_command_that_ignores_signals_is_ended_too(world):
    world.refused("shell", "timed out", command="trap '' TERM INT HUP; while :; do :; done", timeout=1)


@test
def a_flood_of_output_keeps_head_and_tail_and_counts_all(world):
    world.tools.send("shell", {"command": "seq 1000000"}, limit_bytes=200000)
    reply = world.tools.receive()
    assert reply.content.startswith("1\n2\n3\n") and reply.content.endswith("\n999999\n1000000\n")
    left_out = int(reply.content.partition("[… ")[2].partition(" bytes")[0])
    shown = len(reply.content.replace(f"[… {left_out} bytes left out …]\n", ""))
    assert shown + left_out == reply.meta["stdoutBytes"] == 6888896 and reply.meta["cut"], (shown, left_out)
    assert shown > 60000


@test
def each_stream_gets_its_share_when_both_are_long(world):
    world.tools.send("shell", {"command": "seq 100000; seq 200000 300000 >&2"}, limit_bytes=10000)
    content = world.tools.receive().content
    out, _, err = content.partition("[stderr]\n")
    assert out.startswith("1\n") and out.endswith("\n100000\n") and err.startswith("200000\n") and err.endswith("300000\n")
    assert 4000 < len(out) < 5100 and 4000 < len(err) < 5100


@test
def binary_output_becomes_text(world):
    assert world.ok("shell", command="printf 'a\\0b\\377c'").content == "a\ufffdb\ufffdc\n"


@test
def the_program_survives_what_a_command_does_to_its_group(world):
    world.ok("shell", command="kill -TERM 0; kill -KILL 0")
    world.ok("list_dir")


run(World)
