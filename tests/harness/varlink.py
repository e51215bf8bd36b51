# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A small Varlink client over unix sockets, with descriptor passing and `more`.

    with Client("/path/run/egress", uid=64801) as link:
        reply = link.call("io.clawos.Egress.Status")
        for reply in link.more("io.clawos.Egress.Complete", {...}, fds=[body, pipe]):
            ...

An error reply raises VarlinkError (name, parameters). Descriptors that come with a reply are in
link.fds until the next call.
"""
import array
import json
import os
import socket
import threading

MESSAGE_BYTES_MAX = 16 << 20
FDS_MAX = 16


class VarlinkError(Exception):
    def __init__(self, name, parameters):
        super().__init__(f"{name} {json.dumps(parameters)}")
        self.name = name
        self.parameters = parameters

    @property
    def short(self):
        return self.name.rsplit(".", 1)[-1]


class Gone(Exception):
    """The other side closed the connection."""


CONNECTING = threading.Lock()


def connect(path, uid=None, kind=socket.SOCK_STREAM):
    """A connected socket whose peer credentials are those of uid (needs root)."""
    sock = socket.socket(socket.AF_UNIX, kind | socket.SOCK_CLOEXEC)
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with CONNECTING:
        before = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fchdir(folder)  # a socket's path may be 107 bytes long only, and uid may not reach it
            if uid is not None:
                os.seteuid(uid)
            sock.connect(os.path.basename(path))
        finally:
            if uid is not None:
                os.seteuid(0)
            os.fchdir(before)
            os.close(before)
            os.close(folder)
    return sock


class Client:
    def __init__(self, path=None, uid=None, sock=None, timeout=60):
        self.sock = sock or connect(path, uid)
        self.sock.settimeout(timeout)
        self.pending = b""
        self.fds = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.drop_fds()
        self.sock.close()

    def drop_fds(self):
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def fileno(self):
        return self.sock.fileno()

    def send(self, method, parameters=None, fds=(), more=False, oneway=False):
        message = {"method": method, "parameters": parameters or {}}
        if more:
            message["more"] = True
        if oneway:
            message["oneway"] = True
        self.send_bytes(json.dumps(message).encode() + b"\0", fds)

    def send_bytes(self, data, fds=()):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self.sock.sendmsg([data], rights)
        if sent < len(data):
            self.sock.sendall(data[sent:])

    def receive(self):
        """One whole reply as it stands in the message; raises Gone at the end of the stream."""
        while b"\0" not in self.pending:
            data, rights, _, _ = self.sock.recvmsg(65536, socket.CMSG_SPACE(4 * FDS_MAX), socket.MSG_CMSG_CLOEXEC)
            for level, kind, content in rights:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds = array.array("i")
                    fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
                    self.fds += list(fds)
            if not data:
                raise Gone("connection closed")
            self.pending += data
            if len(self.pending) > MESSAGE_BYTES_MAX:
                raise ValueError("message too long")
        message, _, self.pending = self.pending.partition(b"\0")
        return json.loads(message)

    def reply(self):
        """The next reply's parameters and whether more will follow."""
        message = self.receive()
        if "error" in message:
            raise VarlinkError(message["error"], message.get("parameters") or {})
        return message.get("parameters") or {}, bool(message.get("continues"))

    def call(self, method, parameters=None, fds=()):
        self.drop_fds()
        self.send(method, parameters, fds)
        return self.reply()[0]

    def more(self, method, parameters=None, fds=()):
        """Yields the parameters of each reply until the last."""
        self.drop_fds()
        self.send(method, parameters, fds, more=True)
        continues = True
        while continues:
            parameters, continues = self.reply()
            yield parameters
