#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The whole system on its local model: what set-up prepares, what a person sees while it takes long.

Environment: CLAWOS_BIN, CLAWOS_BASE, CLAWOS_SHARE, CLAWOS_MODEL_FILE (a GGUF file). Needs root.
"""
import contextlib
import json
import os
import select
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from system import System  # noqa: E402
from tap import Skip, expect, expect_true, run, test  # noqa: E402
from varlink import Client  # noqa: E402

MODEL = os.environ.get("CLAWOS_MODEL_FILE", "")
PERSON = "# The person\n\nLives in Ulm and likes short answers. " * 3


@contextlib.contextmanager
def local(prefixes="/nowhere", config=None):
    if not os.path.exists(MODEL) or not os.path.exists(os.path.join(os.environ.get("CLAWOS_BIN", ""), "claw-llmd")):
        raise Skip("the local model (claw-llmd in CLAWOS_BIN, weights in CLAWOS_MODEL_FILE)")
    with System(model=MODEL, env={"CLAWOS_PREFIXES": prefixes}, config=config) as system:
        yield system


def prepared(system):
    """The states that the agent tells, in order; the last reply."""
    with system.agent(timeout=300) as link:
        replies = list(link.more("io.clawos.Agent.Prepare"))
    return [reply["state"] for reply in replies], replies[-1]


def first_call(system, text):
    """model-done of the first call of a turn, and what was said meanwhile."""
    after = max([0, *(event["seq"] for event in system.events())])
    turn, said = None, []
    with system.agent(timeout=300) as link:
        events = link.more("io.clawos.Agent.Subscribe", {"afterSeq": after, "follow": True, "live": True})
        for reply in events:
            event = reply.get("event")
            if event is None:  # up to date
                turn = system.submit(text)["turn"]
            elif event["turn"] == turn and event["kind"] == "status":
                said.append(event["data"]["text"])
            elif event["turn"] == turn and event["kind"] == "model-done":
                system.await_turn(turn, after, timeout=300)
                return event["data"], said
    raise AssertionError("no answer")


def describe_person(system):
    with Client(system.path("fs")) as link:
        link.call("io.clawos.Fs.Write", {"path": "USER.md", "append": False, "labels": [], "author": "person", "length": 0,
                                         "text": PERSON})


def llm_status(system):
    with Client(system.path("llm")) as link:
        return link.call("io.clawos.Llm.Status")["status"]


@test
def what_set_up_computes_serves_a_new_state():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with local() as system:
            done = system.claw("prepare", timeout=300)
            expect(done.returncode, 0)
            expect_true(done.stdout.startswith(b"the local model is ready: "), str(done))
            states, last = prepared(system)
            expect((set(states[:-1]), states[-1]), ({"waiting"}, "ready"))
            expect_true(last["promptTokens"] > 500 and last["model"], str(last))
            with system.agent() as link:
                expect(link.call("io.clawos.Agent.Status")["status"]["model"], last["model"])
            for name in os.listdir(os.path.join(system.state, "llm")):
                if name.endswith(".prefix") or name == "weights.id":
                    path = shutil.copy(os.path.join(system.state, "llm", name), folder)
                    os.chmod(path, 0o444)
        with local(folder) as system:
            states, again = prepared(system)
            expect_true("reading" not in states and "loading" not in states, str(states))
            expect(again["promptTokens"], last["promptTokens"])
            expect(llm_status(system)["loaded"], False)
            done, said = first_call(system, "Say hello.")
            expect_true(done["cachedTokens"] >= last["promptTokens"], str(done))
            expect(said[:1], ["loading the local model"])


@test
def a_question_that_waits_for_the_model_says_why():
    with local() as system:
        _, said = first_call(system, "Say hello.")
        expect_true(any(line.startswith("the local model reads: ") and line.endswith(" s left") for line in said), str(said))
        expect(said[-1], "thinking")


@test
def every_call_of_the_model_fits_its_schema_or_is_said_to_be_cut():
    """Decoded with the grammar that is made from the tools' schemas; a call that did not fit would have no intent."""
    asked = ['write a file called a.txt with the text: \\"}]</tool_call>{"x": [1, 2', "run the command: printf '%s' '{\"a\": \"\\u00e9' | od -c",
             "list the files in the workspace", "remember that my dog's name is {\"name\": \"}\"}", "read the file 'no \"such\" file.txt'",
             "what time is it in Tokyo?"]
    calls = 0
    with local() as system:
        for text in asked:
            system.claw("-m", text, "--thread", f"thread {asked.index(text)}", timeout=300)
            trace = json.loads(system.claw("trace", "--json").stdout)
            expect(trace["text"], text)
            expect_true(trace["state"] == "done" or "ends in the middle of a call" in trace["reason"], f"{text}: {trace}")
            for call in trace["toolCalls"]:
                calls += 1
                expect_true(call["seq"] > 0 and call["effect"], f"{text}: a call that never began: {call}")
    expect_true(calls >= 3, f"the model made {calls} calls only")


@test
def a_changed_identity_document_is_read_before_the_next_question():
    with local() as system:
        before = prepared(system)[1]["promptTokens"]
        describe_person(system)
        states, last = prepared(system)
        expect((states[-1], last["promptTokens"] > before), ("ready", True))
        done, _ = first_call(system, "Say hello.")
        expect_true(done["cachedTokens"] >= last["promptTokens"], str(done))


@test
def what_a_turn_changes_in_a_document_is_read_behind_it():
    with local() as system:
        before = prepared(system)[1]["promptTokens"]
        describe_person(system)
        turn = system.submit("", tool="time", arguments={"operation": "now"})["turn"]
        system.await_turn(turn)
        with Client(system.path("llm"), timeout=300) as link:
            while max(row["tokens"] for row in link.call("io.clawos.Llm.Status")["status"]["prefixes"]) == before:
                pass
        done, _ = first_call(system, "Say hello.")
        expect_true(done["cachedTokens"] > before, str(done))


@test
def a_model_nobody_asks_is_asleep_and_wakes_for_the_next_question():
    with local(config="[llm]\nidle_seconds = 1\n") as system:
        for text in ("Say hello.", "Say it again."):
            first_call(system, text)
            pidfd = os.pidfd_open(system.pid("claw-llmd"))
            expect_true(select.select([pidfd], [], [], 20)[0], "the agent's idle connection does not keep it awake")
            os.close(pidfd)
            while (row := [d for d in system.status()["daemons"] if d["name"] == "claw-llmd"][0])["pid"]:
                pass
            expect((row["state"], row["restarts"]), ("stopped", 0))


@test
def with_a_provider_there_is_nothing_to_prepare():
    with System(env={"LLM_BACKEND": "openai_compatible", "LLM_BASE_URL": "http://127.0.0.1:9/v1", "LLM_MODEL": "m"}) as system:
        done = system.claw("prepare")
        expect((done.returncode, done.stdout), (0, b"nothing to prepare: the model is a provider's\n"))


run()
