# SPDX-License-Identifier: Apache-2.0 OR MIT
"""claw-agentd with the shipped daemons around it, each a process with its own uid, without a supervisor.

    with Provider(...) as provider, Stack(provider) as stack:
        turn = stack.ask("hello")          # Submit, then the events until turn-done
        turn.answer, turn.state, turn.kinds()
        stack.agentd.kill(); stack.agentd.start()

Environment: CLAWOS_BIN. Needs root. claw-sandboxd is started when tools that need it are used (cages=True).
"""
import contextlib
import os
import shutil
import socket
import tempfile
import uuid

from cages import require_namespaces
from daemon import Daemon
from journal import Journal
from provider import Provider
from varlink import Client

AGENT_UID, EGRESS_UID, FS_UID = 64801, 64802, 64804
AGENT = "io.clawos.Agent."
HERE = os.path.dirname(os.path.abspath(__file__))
SHARE = os.environ.get("CLAWOS_SHARE", os.path.join(HERE, "..", "..", "spec"))


class Turn:
    """What a client sees of one turn."""

    def __init__(self, accepted):
        self.thread, self.id, self.seq = accepted["thread"], accepted["turn"], accepted["seq"]
        self.events, self.live = [], []

    def add(self, event):
        (self.events if event["seq"] else self.live).append(event)

    def kinds(self):
        return [event["kind"] for event in self.events]

    def of(self, kind):
        return [event["data"] for event in self.events if event["kind"] == kind]

    @property
    def done(self):
        return self.of("turn-done")[0] if "turn-done" in self.kinds() else None

    @property
    def state(self):
        return self.done and self.done["state"]

    @property
    def reason(self):
        return self.done and self.done.get("reason")

    @property
    def answer(self):
        return self.of("answer")[0]["text"] if "answer" in self.kinds() else None

    @property
    def text(self):
        return "".join(event["data"]["text"] for event in self.live if event["kind"] == "text")


class Stack:
    def __init__(self, provider=None, agent="", provider_keys="", cages=False, state=None, wrap=(), egress="", backend="openai_compatible"):
        self.own = state is None
        self.root = state or tempfile.mkdtemp(prefix="clawos-stack-")
        os.chmod(self.root, 0o755)
        self.bin = os.environ["CLAWOS_BIN"]
        self.conf = os.path.join(self.root, "conf")
        self.workspace = os.path.join(self.root, "workspace")
        os.makedirs(self.workspace, exist_ok=True)
        url = f"base_url = {provider.url}\n" if provider else ""
        backend = backend if provider else "local"
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(f"[provider]\nbackend = {backend}\nmodel = fake\n{url}{provider_keys}\n[agent]\n{agent}\n")
        self.fs_conf = os.path.join(self.root, "fs.conf")
        with open(self.fs_conf, "w", encoding="utf-8"):
            pass
        self.clawfsd = self.daemon("clawfsd", "fs", FS_UID, self.fs_conf)
        self.egress_keys = egress
        self.egressd = self.daemon("claw-egressd", "egress", EGRESS_UID, self.egress_conf())
        self.agentd = self.daemon("claw-agentd", "agent", AGENT_UID, self.conf, wrap)
        self.sandboxd = self.sandbox() if cages else None

    def egress_conf(self):
        """egressd's file holds its own sections only."""
        path = os.path.join(self.root, "egress.conf")
        with open(self.conf, encoding="utf-8") as file:
            text = file.read().split("[agent]")[0] + f"[egress]\n{self.egress_keys}\n"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def daemon(self, name, sock, uid, conf, wrap=()):
        state = os.path.join(self.root, "journal" if sock == "agent" else sock)
        os.makedirs(state, mode=0o700, exist_ok=True)
        os.chown(state, uid, uid)
        arguments = ["--conf", conf, "--state", state, "--run", os.path.join(self.root, "run"), "--share", SHARE,
                     "--owner", "0"]
        return Daemon(os.path.join(self.bin, name), [sock], self.root, uid=uid, arguments=arguments)

    def sandbox(self):
        require_namespaces()
        conf = os.path.join(self.root, "sandbox.conf")
        with open(conf, "w", encoding="utf-8"):
            pass
        os.makedirs(os.path.join(self.root, "ground"), exist_ok=True)
        return Daemon(os.path.join(self.bin, "claw-sandboxd"), ["sandbox"], self.root, uid=0, kind=socket.SOCK_SEQPACKET,
                      arguments=["--conf", conf, "--bin", self.bin, "--workspace", self.workspace,
                                 "--mount-point", os.path.join(self.root, "ground"), "--owner", "0"])

    def daemons(self):
        return [d for d in (self.clawfsd, self.egressd, self.sandboxd, self.agentd) if d]

    def __enter__(self):
        for daemon in self.daemons():
            daemon.start()
        return self

    def __exit__(self, *_):
        for daemon in reversed(self.daemons()):
            daemon.close()
        if self.own:
            shutil.rmtree(self.root, ignore_errors=True)

    # --- io.clawos.Agent

    def link(self, uid=0):
        return Client(self.agentd.socket("agent"), uid=uid)

    def call(self, method, fds=(), **parameters):
        with self.link() as link:
            return link.call(AGENT + method, parameters, fds=list(fds))

    def submit(self, text, fds=(), link=None, **options):
        parameters = {"text": text, "allow": [], "unattended": False, "workspace": 0, "key": uuid.uuid4().hex, **options}
        if link:
            return Turn(link.call(AGENT + "Submit", parameters, fds=list(fds)))
        with self.link() as own:
            return Turn(own.call(AGENT + "Submit", parameters, fds=list(fds)))

    def events(self, thread=None, after=0, follow=False, live=False):
        """Replays; with follow it goes on until the caller stops iterating."""
        with self.link() as link:
            for reply in link.more(AGENT + "Subscribe", {"thread": thread, "afterSeq": after, "follow": follow, "live": live}):
                yield reply.get("event")

    def follow(self, turn, on_event=None, live=True):
        """The turn's events until it is over."""
        for event in self.events(turn.thread, turn.seq - 1, True, live):
            if event is None or event["turn"] != turn.id:
                continue
            turn.add(event)
            if on_event:
                on_event(event)
            if event["kind"] == "turn-done":
                break
        return turn

    def ask(self, text, on_event=None, **options):
        return self.follow(self.submit(text, **options), on_event)

    def status(self):
        return self.call("Status")["status"]

    def journal(self):
        return Journal(os.path.join(self.root, "journal"))


@contextlib.contextmanager
def stack(script=(), otherwise=None, **options):
    """A Stack before a provider of its own, which says the script and then always the same."""
    with Provider(script, otherwise) as provider, Stack(provider, **options) as made:
        made.provider = provider
        yield made
