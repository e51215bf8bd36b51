#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""claw cost, /cost, and a budget of clawos.conf, with the shipped system behind them."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

from cages import require_namespaces  # noqa: E402
from provider import Provider, text  # noqa: E402
from system import System  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402
from terminal import Terminal  # noqa: E402

PROMPT = "❯ "


def claw(system, *arguments):
    done = system.claw(*arguments)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@test
def cost_shows_today_thread_and_turn_and_a_budget_of_the_file_is_kept():
    require_namespaces()
    config = "[budget]\nprice = 1,10\nday_requests = 4\n"
    with Provider([], text("hello", usage=(1000, 200))) as provider, System(provider, config=config) as system:
        for thread in ("main", "main", "other"):
            code, out, notes = claw(system, "-m", "hi", "--thread", thread)
            expect((code, out.strip(), notes), (0, "hello", ""))
        code, out, _ = claw(system, "cost")
        lines = out.splitlines()
        expect(code, 0)
        expect(lines[1].split()[:7], ["today", "3", "of", "4", "3600", "of", "100000000"])
        expect_true("$0.00 of" not in lines[1] and "$0.009000 of $20.00" in " ".join(lines[1].split()), lines[1])
        expect_true("anew in" in lines[1] and "00:00 UTC" in lines[1], lines[1])
        expect([line.split()[0] for line in lines[2:4]], ["thread", "turn"])
        expect(lines[2].split()[1], "2")
        expect(lines[4], "price of openai_compatible fake: $1.00 in, $10.00 out for a million tokens ([budget] price)")
        code, out, _ = claw(system, "cost", "--json")
        expect([row["scope"] for row in json.loads(out)["spending"]], ["day", "thread", "turn"])

        code, out, notes = claw(system, "-m", "hi")
        expect((code, notes), (0, "claw: today's budget is four fifths used: 4 of 4 requests ([budget] day_requests in clawos.conf)\n"))
        code, out, notes = claw(system, "-m", "hi")
        expect((code, out), (1, ""))
        expect_true("failed: today's budget is used up: 4 of 4 requests. Anew at 00:00 UTC" in notes, notes)
        expect_true("Raise it: [budget] day_requests in clawos.conf" in notes, notes)
        expect(len(provider.requests), 4)

        with open(os.path.join(system.state, "clawos.conf"), "w", encoding="utf-8") as file:
            file.write(config.replace("= 4", "= 9"))
        expect(claw(system, "-m", "hi")[0], 0)
        code, out, _ = claw(system, "cost")
        expect(out.splitlines()[1].split()[:4], ["today", "5", "of", "9"])
        code, out, _ = claw(system, "trace")
        expect_true("cost $0.003000" in " ".join(out.split()), out)


@test
def the_shell_has_the_same_and_shows_the_warning_once():
    require_namespaces()
    with Provider([], text("hello", usage=(10, 2))) as provider, System(provider, config="[budget]\nday_requests = 5\n") as system:
        for _ in range(3):
            claw(system, "-m", "hi")
        terminal = Terminal([os.path.join(system.env["CLAWOS_BIN"], "claw")],
                            env={k: v for k, v in system.env.items() if k not in ("TERM", "NO_COLOR")})
        with terminal:
            terminal.expect(PROMPT)
            terminal.type("hi\r")
            terminal.expect("four fifths used: 4 of 5 requests")
            terminal.expect(PROMPT)
            terminal.type("/cost\r")
            terminal.expect("money is not counted; [budget] price")
            terminal.expect(PROMPT)


@test
def a_wrong_budget_is_refused_by_its_name():
    require_namespaces()
    with Provider([], text("x")) as provider, System(provider, config="[budget]\nprice = cheap\n") as system:
        code, _, notes = claw(system, "-m", "hi")
        expect_true(code != 0 and "[budget] price" in notes + system.logs(), notes)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("1..0 # SKIP root (daemons have uids of their own)")
        sys.exit(0)
    run()
