#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Attacks on the Varlink sockets of every daemon, by whom it lets in: silence, slowness, size, depth, nonsense, number.

While each goes on, others are served within 100 ms; afterwards the same process has no more memory than a bound.

Environment: CLAWOS_BIN, CLAWOS_BASE, CLAWOS_SHARE; for claw-llmd CLAWOS_MODEL_FILE. Needs root.
"""
import contextlib
import os
import resource
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

from broker import Broker  # noqa: E402
from cages import require_namespaces  # noqa: E402
from provider import Provider, text  # noqa: E402
from system import System  # noqa: E402
from tap import Skip, expect, expect_true, run, test  # noqa: E402
from varlink import Client, Gone, VarlinkError, connect  # noqa: E402

AGENT, PERSON = 64801, 0
MODEL = os.environ.get("CLAWOS_MODEL_FILE", "")
MIB = 1 << 20
MESSAGE_MIB = 16  # what sd-varlink takes of one message
GATED = ("egress", "fs")  # what a taken-over claw-agentd reaches and the person needs: half a MiB
KEPT_KIB = 8 << 10  # what a daemon may have more afterwards
KEPT_UP_KIB = 32 << 10  # the supervisor keeps what one message of the person's needed
# socket: the daemon (None: the supervisor), who attacks, connections it takes of him, a call of the person
SOCKETS = {
    "agent": ("claw-agentd", PERSON, 256, "io.clawos.Agent.Threads"),
    "egress": ("claw-egressd", AGENT, 992, "io.clawos.Egress.Status"),
    "fs": ("clawfsd", AGENT, 48, "io.clawos.Fs.Status"),
    "llm": ("claw-llmd", AGENT, 48, "io.clawos.Llm.Status"),
    "up": (None, PERSON, 64, "io.clawos.Supervisor.Status"),
}


class Fixture:
    def __enter__(self):
        require_namespaces()
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        self.provider = Provider([], text("done")).__enter__()
        self.system = System(self.provider, model=MODEL).start()
        os.chmod(os.path.join(self.system.state, "run"), 0o755)  # the uids of the tests come in from outside their roots
        return self

    def __exit__(self, *_):
        self.system.__exit__()
        self.provider.close()

    def targets(self):
        for name in SOCKETS:
            if os.path.exists(self.system.path(name)):
                with Target(self.system, name) as target:
                    yield target


class Target:
    def __init__(self, system, name):
        self.system, self.name = system, name
        self.daemon, self.uid, self.most, self.method = SOCKETS[name]
        self.open = []

    def __enter__(self):
        self.served()
        self.pid = self.find()
        self.before = self.memory()
        return self

    def __exit__(self, kind, *_):
        self.hang_up()
        if kind is None:
            self.served()
            expect(self.find(), self.pid, f"{self.name}: the same process")
            end = time.monotonic() + 12  # a daemon gives back some seconds after a burst
            bound = self.before + (KEPT_KIB if self.daemon else KEPT_UP_KIB)
            while self.memory() > bound and time.monotonic() < end:
                time.sleep(0.2)
            expect_true(self.memory() <= bound, f"{self.name}: {self.before} to {self.memory()} KiB")

    def find(self):
        return self.system.pid(self.daemon) if self.daemon else self.system.up_pid()

    def memory(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return int(next(line for line in file if line.startswith("VmRSS:")).split()[1])

    def connect(self):
        sock = connect(self.system.path(self.name), uid=self.uid)
        sock.settimeout(20)
        self.open.append(sock)
        return sock

    def hang_up(self):
        for sock in self.open:
            sock.close()
        self.open = []

    def served(self, limit=None):
        """The person's call is answered; limit: within so many seconds, the median of five."""
        took = []
        for _ in range(5 if limit else 1):
            start = time.monotonic()
            with Client(self.system.path(self.name), uid=PERSON, timeout=20) as link:
                link.call(self.method)
            took.append(time.monotonic() - start)
        if limit:
            expect_true(sorted(took)[len(took) // 2] <= limit, f"{self.name}: others waited {took}")

    def send(self, message):
        """What is sent until the other side has enough."""
        sock, sent = self.connect(), 0
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while sent < len(message):
                sent += sock.send(message[sent:sent + MIB])
        return sock, sent


def ended(sock):
    """The connection is closed, or the message was answered with an error."""
    try:
        answer = sock.recv(65536)
    except ConnectionResetError:
        return True
    return answer == b"" or b'"error":"' in answer


@test
def who_connects_and_is_silent_holds_nobody_up(f):
    for target in f.targets():
        for _ in range(min(50, target.most // 2)):
            target.connect()
        target.served(0.1)


@test
def a_message_byte_by_byte_holds_nobody_up(f):
    for target in f.targets():
        message = b'{"method":"%s"}\0' % target.method.encode()
        socks = [target.connect() for _ in range(20)]
        for i in range(len(message)):
            for sock in socks:
                sock.send(message[i:i + 1])
            if i % 16 == 0:
                target.served(0.1)
        for sock in socks:
            answer = sock.recv(65536)
            expect_true(answer.startswith(b'{"'), f"{target.name}: {answer[:100]}")


@test
def a_message_that_does_not_end_is_cut_off(f):
    for target in f.targets():
        sock, sent = target.send(b'{"method":"' + b"x" * (100 * MIB))
        # sd-varlink reads on until it has looked, into a buffer that is up to twice as large, while more is sent
        most = 1 if target.name in GATED else 2 * MESSAGE_MIB + 2
        expect_true(sent <= most * MIB, f"{target.name} took {sent >> 20} MiB")
        expect_true(ended(sock), f"{target.name}: the connection is still there")
        target.served(0.1)


@test
def long_messages_begun_side_by_side_are_bounded(f):
    for target in f.targets():
        for _ in range(8):
            target.send(b'{"method":"' + b"x" * MIB)
        target.served(0.1)
        expect_true(target.memory() < target.before + (32 << 10), f"{target.name}: {target.memory()} KiB")


@test
def a_message_of_millions_of_values_is_not_read_for_the_agent(f):
    """16 MiB of them are two seconds of work and half a gigabyte."""
    for target in f.targets():
        if target.name in GATED:
            front = b'{"method":"%s","parameters":{"a":[' % target.method.encode()
            for count in (150000, 5000000):
                sock, _ = target.send(front + b"[]," * count + b"[]]}}\0")
                target.served(0.1)
                expect_true(ended(sock), target.name)
            expect_true(target.memory() < target.before + (64 << 10), f"{target.name}: {target.memory()} KiB")


def nonsense(method):
    front = b'{"method":"%s","parameters":' % method.encode()
    return {
        "arrays that do not end": front + b"[" * 100000,
        "objects that do not end": front + b'{"a":' * 100000,
        "arrays in arrays": front + b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}}",
        "objects in objects": front + b'{"a":' * 100000 + b"1" + b"}" * 100001,
        "no UTF-8": front + b'{"a":"\xff\xfe\xc0\x80\xed\xa0\x80"}}',
        "no UTF-8 in the method": b'{"method":"io.\xff.x"}',
        "nothing": b"",
        "no JSON": bytes(range(1, 256)) * 400,
        "another type": b'[{"method":"%s"}]' % method.encode(),
        "no method": b'{"parameters":{}}',
        "a method that is none": b'{"method":{"a":1},"parameters":7}',
        "a name of a megabyte": b'{"method":"' + b"a." * 500000 + b'b"}',
        "a number of a megabyte": front + b'{"a":' + b"9" * 1000000 + b"}}",
        "a key a hundred thousand times": front + b"{" + b",".join(b'"a":1' for _ in range(100000)) + b"}}",
        "all flags": b'{"method":"%s","more":true,"oneway":true,"upgrade":true}' % method.encode(),
        "a reply": b'{"parameters":{},"continues":true}',
        "an error": b'{"error":"io.clawos.X.Y","parameters":{}}',
    }


@test
def what_is_no_message_ends_its_own_connection_only(f):
    for target in f.targets():
        for name, message in nonsense(target.method).items():
            sock, _ = target.send(message + b"\0")
            if name != "all flags":
                expect_true(ended(sock), f"{target.name}: {name}")
            target.served(0.1)


@test
def a_thousand_connections_with_half_a_message_each_do_no_harm(f):
    for target in f.targets():
        for _ in range(1000):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                target.connect().send(b'{"method":"' + b"x" * 2000)
        if target.uid != PERSON:
            target.served(0.1)
        expect_true(target.memory() < target.before + (96 << 10), f"{target.name}: {target.memory()} KiB")
        target.hang_up()
        end = time.monotonic() + 10
        while True:  # who took every place himself has to let go first
            try:
                target.served()
                break
            except (Gone, OSError, VarlinkError):
                expect_true(time.monotonic() < end, f"{target.name} does not come back")
        target.served(0.1)


@test
def descriptors_nobody_asked_for_are_closed(f):
    for target in f.targets():
        count = len(os.listdir(f"/proc/{target.pid}/fd"))
        reading, writing = os.pipe()
        for _ in range(20):
            with Client(sock=target.connect()) as link:
                link.send(target.method, fds=[reading, writing] * 8)
                with contextlib.suppress(Gone, OSError, VarlinkError):
                    link.reply()
        os.close(reading)
        os.close(writing)
        target.hang_up()
        target.served()
        end = time.monotonic() + 5
        while len(os.listdir(f"/proc/{target.pid}/fd")) > count + 1 and time.monotonic() < end:
            time.sleep(0.01)
        expect_true(len(os.listdir(f"/proc/{target.pid}/fd")) <= count + 1, f"{target.name}: descriptors are left")


@test
def who_waits_while_descriptors_are_short_makes_no_daemon_spin(_):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    for most in (600, 601, 602):  # a connection takes three: with one of these nothing is left, not even one
        broker = Broker(backend="local")
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, limits[1]))
        with broker:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            held = [connect(broker.daemon.socket("egress"), uid=AGENT) for _ in range(900)]
            time.sleep(0.2)
            before = broker.daemon.cpu_seconds()
            time.sleep(0.5)
            used = broker.daemon.cpu_seconds() - before
            expect_true(used < 0.1, f"{used:.2f} s of CPU in half a second with {most}")
            for sock in held:
                sock.close()
            expect(broker.status()["underWay"], 0)


if __name__ == "__main__":
    if os.geteuid() != 0:
        raise Skip("root")
    run(Fixture)
