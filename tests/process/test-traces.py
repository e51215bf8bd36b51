# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Plays the traces of tests/data/traces: recorded model exchanges, real tools, no provider.

Each NAME.json says what a person says (also to a turn that runs: steer), what the model answers, and what has to come of it; NAME.tape is the record
of that run (spec/record.md). A prompt that differs by a byte fails its trace and shows the first difference: when
that is meant (a tool's description changed, say), record anew:

    tests/process/test-traces.py --record [NAME...]
"""
import glob
import json
import os
import sys
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))

from provider import Provider, from_json  # noqa: E402
from system import System  # noqa: E402
from tap import TESTS, expect, expect_true, run  # noqa: E402
from varlink import Client  # noqa: E402

TRACES = os.path.join(HERE, "..", "data", "traces")
NOBODY = "http://127.0.0.1:9/v1"  # nobody listens there: a turn that asked a provider would fail


def load(name):
    with open(os.path.join(TRACES, name + ".json"), encoding="utf-8") as file:
        return json.load(file)


def backend(trace):
    """Of another provider than one that speaks OpenAI chat completions."""
    return {"LLM_BACKEND": trace["backend"]} if "backend" in trace else {}


def lay(system, files):
    for path, content in files.items():
        full = os.path.join(system.workspace, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(full, 0o644)


def steer(system, turn, accepted):
    """Says what there is to say to the turn as soon as the record it names has come."""
    for event in system.events(after=accepted["seq"], follow=True):
        if event["turn"] == accepted["turn"] and event["kind"] == turn["steer"]["at"]:
            break
    with system.agent() as link:
        link.call("io.clawos.Agent.Steer", {"text": turn["steer"]["say"], "key": uuid.uuid4().hex})


def answer(system, answers, accepted):
    """Answers the turn's questions in order, as the person at a terminal: at the guard first, then at the agent."""
    left = list(answers)
    for event in system.events(after=accepted["seq"], follow=True):
        if event["turn"] != accepted["turn"] or event["kind"] not in ("question", "turn-done"):
            continue
        if event["kind"] == "turn-done":
            break
        data, allow = event["data"], left.pop(0) == "yes"
        if data["via"] == "egress":
            with Client(system.path("egress")) as link:
                link.call("io.clawos.Egress.Answer", {"question": data["question"], "allow": allow, "action": data["action"], "scope": "once"})
        with system.agent() as link:
            link.call("io.clawos.Agent.Answer", {"question": event["seq"], "allow": allow})
    expect(left, [], "answers that nobody asked for")


def say(system, trace, tape, parameter):
    for rule in trace.get("rules", []):
        with Client(system.path("egress")) as link:
            link.call("io.clawos.Egress.AddRule", {"text": rule})
    for turn in trace["turns"]:
        if "do" in turn:  # Undo, Redo
            with system.agent() as link:
                link.call("io.clawos.Agent." + turn["do"], {})
            continue
        accepted = system.submit(turn["say"], fds=[tape.fileno()], unattended="answers" not in turn, **{parameter: 0})
        if "answers" in turn:
            answer(system, turn["answers"], accepted)
        if "steer" in turn:
            steer(system, turn, accepted)
        done = system.await_turn(accepted["turn"], after=accepted["seq"])
        reason = done["data"].get("reason", "")
        expect((done["data"]["state"], reason), ("done", ""), turn["say"])
        expect(done["answer"], turn["answer"], turn["say"])
    for path, content in trace["after"].items():
        with open(os.path.join(system.workspace, path), encoding="utf-8") as file:
            expect(file.read(), content, path)


def replay(name):
    trace = load(name)
    with System(env={"LLM_BASE_URL": NOBODY, "LLM_MODEL": "fake", **backend(trace)}, config=trace.get("config")) as system:
        lay(system, trace["files"])
        with open(os.path.join(TRACES, name + ".tape"), "rb") as tape:
            say(system, trace, tape, "replayFd")
            expect_true(tape.tell() == os.fstat(tape.fileno()).st_size, "the tape has exchanges that nobody asked for")


def record(name):
    trace = load(name)
    script = [from_json(entry) for turn in trace["turns"] for entry in turn.get("model", ())]
    with Provider(script) as provider, System(provider, env=backend(trace), config=trace.get("config")) as system:
        lay(system, trace["files"])
        with open(os.path.join(TRACES, name + ".tape"), "wb") as tape:
            say(system, trace, tape, "recordFd")


def names():
    return sorted(os.path.basename(path)[:-5] for path in glob.glob(os.path.join(TRACES, "*.json")))


def main():
    if sys.argv[1:2] == ["--record"]:
        for name in sys.argv[2:] or names():
            record(name)
        return
    for name in names():
        def played(name=name):
            replay(name)
        played.__name__ = f"the_trace_{name.replace('-', '_')}_plays_with_byte_identical_prompts"
        TESTS.append(played)
    run()


main()
