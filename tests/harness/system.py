# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The whole system as a person runs it: `claw up` with the shipped daemons in a state of its own.

    with Provider(...) as provider, System(provider) as system:
        answer = system.ask("hello")            # Submit, Subscribe until turn-done
        system.claw("-m", "hello")              # the shipped claw as a program
        system.pid("claw-agentd"); system.kill("claw-agentd")

Environment: CLAWOS_BIN, CLAWOS_BASE, CLAWOS_SHARE (as the driver sets them).
"""
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid

from varlink import Client, Gone, VarlinkError

WAIT_SECONDS = 60


class System:
    def __init__(self, provider=None, state=None, env=None, model=None, config=None):
        self.own_state = state is None
        self.state = state or tempfile.mkdtemp(prefix="clawos-system-")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("LLM_", "AGENT_"))
                    and not k.endswith(("_API_KEY", "_BASE_URL", "_MODEL"))}
        self.env["CLAWOS_STATE"] = self.state
        self.env["CLAWOS_MODEL_FILE"] = model or ""
        if not model:
            self.env.pop("CLAWOS_MODEL_FILE")
        if provider:
            self.env.update(LLM_BASE_URL=provider.url, LLM_MODEL="fake", LLM_API_KEY="sk-test-0123456789abcdef")
        self.env.update(env or {})
        if config:
            with open(os.path.join(self.state, "clawos.conf"), "w", encoding="utf-8") as file:
                file.write(config)

    @property
    def workspace(self):
        return os.path.join(self.state, "workspace")

    def path(self, socket):
        return os.path.join(self.state, "run", socket)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        if self.own_state:
            shutil.rmtree(self.state, ignore_errors=True)

    # --- the programs

    def claw(self, *arguments, stdin=None, timeout=WAIT_SECONDS, env=None):
        return subprocess.run([os.path.join(self.env["CLAWOS_BIN"], "claw"), *arguments], env={**self.env, **(env or {})},
                              input=stdin, stdin=subprocess.DEVNULL if stdin is None else None,
                              capture_output=True, timeout=timeout, check=False)

    def start(self):
        done = self.claw("threads")  # any verb that asks the agent starts the system
        if done.returncode != 0:
            raise RuntimeError(f"claw threads: {done.returncode}: {done.stdout!r} {done.stderr!r}\n{self.logs()}")
        return self

    def stop(self):
        self.claw("stop")

    def logs(self):
        folder, out = os.path.join(self.state, "log"), []
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                out.append(f"--- {name}\n{file.read()[-4000:]}")
        return "\n".join(out)

    # --- the daemons

    def status(self):
        with Client(self.path("up")) as link:
            return link.call("io.clawos.Supervisor.Status")

    def pids(self):
        return {d["name"]: d["pid"] for d in self.status()["daemons"] if d["pid"] > 0}

    def pid(self, name):
        return self.pids()[name]

    def up_pid(self):
        with Client(self.path("up")) as link:
            link.call("io.clawos.Supervisor.Status")
            return peer_pid(link.sock)

    def is_up(self):
        try:
            return self.up_pid() > 0
        except (Gone, OSError, VarlinkError):
            return False

    def kill(self, name):
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_everything(self):
        """kill -9 of the supervisor and of every daemon at once."""
        pids = [self.up_pid(), *self.pids().values()]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it died with the supervisor
        for pid in pids:
            await_end(pid)

    def wait_running(self, name, not_pid=None, seconds=WAIT_SECONDS):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for daemon in self.status()["daemons"]:
                if daemon["name"] == name and daemon["state"] == "running" and daemon["pid"] != not_pid:
                    return daemon["pid"]
        raise AssertionError(f"{name} does not run\n{self.logs()}")

    # --- the agent

    def agent(self, timeout=WAIT_SECONDS):
        return Client(self.path("agent"), timeout=timeout)

    def submit(self, text, thread=None, key=None, link=None, **more):
        parameters = {"thread": thread, "text": text, "allow": [], "unattended": True, "workspace": 0,
                      "key": key or uuid.uuid4().hex}
        parameters.update({k: v for k, v in more.items() if k != "fds"})
        parameters = {k: v for k, v in parameters.items() if v is not None}
        if link:
            return link.call("io.clawos.Agent.Submit", parameters, fds=more.get("fds", ()))
        with self.agent() as own:
            return own.call("io.clawos.Agent.Submit", parameters, fds=more.get("fds", ()))

    def events(self, after=0, thread=None, follow=False, live=False, timeout=WAIT_SECONDS):
        """Event dictionaries, in order; without follow it ends where the journal ends."""
        with self.agent(timeout) as link:
            parameters = {"afterSeq": after, "follow": follow, "live": live}
            if thread:
                parameters["thread"] = thread
            for reply in link.more("io.clawos.Agent.Subscribe", parameters):
                event = reply.get("event")
                if event is not None:
                    yield event

    def await_turn(self, turn, after=0, timeout=WAIT_SECONDS):
        """The turn-done event of a turn, with its answer; goes on over restarts of the daemons."""
        deadline, seen, answer = time.monotonic() + timeout, after, None
        while time.monotonic() < deadline:
            try:
                for event in self.events(after=seen, follow=True, timeout=max(0.1, deadline - time.monotonic())):
                    seen = event["seq"] or seen
                    if event["kind"] == "answer" and event["turn"] == turn:
                        answer = event["data"].get("text")
                    if event["kind"] == "turn-done" and event["turn"] == turn:
                        return {**event, "answer": answer}
            except (Gone, OSError, VarlinkError):
                continue
        raise AssertionError(f"turn {turn} did not end\n{self.logs()}")

    def ask(self, text, **more):
        accepted = self.submit(text, **more)
        return self.await_turn(accepted["turn"], after=accepted["seq"])


def peer_pid(sock):
    import socket
    import struct
    return struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]


def await_end(pid, seconds=WAIT_SECONDS):
    """Waits until a process that is not our child is gone (a zombie counts as gone)."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return
        except (FileNotFoundError, ProcessLookupError):
            return
    raise AssertionError(f"process {pid} is still there")


def proc_status(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def cpu_seconds(pid):
    """User and system time of a process and the children it has waited for."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(int(fields[i]) for i in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def switches(pid):
    status = proc_status(pid)
    return int(status["voluntary_ctxt_switches"]) + int(status["nonvoluntary_ctxt_switches"])
