# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Scripted daemons on the other side of claw: what no real daemon would send can be sent from here.

    with Peers(state) as peers:
        peers.script = lambda submit: [("text", {"call": 1, "offset": 0, "text": "hi"}), ("answer", {"text": "hi"}), DONE]
        subprocess.run([CLAW, "--state", state, "-m", "hello"])

A script gets the parameters of Submit and yields (kind, data) events; a kind in LIVE is no record (seq 0). It may
yield a callable, which is called with the Peers and blocks the turn (to wait for something), or DROP, which closes
every connection to the agent as a daemon that dies does. Subscriptions replay records after afterSeq.
"""
import array
import json
import os
import socket
import threading

LIVE = ("text", "reasoning", "status")
DONE = ("turn-done", {"state": "done"})
DROP = object()


class Error(Exception):
    def __init__(self, name, **parameters):
        super().__init__(name)
        self.name, self.parameters = name, parameters


class Peers:
    def __init__(self, state):
        self.state = state
        self.run = os.path.join(state, "run")
        os.makedirs(self.run, mode=0o700, exist_ok=True)
        self.lock = threading.Condition()
        self.records, self.live, self.calls, self.links = [], [], [], []
        self.keys = {}
        self.script = lambda submit: [DONE]
        self.accepted = lambda submit: {}  # more fields of the accepted record
        self.replies = {}  # method: parameters, callable, or Error
        self.now_us = 1764000000000000
        self.forgetful = False  # replays every record, whatever afterSeq says
        self.subscriptions = 0
        self.sent = 0  # sequence of the newest record that a subscriber was sent
        self.turn, self.interrupted = 0, threading.Event()
        self.listening = []

    def __enter__(self):
        for name in ("up", "agent", "egress", "fs", "sandbox"):
            kind = socket.SOCK_SEQPACKET if name == "sandbox" else socket.SOCK_STREAM
            sock = socket.socket(socket.AF_UNIX, kind)
            folder = os.open(self.run, os.O_PATH)
            path = f"/proc/self/fd/{folder}/{name}"
            if os.path.lexists(path):
                os.unlink(path)
            sock.bind(path)
            os.close(folder)
            sock.listen(64)
            self.listening.append(sock)
            threading.Thread(target=self.accept, args=(name, sock), daemon=True).start()
        return self

    def __exit__(self, *_):
        for sock in self.listening:
            sock.close()
        self.drop()

    # --- connections

    def accept(self, name, sock):
        while True:
            try:
                link, _ = sock.accept()
            except OSError:
                return
            with self.lock:
                self.links.append((name, link))
            threading.Thread(target=self.serve_records if name == "sandbox" else self.serve, args=(name, link),
                             daemon=True).start()

    def drop(self, name="agent"):
        with self.lock:
            for known, link in self.links:
                if known == name:
                    try:
                        link.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass

    def serve(self, name, link):
        pending, fds = b"", []
        try:
            while True:
                data, rights, _, _ = link.recvmsg(1 << 16, socket.CMSG_SPACE(64))
                for level, kind, content in rights:
                    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                        fds += list(array.array("i", content))
                if not data:
                    return
                pending += data
                while b"\0" in pending:
                    message, _, pending = pending.partition(b"\0")
                    self.message(name, link, json.loads(message), fds)
                    fds = []
        except OSError:
            pass
        finally:
            link.close()

    def serve_records(self, name, link):
        """The sandbox socket: every record is answered by self.replies["sandbox"](bytes, fds)."""
        try:
            while True:
                data, rights, _, _ = link.recvmsg(4096, socket.CMSG_SPACE(64))
                if not data:
                    return
                fds = []
                for level, kind, content in rights:
                    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                        fds += list(array.array("i", content))
                with self.lock:
                    self.calls.append((name, data, [(os.fstat(fd).st_dev, os.fstat(fd).st_ino) for fd in fds]))
                for fd in fds:
                    os.close(fd)
                link.send(self.replies["sandbox"](data) if "sandbox" in self.replies else b"")
        except OSError:
            pass
        finally:
            link.close()

    @staticmethod
    def send(link, message):
        link.sendall(json.dumps(message).encode() + b"\0")

    # --- calls

    def message(self, name, link, message, fds):
        method, parameters = message["method"], message.get("parameters") or {}
        contents = []
        for fd in fds:
            contents.append(os.pread(fd, 1 << 20, 0) if os.fstat(fd).st_size else b"")
            os.close(fd)
        with self.lock:
            self.calls.append((method.rsplit(".", 1)[-1] if name == "agent" else f"{name}.{method.rsplit('.', 1)[-1]}",
                               parameters, contents))
            self.lock.notify_all()
        try:
            if method.endswith(".Subscribe"):
                self.subscribe(link, parameters)
                return
            self.send(link, {"parameters": self.answer(method, parameters)})
        except Error as error:
            self.send(link, {"error": error.name, "parameters": error.parameters})

    def answer(self, method, parameters):
        reply = self.replies.get(method)
        if isinstance(reply, Error):
            raise reply
        if callable(reply):
            return reply(parameters)
        if reply is not None:
            return reply
        if method.endswith("Supervisor.Status"):
            return {"daemons": [], "config": "fake", "version": "0", "startedUsec": 1}
        if method.endswith("Agent.Submit"):
            return self.submit(parameters)
        if method.endswith("Agent.Interrupt"):
            self.interrupted.set()
            return {"turn": self.turn}
        return {}

    def submit(self, parameters):
        with self.lock:
            if parameters["key"] in self.keys:
                return self.keys[parameters["key"]]
            self.turn += 1
            seq = self.add("accepted", {"text": parameters["text"], **self.accepted(parameters)}, parameters.get("thread") or "main", self.turn)
            reply = {"thread": parameters.get("thread") or "main", "turn": self.turn, "seq": seq}
            self.keys[parameters["key"]] = reply
            self.interrupted.clear()
        threading.Thread(target=self.play, args=(parameters, reply["thread"], self.turn), daemon=True).start()
        return reply

    def decisions(self):
        """Each answer becomes a decision record, as from the agent. Returns the event that one has."""
        told = threading.Event()

        def decide(parameters):
            with self.lock:
                self.add("decision", {"question": parameters["question"], "allow": parameters["allow"], "by": "person"}, turn=self.turn)
            told.set()
            return {}

        self.replies["io.clawos.Agent.Answer"] = decide
        return told

    def play(self, parameters, thread, turn):
        for step in self.script(parameters):
            if step is DROP:
                self.drop()
            elif callable(step):
                step(self)
            else:
                with self.lock:
                    self.add(step[0], step[1], thread, turn)

    def add(self, kind, data, thread="main", turn=0):
        """The caller holds the lock."""
        record = kind not in LIVE
        event = {"seq": len(self.records) + 1 if record else 0, "timeUsec": self.now_us, "kind": kind,
                 "thread": thread, "turn": turn, "data": data}
        if record:
            self.records.append(event)
        self.live.append(event)
        self.lock.notify_all()
        return event["seq"]

    def subscribe(self, link, parameters):
        with self.lock:
            known = [e for e in self.records if self.forgetful or e["seq"] > parameters["afterSeq"]]
            at = len(self.live)
            self.subscriptions += 1
            self.lock.notify_all()
        for event in known:
            self.deliver(link, event)
        self.send(link, {"parameters": {"event": None}, "continues": True})
        while link.fileno() >= 0:
            with self.lock:
                self.lock.wait_for(lambda: len(self.live) > at, timeout=0.2)
                events, at = self.live[at:], len(self.live)
            for event in events:
                self.deliver(link, event)
            if not events:
                link.setblocking(False)
                try:
                    if link.recv(1, socket.MSG_PEEK) == b"":
                        return
                except BlockingIOError:
                    pass
                link.setblocking(True)

    def deliver(self, link, event):
        self.send(link, {"parameters": {"event": event}, "continues": True})
        with self.lock:
            self.sent = max(self.sent, event["seq"])
            self.lock.notify_all()

    def await_sent(self, seconds=20):
        """For scripts: every record there is has been sent to somebody."""
        with self.lock:
            if not self.lock.wait_for(lambda: self.sent >= len(self.records), timeout=seconds):
                raise AssertionError(f"record {self.sent + 1} was not sent")

    def await_subscriptions(self, count, seconds=20):
        with self.lock:
            if not self.lock.wait_for(lambda: self.subscriptions >= count, timeout=seconds):
                raise AssertionError(f"{self.subscriptions} subscriptions, {count} wanted")

    def called(self, name):
        with self.lock:
            return [c for c in self.calls if c[0] == name]

    def wait_called(self, name, count=1, seconds=20):
        with self.lock:
            if not self.lock.wait_for(lambda: sum(c[0] == name for c in self.calls) >= count, timeout=seconds):
                raise AssertionError(f"{name} was not called {count} times: {[c[0] for c in self.calls]}")
