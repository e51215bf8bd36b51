# SPDX-License-Identifier: Apache-2.0 OR MIT
"""claw-egressd with a state of its own, its calls with descriptors and pipes, and what they gave.

    with Provider([text("x")]) as provider, Broker(provider.url) as broker:
        broker.complete().unwrap().body
"""
import contextlib
import json
import os
import shutil
import tempfile
import threading

from daemon import Daemon
from provider import Provider
from tap import expect
from varlink import Client, VarlinkError

AGENT, EGRESS_UID, OTHER = 64801, 64802, 64899
BIN = os.environ.get("CLAWOS_BIN", "")
EGRESS = "io.clawos.Egress."
KEY = "sk-test-4f9a1c77e1"
REQUEST = b'{"model":"m","stream":true,"messages":[]}'


def memfd(data):
    fd = os.memfd_create("body", os.MFD_CLOEXEC)
    os.write(fd, data)
    return fd


class Outcome:
    """What one call gave: head, done (or error), the body, seconds."""

    def __init__(self):
        self.head = self.done = self.error = None
        self.body = b""

    def unwrap(self):
        if self.error:
            raise self.error
        return self


class Broker:
    """One claw-egressd with a state of its own."""

    def __init__(self, base_url=None, backend="openai_compatible", key=KEY, egress="", provider="", wait=True):
        self.root = tempfile.mkdtemp(prefix="clawos-egress-")
        os.chmod(self.root, 0o755)
        self.state = os.path.join(self.root, "egress")
        os.mkdir(self.state, 0o700)
        os.chown(self.state, EGRESS_UID, EGRESS_UID)
        self.conf = os.path.join(self.root, "conf")
        self.configure(base_url, backend, egress, provider)
        self.key_fd = memfd(key.encode() + b"\n") if key else None
        self.wait = wait
        self.daemon = Daemon(os.path.join(BIN, "claw-egressd"), ["egress"], self.root, uid=EGRESS_UID, arguments=[
            "--conf", self.conf, "--state", self.state, "--owner", "0"], fds={"provider-key": self.key_fd} if key else {})

    def configure(self, base_url, backend, egress="", provider=""):
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(f"[provider]\nbackend = {backend}\n")
            if base_url:
                file.write(f"base_url = {base_url}\n")
            file.write(provider + "\n[egress]\n" + egress + "\n")

    def __enter__(self):
        self.daemon.start(self.wait)
        return self

    def __exit__(self, *_):
        self.daemon.close()
        if self.key_fd is not None:
            os.close(self.key_fd)
        shutil.rmtree(self.root)

    def link(self, uid=AGENT):
        return Client(self.daemon.socket("egress"), uid=uid)

    def person(self, method, **parameters):
        with self.link(0) as link:
            return link.call(EGRESS + method, parameters)

    def begin(self, link, path="/chat/completions", intent=1):
        """Sends Complete on the link; the reading end of its pipe."""
        body, (reading, writing) = memfd(REQUEST), os.pipe()
        link.send(EGRESS + "Complete", {"path": path, "offset": 0, "length": len(REQUEST), "stream": True, "intent": intent},
                  [body, writing], more=True)
        os.close(body)
        os.close(writing)
        return reading

    def call(self, method, parameters, body=b"", link=None, offset=0):
        """Calls Complete or Fetch and reads the pipe to its end."""
        own = link is None
        link = link or self.link()
        outcome = Outcome()
        body_fd = memfd(b"x" * offset + body)
        reading, writing = os.pipe()
        try:
            link.send(EGRESS + method, parameters, [body_fd, writing], more=True)
            os.close(body_fd)
            os.close(writing)
            reader = threading.Thread(target=read_all, args=(reading, outcome))
            reader.start()
            try:
                continues = True
                while continues:
                    reply, continues = link.reply()
                    if reply["event"] == "head":
                        outcome.head = reply
                    else:
                        outcome.done = reply
            except VarlinkError as failure:
                outcome.error = failure
            reader.join()
        finally:
            if own:
                link.close()
        return outcome

    def complete(self, body=REQUEST, path="/chat/completions", is_stream=True, offset=0, link=None, intent=7):
        return self.call("Complete", {"path": path, "offset": offset, "length": len(body), "stream": is_stream, "intent": intent},
                         body, link, offset)

    def fetch(self, url, method="GET", body=b"", headers=(), timeout=5000, max_bytes=1 << 20, question=None, link=None):
        parameters = {"method": method, "url": url, "headers": [{"name": n, "value": v} for n, v in headers], "length": len(body),
                      "timeoutMsec": timeout, "maxBytes": max_bytes, "intent": 9}
        if question is not None:
            parameters["question"] = question
        return self.call("Fetch", parameters, body, link)

    def status(self):
        return self.person("Status")["status"]

    def requests_log(self):
        with open(os.path.join(self.state, "requests.log"), encoding="utf-8") as file:
            return [json.loads(line) for line in file]


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    raise AssertionError("no VmRSS")


def read_all(fd, outcome):
    while data := os.read(fd, 1 << 16):
        outcome.body += data
    os.close(fd)


@contextlib.contextmanager
def served(script, otherwise=None, egress="", settings="", **options):
    with Provider(script, otherwise, **options) as provider, Broker(provider.url, egress=egress, provider=settings) as broker:
        yield broker, provider


def origin(provider):
    return f"http://127.0.0.1:{provider.port}"


def refused(function, name):
    try:
        outcome = function()
    except VarlinkError as failure:
        expect(failure.short, name)
        return failure.parameters
    if isinstance(outcome, Outcome) and outcome.error:
        expect(outcome.error.short, name, str(outcome.error))
        return outcome.error.parameters
    raise AssertionError(f"was not refused with {name}")
