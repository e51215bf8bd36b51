#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What tools/run-tests makes of what programs print: figures are shown, silence and broken plans are failures."""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))
from tap import expect, expect_true, run, test  # noqa: E402

RUN_TESTS = os.path.join(HERE, "..", "..", "tools", "run-tests")


def said(*lines, status=0):
    """What run-tests says of a clone whose only program prints this: its exit status and its lines."""
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(folder + "/tests/process")
        with open(folder + "/tests/process/test-one.py", "w", encoding="utf-8") as file:
            file.write(f"print({chr(10).join(lines)!r})\nraise SystemExit({status})\n")
        done = subprocess.run([RUN_TESTS], cwd=folder, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.splitlines()


@test
def a_figure_of_a_program_that_passes_is_shown_and_other_comments_are_not():
    code, lines = said("1..1", "# figure: 72 crash points", "# a remark", "ok 1 - it holds")
    expect((code, lines[1:]), (0, ["       72 crash points", "1 passed, 0 failed, 0 skipped"]))


@test
def what_a_failed_program_printed_is_shown_once():
    code, lines = said("1..2", "# figure: 72 crash points", "ok 1 - it holds", "not ok 2 - this too", status=1)
    expect((code, lines[-2:]), (1, ["failed: process/one: this too", "1 passed, 1 failed, 0 skipped"]))
    expect(sum("72 crash points" in line for line in lines), 1, str(lines))


@test
def a_program_that_says_too_little_has_failed():
    for lines, status, reason in ((["1..2", "ok 1 - it holds"], 0, "planned 2 tests, printed 1"), ([], 0, "printed no test"),
                                  (["1..1", "ok 1 - it holds"], 3, "ended with status 3"),
                                  (["1..1", "ok 1 - it holds # SKIP"], 0, "skipped without saying what is missing")):
        code, shown = said(*lines, status=status)
        expect_true(code == 1 and any(reason in line for line in shown), f"{reason}: {code} {shown}")


run()
