# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Starts one shipped daemon as `claw up` does: bound sockets by LISTEN_FDS, own uid, NOTIFY_SOCKET.

    with Daemon(BUILD + "/src/l6-agent/claw-egressd", sockets=["egress"], uid=64802, state=DIR,
                arguments=["--conf", FILE, "--state", STATE], fds={"provider-key": fd}) as daemon:
        Client(daemon.socket("egress"))

Needs root when uid is not the caller's. Sockets are in state/run; stderr goes to state/log/NAME.log.
"""
import fcntl
import os
import select
import signal
import socket
import threading
import time

START_SECONDS = 20
HIGH_FD = 512


class Daemon:
    def __init__(self, binary, sockets, state, uid=0, arguments=(), fds=None, environment=None, kind=socket.SOCK_STREAM):
        self.binary = binary
        self.name = os.path.basename(binary)
        self.names = list(sockets)
        self.state = state
        self.uid = uid
        self.arguments = list(arguments)
        self.fds = dict(fds or {})
        self.environment = dict(environment or {})
        self.kind = kind
        self.pid = None
        self.status = None
        self.notified = []
        self.ready = threading.Event()
        self.run = os.path.join(state, "run")
        for folder in (self.run, os.path.join(state, "log")):
            os.makedirs(folder, mode=0o755, exist_ok=True)
        self.log_path = os.path.join(state, "log", self.name + ".log")
        self.listening = {}
        self.notify = None

    def socket(self, name):
        return os.path.join(self.run, name)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def listen(self, name):
        path = self.socket(name)
        directory = os.open(self.run, os.O_PATH | os.O_DIRECTORY)
        sock = socket.socket(socket.AF_UNIX, self.kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        if os.path.lexists(path):
            os.unlink(path)
        sock.bind(f"/proc/self/fd/{directory}/{name}")
        os.close(directory)
        os.chmod(path, 0o666)  # who may speak is decided by peer uid
        sock.listen(1024)
        return sock

    def bind(self):
        """Sockets outlive a daemon: a restart goes on with the same ones."""
        for name in self.names:
            if name not in self.listening:
                self.listening[name] = self.listen(name)
        if self.notify is None:
            self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self.notify.bind("\0clawos-test-notify-%d-%d" % (os.getpid(), id(self)))
            threading.Thread(target=self.listen_to_notifications, daemon=True).start()

    def start(self, wait=True):
        self.bind()
        self.status = None
        self.notified = []
        self.ready.clear()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.execute()
            finally:
                os._exit(127)
        if wait:
            self.wait_ready()
        return self

    def execute(self):
        log = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        null = os.open("/dev/null", os.O_RDWR)
        inherited = [self.listening[name].fileno() for name in self.names] + list(self.fds.values())
        names = self.names + list(self.fds)
        # moved out of the way first: the targets 3.. may hold one of the sources
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, HIGH_FD) for fd in inherited]
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        for target, fd in enumerate(high, 3):
            os.dup2(fd, target, inheritable=True)
        os.closerange(3 + len(high), 4096)
        environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **self.environment}
        environment["LISTEN_PID"] = str(os.getpid())
        environment["LISTEN_FDS"] = str(len(high))
        environment["LISTEN_FDNAMES"] = ":".join(names)
        environment["NOTIFY_SOCKET"] = "@clawos-test-notify-%d-%d" % (os.getppid(), id(self))
        if self.uid != 0:
            os.setgroups([])
            os.setresgid(self.uid, self.uid, self.uid)
            os.setresuid(self.uid, self.uid, self.uid)
        os.chdir("/")
        os.execve(self.binary, [self.name, *self.arguments], environment)

    def listen_to_notifications(self):
        """Reads on for as long as there is a socket: a daemon whose messages nobody takes would block."""
        while True:
            try:
                message = self.notify.recv(4096)
            except OSError:
                return
            if not message:
                return
            self.notified += message.decode().split("\n")
            if "READY=1" in self.notified:
                self.ready.set()

    def wait_ready(self):
        end = time.monotonic() + START_SECONDS
        while not self.ready.wait(0.02):
            if self.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.status}: {self.log()}")
            if time.monotonic() > end:
                raise TimeoutError(f"{self.name} is not ready: {self.log()}")

    def poll(self):
        """Exit status (negative: signal) or None while it runs."""
        if self.pid and self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def wait(self, seconds=START_SECONDS):
        if self.status is None:
            pidfd = os.pidfd_open(self.pid)
            ended = select.select([pidfd], [], [], seconds)[0]
            os.close(pidfd)
            if not ended:
                raise TimeoutError(f"{self.name} does not end")
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def kill(self):
        if self.pid and self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def stop(self):
        if self.pid and self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
            try:
                return self.wait()
            except TimeoutError:
                self.kill()
                raise
        return self.status

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0]) / 1e9

    def close(self):
        self.kill()
        for sock in self.listening.values():
            sock.close()
        self.listening = {}
        if self.notify:
            self.notify.shutdown(socket.SHUT_RDWR)
            self.notify.close()
            self.notify = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()
