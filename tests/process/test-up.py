# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The supervisor, with the shipped daemons: who they are, what they see, what happens when they end."""
import os
import shutil
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

from provider import Provider, calls, text  # noqa: E402
from system import System, await_end, proc_status, switches  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402
from varlink import Client  # noqa: E402

UIDS = {"claw-agentd": 64801, "claw-egressd": 64802, "clawfsd": 64804, "claw-sandboxd": 0}
CONFINED = [name for name, uid in UIDS.items() if uid]


class Fixture:
    def __enter__(self):
        self.provider = Provider((), otherwise=text("pong"))
        self.provider.__enter__()
        self.system = System(self.provider)
        return self.system.start()

    def __exit__(self, *_):
        self.system.__exit__()
        self.provider.__exit__(None, None, None)


def rows():
    with open(os.path.join(os.environ["CLAWOS_SHARE"], "tables", "daemons"), encoding="utf-8") as file:
        return [line.split() for line in file if line.strip() and not line.startswith("#")]


def namespace(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


@test
def each_daemon_has_its_own_uid_and_no_rights(system):
    for name, pid in system.pids().items():
        system.wait_running(name)  # claw-sandboxd filters itself when it is set up, before it is ready
        status = proc_status(pid)
        expect(set(status["Uid"].split()), {str(UIDS[name])}, name)
        expect(status["NoNewPrivs"], "1", name)
        expect(status["Seccomp"], "2", name)
        expect(status["CapAmb"], "0000000000000000", name) if name in CONFINED else None
    for name in CONFINED:
        status = proc_status(system.pid(name))
        for field in ("CapInh", "CapPrm", "CapEff", "CapBnd"):
            expect(status[field], "0000000000000000", f"{name} {field}")
        expect(status["Groups"].strip(), "", name)


@test
def only_egressd_is_in_the_hosts_network(system):
    for name, pid in system.pids().items():
        expect(namespace(pid, "net") == namespace("self", "net"), name == "claw-egressd", name)
    with open(f"/proc/{system.pid('claw-agentd')}/net/route", encoding="utf-8") as file:
        expect(len([line for line in file.read().splitlines() if not line.startswith("Iface")]), 0, "routes of claw-agentd")


@test
def each_daemon_has_its_own_mounts_and_processes(system):
    pids = system.pids()
    for kind in ("mnt", "pid", "ipc", "uts"):
        seen = {namespace(pid, kind) for pid in pids.values()}
        expect(len(seen), len(pids), kind)
        expect_true(namespace("self", kind) not in seen, f"a daemon shares the host's {kind} namespace")


@test
def a_daemon_sees_only_the_sockets_it_may_reach(system):
    reach = {"claw-agentd": {"notify", "sandbox", "fs", "egress"}, "clawfsd": {"notify"}, "claw-egressd": {"notify"}}
    for name, wanted in reach.items():
        expect(set(os.listdir(f"/proc/{system.pid(name)}/root/clawos/run")), wanted, name)


@test
def no_daemon_but_the_launcher_sees_the_workspace_or_another_ones_state(system):
    for name in CONFINED:
        root = f"/proc/{system.pid(name)}/root"
        expect_true(not os.path.exists(root + "/workspace"), f"{name} sees the workspace")
        expect_true(not os.path.exists(root + "/root"), f"{name} sees /root")
        more = set(os.listdir(root)) - {"usr", "bin", "lib", "lib32", "lib64", "sbin", "etc", "dev", "proc", "clawos", "var"}
        expect(more, set(), name)
        keeps = {row[0]: row[7] for row in rows()}[name]
        for other in os.listdir(system.state):
            if other != keeps:
                expect_true(not os.path.exists(f"{root}{system.state}/{other}"), f"{name} sees {other}")


def links(pid):
    """What the descriptors of a process are; one that closes meanwhile is left out."""
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            yield os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            continue


@test
def only_egressd_is_given_the_providers_key(system):
    key = system.env["LLM_API_KEY"].encode()
    for name, pid in system.pids().items():
        with open(f"/proc/{pid}/environ", "rb") as file:
            expect_true(key not in file.read(), f"the key is in the environment of {name}")
        conf = f"/proc/{pid}/root/clawos/conf"
        with open(conf, "rb") as file:
            expect_true(key not in file.read(), f"the key is in the configuration of {name}")
        memfds = list(links(pid))
        if name != "claw-egressd":
            expect_true(not any("provider-key" in link for link in memfds), f"{name} holds the key's descriptor")


@test
def a_killed_daemon_is_started_again_and_a_waiting_caller_is_served(system):
    for name in list(system.pids()):
        old = system.kill(name)
        system.wait_running(name, not_pid=old)
    expect(system.ask("ping")["kind"], "turn-done")


@test
def a_turn_ends_although_the_launcher_cannot_start_and_goes_on_when_it_can(_):
    with tempfile.TemporaryDirectory() as folder:
        for name in os.listdir(os.environ["CLAWOS_BIN"]):
            shutil.copy2(os.path.join(os.environ["CLAWOS_BIN"], name), folder)
        os.chmod(folder, 0o755)
        probe = os.path.join(folder, "claw-cageprobe")
        os.rename(probe, probe + ".away")

        def script(request):
            return text("done") if request.json["messages"][-1]["role"] == "tool" else calls(("shell", {"command": "echo hello"}))

        with Provider(script) as provider, System(provider, env={"CLAWOS_BIN": folder}) as broken:
            begun = time.monotonic()
            turn = broken.ask("run it")
            expect_true(time.monotonic() - begun < 25, f"it took {time.monotonic() - begun:.0f} s")
            expect((turn["data"]["state"], turn["answer"]), ("done", "done"))
            told = [e["data"] for e in broken.events() if e["kind"] == "tool-done"][0]
            expect((told["ok"], "no cage could be made" in told["content"]), (False, True))
            expect([d["state"] for d in broken.status()["daemons"] if d["name"] == "claw-sandboxd"], ["failed"])
            os.rename(probe + ".away", probe)
            while not told["ok"]:  # a failed daemon is tried again at a call, every five seconds
                expect_true(time.monotonic() - begun < 60, f"{told['content']}\n{broken.logs()}")
                broken.ask("run it")
                told = [e["data"] for e in broken.events() if e["kind"] == "tool-done"][-1]
            expect(told["content"], "hello\n")


@test
def the_last_words_of_a_daemon_are_its_reason_whatever_bytes_they_are(system):
    for written, told in ((b"first\n<3>it broke\n\n", "it broke"), (b"\xff\xe2\x82 \x1b[2J" + "ü".encode() * 4000 + b"\n", "ü"), (b"\0\n", None)):
        pid = system.pid("claw-egressd")
        with open(os.path.join(system.state, "log", "claw-egressd.log"), "ab") as file:
            file.write(written)
        os.kill(pid, signal.SIGKILL)
        system.wait_running("claw-egressd", not_pid=pid)
        reason = [d["reason"] for d in system.status()["daemons"] if d["name"] == "claw-egressd"][0]
        expect_true(reason.startswith("killed by signal 9") and (not told or told in reason), reason)


@test
def the_daemons_die_with_the_supervisor_and_the_next_command_starts_all_again(system):
    pids = list(system.pids().values())
    os.kill(system.up_pid(), signal.SIGKILL)
    for pid in pids:
        await_end(pid)
    system.start()
    expect(system.ask("ping")["kind"], "turn-done")


@test
def stop_ends_everything_and_can_be_said_twice(system):
    pids = [system.up_pid(), *system.pids().values()]
    expect(system.claw("stop").returncode, 0)
    for pid in pids:
        await_end(pid)
    expect(system.claw("stop").returncode, 0)


@test
def a_status_starts_nothing_and_says_that_the_system_is_stopped(system):
    first = system.up_pid()
    expect(system.claw("status", env={"LLM_MODEL": "another"}).returncode, 0)
    expect(system.up_pid(), first, "nothing is started anew either")
    system.stop()
    for arguments, words in ((("status",), b"stopped\n"), (("status", "--json"), b'{"system":null,"agent":null}\n')):
        done = system.claw(*arguments)
        expect((done.returncode, words in done.stdout, done.stderr), (3, True, b""), repr(done))
    expect(system.claw("stop").stdout, b"was not running\n")
    with tempfile.TemporaryDirectory() as fresh:
        expect(system.claw("status", env={"CLAWOS_STATE": fresh}).returncode, 3, "a state that has never run")
        expect(os.listdir(fresh), [])


@test
def two_first_commands_at_once_start_one_system(system):
    system.stop()
    threads = [threading.Thread(target=system.start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(len(system.status()["daemons"]) >= 4, True)
    expect(system.ask("ping")["kind"], "turn-done")


@test
def two_states_run_side_by_side(system):
    with Provider((), otherwise=text("other")) as provider, System(provider) as other:
        expect(system.up_pid() != other.up_pid(), True)
        expect(other.ask("ping")["answer"], "other")
        expect(system.ask("ping")["answer"], "pong")


@test
def a_mistake_in_the_file_is_named_with_its_line(system):
    system.stop()
    with open(os.path.join(system.state, "clawos.conf"), "w", encoding="utf-8") as file:
        file.write("[agent]\n\n[agnet]\n")
    done = system.claw("threads")
    expect(done.returncode != 0, True)
    expect_true(b"clawos.conf:3: unknown section [agnet]" in done.stderr + done.stdout, repr(done.stderr))


@test
def another_model_in_the_environment_restarts_the_system_and_silence_does_not(system):
    first = system.up_pid()
    plain = {k: v for k, v in system.env.items() if not k.startswith("LLM_")}
    saved, system.env = system.env, plain
    system.start()
    expect(system.up_pid(), first, "a client that names no model uses what runs")
    system.env = {**plain, "CLAWOS_MODEL_FILE": "/weights.gguf"}  # as ./clawos says it, whatever runs
    system.start()
    expect(system.up_pid(), first, "the local model is not asked for by its file being there")
    system.env = {**saved, "LLM_MODEL": "another"}
    system.start()
    expect_true(system.up_pid() != first, "another model needs another system")


@test
def a_wrong_name_address_or_no_model_is_said_and_stops_nothing(system):
    first = system.up_pid()
    like = "like https://HOST[:PORT]/v1"
    for more, *words in (({"LLM_BACKEND": "antropic"}, 'there is no provider "antropic"', 'did you mean "anthropic"?'),
                         ({"LLM_BASE_URL": "notaurl"}, "LLM_BASE_URL", '"notaurl"', "http:// or https://", like),
                         ({"LLM_BASE_URL": "ftp://x/v1"}, '"ftp://x/v1"', "http:// or https://", like),
                         ({"LLM_BASE_URL": "http://"}, '"http://"', "no host", like),
                         ({"LLM_BASE_URL": "http://127.0.0.1:99999/v1"}, '"http://127.0.0.1:99999/v1"', "1 to 65535", like),
                         ({"LLM_BASE_URL": "http://me:secret@x/v1"}, "user or password", like),
                         ({"LLM_BACKEND": "openai_compatible", "LLM_BASE_URL": ""}, "openai_compatible needs an address: set LLM_BASE_URL"),
                         ({"LLM_MODEL": ""}, "openai_compatible has no model of its own: set LLM_MODEL")):
        done = system.claw("threads", env=more)
        error = " ".join(done.stderr.decode().split())
        expect((done.returncode, [w for w in words if w not in error], "secret" in error), (1, [], False), f"{more}: {error}")
        expect(system.up_pid(), first, f"{more} stops nothing")
    with open(os.path.join(system.state, "clawos.conf"), "w", encoding="utf-8") as file:
        file.write("[provider]\nbase_url = ftp://x/v1\n")
    plain = {k: v for k, v in system.env.items() if not k.startswith("LLM_")}
    saved, system.env = system.env, plain
    for arguments in (("threads",), ("config", "check")):
        done = system.claw(*arguments)
        expect((done.returncode, b'"ftp://x/v1"' in done.stderr), (1, True), f"{arguments}: {done.stderr}")
    system.env = saved
    expect(system.up_pid(), first)


@test
def nothing_is_started_anew_while_a_turn_runs(system):
    gate, arrived = threading.Event(), threading.Event()

    def script(_):
        arrived.set()
        return text("late", wait=gate)

    with Provider(script) as provider, System(provider) as own:
        first, answers = own.up_pid(), []
        waiting = threading.Thread(target=lambda: answers.append(own.ask("slow")["answer"]))
        waiting.start()
        expect_true(arrived.wait(30), "the model is asked")
        for more, what in (({"LLM_MODEL": "another"}, "another environment"), ({"CLAWOS_SHARE": own.env["CLAWOS_SHARE"] + "/"}, "other programs")):
            done = own.claw("-m", "hi", env=more)
            error = " ".join(done.stderr.decode().split())
            expect((done.returncode, [w for w in (what, "1 turn is under way", "wait for the end", "claw stop") if w not in error]), (1, []), error)
        expect(own.up_pid(), first)
        gate.set()
        waiting.join()
        expect(answers, ["late"])
        expect(own.claw("threads", env={"LLM_MODEL": "another"}).returncode, 0)
        expect_true(own.up_pid() != first, "an idle one is")


@test
def config_show_tells_what_the_running_system_was_started_with(system):
    expect_true(b"was started with" not in system.claw("config", "show").stdout, "the same")
    plain = {k: v for k, v in system.env.items() if not k.startswith("LLM_")}
    saved, system.env = system.env, plain
    out = " ".join(system.claw("config", "show").stdout.decode().split())
    for part in ("the system was started with another environment", "in force is", "fake (OpenAI-compatible server)", "until claw stop", "provider.backend = local"):
        expect_true(part in out, f"{part} in: {out}")
    system.env = {**saved, "LLM_MODEL": "another"}
    out = " ".join(system.claw("config", "show").stdout.decode().split())
    for part in ("the system was started with something else", "fake (OpenAI-compatible server)", "from the next question on", "provider.model = another"):
        expect_true(part in out, f"{part} in: {out}")
    system.env = saved
    system.stop()
    expect_true(b"was started with" not in system.claw("config", "show", env={"LLM_MODEL": "another"}).stdout, "nothing runs")


@test
def a_name_of_the_environment_reaches_the_daemon_that_acts_on_it(_):
    asked_on = calls(("echo", {"message": "on"}))
    with Provider(lambda request: text("end") if "tools" not in request.json else asked_on) as provider:
        with System(provider, env={"AGENT_MAX_TOOL_ITERATIONS": "3", "AGENT_NAME": "zed"}) as system:
            system.ask("go")
            expect(len(provider.requests), 3)
            with system.agent() as link:
                expect(link.call("io.clawos.Agent.Status")["status"]["agent"], "zed")


@test
def a_key_file_others_may_read_is_refused(system):
    system.stop()
    path = os.path.join(system.state, "key")
    with open(path, "w", encoding="utf-8") as file:
        file.write("sk-file-key\n")
    os.chmod(path, 0o644)
    with open(os.path.join(system.state, "clawos.conf"), "w", encoding="utf-8") as file:
        file.write("[provider]\nkey_file = key\n")
    system.env.pop("LLM_API_KEY")
    done = system.claw("threads")
    expect_true(b"may be read by others" in done.stderr + done.stdout, repr((done.stdout, done.stderr)))
    os.chmod(path, 0o600)
    system.start()


@test
def a_state_path_longer_than_a_socket_address_works(system):
    deep = os.path.join(system.state, "x" * 120, "y" * 60)
    with Provider((), otherwise=text("deep")) as provider:
        os.makedirs(deep)
        with System(provider, state=deep) as other:
            expect(other.ask("ping")["answer"], "deep")


@test
def a_workspace_of_the_persons_outlives_the_launcher(system):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "here"), "w", encoding="utf-8") as file:
            file.write("mine\n")
        os.chmod(os.path.join(folder, "here"), 0o644)
        done = system.claw("-m", "/read here", "--workspace", folder)
        expect((done.returncode, done.stdout), (0, b"mine\n"), repr(done.stderr))
        with open(os.path.join(system.state, "workspaces"), encoding="utf-8") as file:
            number = int(file.read().split()[0])
        system.wait_running("claw-sandboxd", not_pid=system.kill("claw-sandboxd"))
        again = system.ask("", tool="read_file", arguments={"path": "here"}, workspace=number)
        expect(again["answer"], "mine\n")
        refused = system.ask("", tool="write_file", arguments={"path": "new", "content": "x"}, workspace=number)
        expect_true(not os.path.exists(os.path.join(folder, "new")), f"a read-only workspace was written: {refused}")


@test
def somebody_else_cannot_reach_any_socket(system):
    for name in ("up", "agent", "egress", "fs", "sandbox"):
        pid = os.fork()
        if pid == 0:
            os.setgid(65534)
            os.setuid(65534)
            try:
                Client(system.path(name))
            except PermissionError:
                os._exit(0)
            os._exit(1)
        expect(os.waitpid(pid, 0)[1], 0, name)


@test
def an_idle_system_does_not_wake(system):
    system.ask("ping")
    settle = threading.Event()
    settle.wait(8)  # the watchdog is disarmed 5 s after the last piece of work
    pids = [*system.pids().values(), system.up_pid()]
    settle.wait(0.5)  # the supervisor sees that we have hung up
    before = [switches(pid) for pid in pids]
    settle.wait(10)
    expect([switches(pid) - b for pid, b in zip(pids, before)], [0] * len(pids))


run(Fixture)
