# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Speaks spec/toolwork.md with a claw-toolwork started outside a cage, on a directory as its workspace."""
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile

BINARY = os.path.join(os.environ.get("CLAWOS_BIN", ""), "claw-toolwork")
REQUEST, REPLY, BODY = 1, 2, 3


class Reply:
    def __init__(self, message, body):
        self.ok = message["ok"]
        self.meta = message["meta"]
        self.content = body.decode("utf-8") if body is not None else message["content"]
        self.inline = body is None


class Toolwork:
    def __init__(self, binary, workspace):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.process = subprocess.Popen([binary, "--workspace", workspace], pass_fds=(3,), stderr=subprocess.PIPE,
                                        preexec_fn=lambda: os.dup2(theirs.fileno(), 3))
        theirs.close()
        self.socket.settimeout(60)

    def send(self, tool, arguments, limit_bytes=65536, timeout_ms=30000):
        self.send_raw(json.dumps({"tool": tool, "arguments": arguments, "limit_bytes": limit_bytes,
                                  "timeout_ms": timeout_ms}).encode())

    def send_raw(self, payload, kind=REQUEST, length=None):
        self.socket.sendall(struct.pack("<II", len(payload) if length is None else length, kind) + payload)

    def read_exactly(self, length):
        data = b""
        while len(data) < length:
            part = self.socket.recv(length - len(data))
            if not part:
                raise EOFError("the stream ended")
            data += part
        return data

    def frame(self):
        length, kind = struct.unpack("<II", self.read_exactly(8))
        return kind, self.read_exactly(length)

    def receive(self):
        kind, payload = self.frame()
        assert kind == REPLY, kind
        message, body = json.loads(payload), None
        if "contentBytes" in message:
            body = b""
            while len(body) < message["contentBytes"]:
                kind, part = self.frame()
                assert kind == BODY, kind
                body += part
        return Reply(message, body)

    def call(self, tool, **arguments):
        self.send(tool, arguments)
        return self.receive()

    def ends(self):
        """True when the stream ends without another byte."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True  # it ended before it read all that was written

    def close(self):
        """Ends the stream; the exit status and what was written to standard error."""
        self.socket.close()
        return self.process.wait(10), self.process.stderr.read().decode()


class World:
    """A workspace and a program that serves it, for one test."""

    def __init__(self):
        self.workspace = tempfile.mkdtemp(prefix="toolwork-")
        self.tools = Toolwork(BINARY, self.workspace)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tools.socket.close()
        self.tools.process.kill()
        self.tools.process.wait()
        shutil.rmtree(self.workspace)

    def path(self, name):
        return os.path.join(self.workspace, name)

    def put(self, name, content):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())

    def get(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def ok(self, tool, **arguments):
        reply = self.tools.call(tool, **arguments)
        assert reply.ok, reply.content
        return reply

    def refused(self, tool, *words, **arguments):
        reply = self.tools.call(tool, **arguments)
        assert not reply.ok, reply.content
        for word in words:
            assert word in reply.content, (word, reply.content)
        return reply
