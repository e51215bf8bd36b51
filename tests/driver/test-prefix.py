#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The driver has the local model's instructions read at set-up: once, in a state of its own, and again after an interrupt.

A script stands in for claw: what the real one computes is the matter of tests/process/test-local-model.py.
"""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
from clone import LIMIT_SECONDS, Clone  # noqa: E402
from tap import expect_true as expect  # noqa: E402
from tap import run, test  # noqa: E402

CLAW = """#!/bin/sh
[ "$1" = --state ] || exit 64
state=$2 cache=%s
echo "$3" >>"$cache/called"
case $3 in
up)
	mkdir -p "$state/llm"
	[ -z "$LLM_BASE_URL" ] || exit 1
	mkfifo "$state/wait"
	trap 'rm -f "$state/wait"; exit 0' TERM
	echo >&3
	exec 3>&-
	cat "$state/wait" & wait
	;;
prepare)
	[ -e "$state/llm/begun" ] && echo "going on"
	echo "400 of 1,218 tokens"
	: >"$state/llm/begun"
	if [ -e "$cache/block" ]; then echo waiting >"$cache/waits"; cat "$cache/block"; fi
	[ ! -e "$cache/broken" ] || exit 1
	echo state >"$state/llm/$(printf %%064d "$(wc -l <"$cache/called")").prefix"
	echo id >"$state/llm/weights.id"
	;;
esac
"""
MAKE = 'require_host; do_step make_prefix "$cache/weights" "$cache/base-run"; has_prefix "$cache/weights" && echo "it is there"'


def equip(clone):
    os.makedirs(clone.path + "/build/bin")
    clone.write("build/bin/claw", CLAW % clone.cache)
    os.chmod(clone.path + "/build/bin/claw", 0o755)
    with open(clone.cache + "/weights", "w", encoding="ascii") as file:
        file.write("weights")


def kept(clone):
    return sorted(os.listdir(clone.cache + "/prefix"))


@test
def what_is_computed_is_kept_for_every_state_and_nothing_else_is_left(clone):
    equip(clone)
    done = clone.pieces(MAKE, LLM_BASE_URL="http://127.0.0.1:9/")
    expect(done.stdout == "it is there\n", done.stderr)
    expect("400 of 1,218 tokens" in done.stderr, done.stderr)
    expect(len(kept(clone)) == 2 and "weights.id" in kept(clone), str(kept(clone)))
    modes = {os.stat(f"{clone.cache}/prefix/{name}").st_mode & 0o777 for name in kept(clone)}
    expect(modes == {0o444}, f"{modes}: daemons read them")
    expect(os.listdir(clone.cache + "/tmp") == [], "its state was left")


@test
def of_many_the_oldest_go(clone):
    equip(clone)
    for _ in range(10):
        clone.pieces(MAKE)
    expect(len(kept(clone)) == 9, f"{kept(clone)}: eight and weights.id")


@test
def an_interrupted_one_goes_on_and_leaves_no_process(clone):
    equip(clone)
    for name in ("block", "waits"):
        os.mkfifo(f"{clone.cache}/{name}")
    process = clone.start(clone.command(MAKE))
    with open(clone.cache + "/waits", encoding="utf-8") as waits:
        waits.read()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT_SECONDS)
    expect((process.returncode, out) == (130, ""), f"{process.returncode} {out} {err}")
    expect(clone.leftovers() == [], f"processes {clone.leftovers()}")
    expect(kept(clone) == [], str(kept(clone)))
    os.unlink(clone.cache + "/block")
    os.unlink(clone.cache + "/waits")
    done = clone.pieces(MAKE)
    expect("going on" in done.stderr and done.stdout == "it is there\n", done.stderr)


@test
def a_model_that_cannot_be_prepared_stops_nobody_and_is_tried_again(clone):
    equip(clone)
    with open(clone.cache + "/broken", "w", encoding="ascii"):
        pass
    done = clone.pieces(MAKE + "; echo went on")
    expect(done.returncode == 0 and done.stdout == "went on\n", done.stdout + done.stderr)
    expect("the first question will take longer" in done.stderr, done.stderr)


run(Clone)
