#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The whole system on its local model: what set-up prepares, what a person sees while it takes long.

Environment: CLAWOS_BIN, CLAWOS_BASE, CLAWOS_SHARE, CLAWOS_MODEL_FILE (a GGUF file). Needs root.
"""
import contextlib
import fcntl
import json
import os
import select
import shutil
import socket
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from system import System, proc_status  # noqa: E402
from tap import Skip, expect, expect_true, run, test  # noqa: E402
from varlink import Client  # noqa: E402

MODEL = os.environ.get("CLAWOS_MODEL_FILE", "")
UID = 64803  # of claw-llmd in spec/tables/daemons
SIOCGIFFLAGS, IFF_UP = 0x8913, 1
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


@contextlib.contextmanager
def awake():
    """A system with its prefixes folder, and the pid of its claw-llmd."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with local(folder) as system:
            llm_status(system)
            yield system, system.pid("claw-llmd")


def flags_of_lo(pid):
    """Interface flags of the loopback in the network namespace of a process, seen from inside it."""
    child = os.fork()
    if child == 0:
        fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        os.setns(fd, os.CLONE_NEWNET)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            answer = fcntl.ioctl(sock, SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
        os._exit(struct.unpack_from("16sH", answer)[1] & 0x7f)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@test
def claw_llmd_has_no_network_and_no_rights():
    with awake() as (_, pid):
        for kind in ("net", "mnt", "pid", "ipc", "uts"):
            expect_true(os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}"), f"it shares the host's {kind} namespace")
        with open(f"/proc/{pid}/net/dev", encoding="ascii") as file:
            expect([line.split(":")[0].strip() for line in file if ":" in line], ["lo"])
        expect(flags_of_lo(pid) & IFF_UP, 0, "its loopback is up")
        status = proc_status(pid)
        expect((set(status["Uid"].split()), set(status["Gid"].split()), status["Groups"].strip()), ({str(UID)}, {str(UID)}, ""))
        expect({status[field] for field in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}, {"0000000000000000"})
        expect((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))


@test
def claw_llmd_is_held_to_its_limits():
    with awake() as (_, pid):
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            limits = {line[:26].strip(): line[26:].split()[:2] for line in file}
    for name, wanted in (("Max data size", 6 << 30), ("Max file size", 8 << 30), ("Max processes", 64), ("Max open files", 8192),
                         ("Max core file size", 0)):  # docs/architecture/processes.md
        expect(limits[name], [str(wanted)] * 2, name)


@test
def claw_llmd_sees_the_weights_and_its_own_state_alone():
    with awake() as (system, pid):
        root = f"/proc/{pid}/root"
        expect(set(os.listdir(root)) - {"lib32", "lib64", "sbin"}, {"usr", "bin", "lib", "etc", "dev", "proc", "clawos", "var"})
        expect(set(os.listdir(root + "/clawos")), {"bin", "share", "state", "run", "conf", "model.gguf", "prefixes"})
        expect(os.listdir(root + "/clawos/run"), ["notify"])
        expect(set(os.listdir(root + "/clawos/state")), set(os.listdir(os.path.join(system.state, "llm"))))
        expect(os.path.samefile(root + "/clawos/model.gguf", MODEL), True)
        expect_true(not os.path.exists(root + system.state), "it sees the state directory")
        expect_true(not os.path.exists(root + MODEL), "it sees the folder of the weights")
        with open(root + "/clawos/conf", encoding="utf-8") as file:
            expect([line for line in file if line.startswith("[") and line != "[llm]\n"], [])
        with open(f"/proc/{pid}/mounts", encoding="utf-8") as file:
            mounts = [line.split()[1:4] for line in file]
        writable = {place for place, _, options in mounts if "rw" in options.split(",") and not place.startswith(("/dev/", "/proc"))}
        expect(writable, {"/clawos/state"})


@test
def with_a_provider_there_is_nothing_to_prepare():
    with System(env={"LLM_BACKEND": "openai_compatible", "LLM_BASE_URL": "http://127.0.0.1:9/v1", "LLM_MODEL": "m"}) as system:
        done = system.claw("prepare")
        expect((done.returncode, done.stdout), (0, b"nothing to prepare: the model is a provider's\n"))


run()
