# SPDX-License-Identifier: Apache-2.0 OR MIT
"""One clawfsd with a state of its own, and short forms of its calls.

    with Memory("[fs]\\ndocuments = 16\\n") as memory, memory.agent() as link:
        write(link, "a.md", "text", author="agent")

Environment: CLAWOS_BIN (folder with the built daemons), CLAWOS_SHARE (spec/). Needs root.
"""
import os
import shutil
import tempfile

from daemon import Daemon
from varlink import Client, VarlinkError

AGENT, FS_UID = 64801, 64804
HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ.get("CLAWOS_BIN", "")
SHARE = os.environ.get("CLAWOS_SHARE", os.path.join(HERE, "..", "..", "spec"))
FS = "io.clawos.Fs."
STRACE = "/usr/bin/strace"
SEEDS = ["AGENTS.md", "HEARTBEAT.md", "IDENTITY.md", "MEMORY.md", "README.md", "SOUL.md", "USER.md"]


class Memory:
    """One clawfsd with a state of its own."""

    def __init__(self, conf="", share=SHARE, tracer=()):
        self.root = tempfile.mkdtemp(prefix="clawos-fs-")
        os.chmod(self.root, 0o755)
        self.state = os.path.join(self.root, "fs")
        os.mkdir(self.state, 0o700)
        os.chown(self.state, FS_UID, FS_UID)
        self.conf = os.path.join(self.root, "conf")
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(conf)
        self.arguments = ["--conf", self.conf, "--state", self.state, "--share", share, "--owner", "0"]
        self.daemon = Daemon(os.path.join(BIN, "clawfsd"), ["fs"], self.root, uid=FS_UID, arguments=self.arguments)
        self.trace(*tracer)

    def trace(self, *options):
        """From the next start on clawfsd runs under strace with these options; without any, as it is."""
        binary = os.path.join(BIN, "clawfsd")
        self.daemon.binary = STRACE if options else binary
        self.daemon.arguments = ["-D", "-qq", *options, binary, *self.arguments] if options else self.arguments

    def __enter__(self):
        self.daemon.start()
        return self

    def __exit__(self, *_):
        self.daemon.close()
        shutil.rmtree(self.root)

    @property
    def database(self):
        return os.path.join(self.state, "memory.db")

    def link(self, uid=0):
        return Client(self.daemon.socket("fs"), uid=uid)

    def person(self):
        return self.link(0)

    def agent(self):
        return self.link(AGENT)

    def restart(self):
        status = self.daemon.stop()
        if status != 0:
            raise AssertionError(f"it ended with {status}: {self.daemon.log()}")
        self.daemon.start()


def memfd(data):
    fd = os.memfd_create("content", os.MFD_CLOEXEC)
    os.write(fd, data)
    return fd


def write(link, path, text, append=False, author="person", labels=(), **more):
    """Writes text (or, as bytes, by descriptor) and returns the record."""
    parameters = {"path": path, "append": append, "labels": list(labels), "author": author, "length": 0, **more}
    if isinstance(text, str):
        return link.call(FS + "Write", {**parameters, "text": text})["document"]
    fd = memfd(text)
    try:
        parameters = {**parameters, "contentFd": 0, "length": more.get("length", len(text))}
        return link.call(FS + "Write", parameters, fds=[fd])["document"]
    finally:
        os.close(fd)


def read(link, path, version=None):
    reply = link.call(FS + "Read", {"path": path} if version is None else {"path": path, "version": version})
    with open(os.dup(link.fds[0]), "rb") as file:
        file.seek(0)
        return reply["document"], file.read()


def search(link, query, limit=10, labels=()):
    return link.call(FS + "Search", {"query": query, "limit": limit, "labels": list(labels)})["hits"]


def refused(call, *arguments, **named):
    """The short name and parameters of the error a call ends with."""
    try:
        call(*arguments, **named)
    except VarlinkError as error:
        return error.short, error.parameters
    raise AssertionError("it was not refused")
