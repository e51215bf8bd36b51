#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Providers that stand in, as a person sets them up: keys of their own, claw status, doctor and trace."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

from cages import require_namespaces  # noqa: E402
from provider import Provider, error, text  # noqa: E402
from system import System  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402

KEY, LLAMA_KEY = "sk-test-0123456789abcdef", "sk-llama-0123456789"  # the first is System's


def claw(system, *arguments):
    done = system.claw(*arguments)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def check(system, one, two):
    code, out, _ = claw(system, "-m", "hi")
    expect((code, out), (0, "from the second\n"))
    expect((len(one.requests), len(two.requests)), (1, 1))
    expect(one.requests[0].headers["authorization"], "Bearer " + KEY)
    expect(two.requests[0].headers["authorization"], "Bearer " + LLAMA_KEY)
    _, out, _ = claw(system, "trace")
    words = " ".join(out.split())
    expect_true("of llamacpp" in words and "instead of openai_compatible: " in words and "503" in words, out)


@test
def the_key_of_the_one_that_stands_in_comes_from_its_variable_or_its_file():
    require_namespaces()
    config = "[provider]\nretries = 0\nfallback = llamacpp second\nbreaker_failures = 2\nbreaker_wait = 600\n"
    with Provider([], error(503, "overloaded")) as one, Provider([], text("from the second"), port=8080) as two:
        with System(one, config=config, env={"LLAMA_API_KEY": LLAMA_KEY}) as system:
            check(system, one, two)
            with open(f"/proc/{system.pid('claw-agentd')}/environ", "rb") as file:
                expect_true(b"KEY" not in file.read(), "a key in the agent's environment")
            _, out, _ = claw(system, "status")
            lines = [" ".join(line.split()) for line in out.splitlines()]
            at = [i for i, line in enumerate(lines) if line.startswith("providers")][0]
            expect(lines[at : at + 2], ["providers openai_compatible fake, is asked", "llamacpp second, stands in"])
            claw(system, "-m", "again")
            _, out, _ = claw(system, "status")
            expect_true("openai_compatible fake, passed over: failed 2 times in a row" in " ".join(out.split()), out)
            _, out, _ = claw(system, "doctor")
            expect_true("degraded provider openai_compatible fake, passed over" in " ".join(out.split()), out)
    with Provider([], error(503)) as one, Provider([], text("from the second"), port=8080) as two:
        system = System(one, config=config)
        with open(os.path.join(system.state, "llamacpp.key"), "w", encoding="ascii") as file:
            file.write(LLAMA_KEY + "\n")
        os.chmod(file.name, 0o644)
        code, _, notes = claw(system, "threads")
        expect_true(code != 0 and "llamacpp.key may be read by others" in notes, notes)
        os.chmod(file.name, 0o600)
        with system:
            check(system, one, two)


@test
def a_wrong_chain_stops_nothing_and_is_named():
    require_namespaces()
    with Provider([], text("x")) as provider, System(provider) as system:
        with open(os.path.join(system.state, "clawos.conf"), "w", encoding="utf-8") as file:
            file.write("[provider]\nfallback = nobody\n")
        code, _, notes = claw(system, "-m", "hi")
        expect((code, 'there is no provider "nobody"' in notes and "fallback" in notes), (1, True), notes)
        expect_true(system.pid("claw-agentd") > 0, "the system was stopped")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("1..0 # SKIP root (daemons have uids of their own)")
        sys.exit(0)
    run()
