# SPDX-License-Identifier: Apache-2.0 OR MIT
"""claw-sandboxd as `claw up` starts it (root with a bounded capability set, no new privileges), and its clients.

    with Sandbox() as sandbox, sandbox.connect(AGENT) as link:
        print(link.shell("id").content)                 # a cage of its own, the shipped claw-toolwork in it
        cage = link.launch("read"); cage.call("read_file", path="x"); cage.close(); link.ended(cage)

Records: spec/launch-record.md. Frames: spec/toolwork.md. Needs root, outside a chroot. Environment: CLAWOS_BIN.
"""
import ctypes
import json
import os
import select
import shutil
import socket
import struct
import tempfile
import time
from types import SimpleNamespace

from daemon import Daemon
from tap import Skip
from toolwork import Toolwork

BIN = os.environ.get("CLAWOS_BIN", "")
OWNER, AGENT, OWNER_UID, AGENT_UID = "owner", "agent", 0, 64801
REQUEST, ANSWER, STATUS, PROOF = "=HHIIIQIIII", "=HHIiiIIiiQQQ128s", "=HHIIIIIQQQ", "=IIII32s"
VERBS = {"launch": 1, "kill": 2, "workspace": 3, "stop": 4, "status": 5}
PROFILES = {"read": 1, "write": 2, "execute": 3}
KINDS = {1: "started", 2: "refused", 3: "exited", 4: "done", 6: "halted"}
STAGES = ["none", "request", "workspace", "idmap", "cgroup", "clone", "identity", "rootfs", "limits", "capabilities",
          "landlock", "seccomp", "exec", "self-test", "quota"]
WHYS = ["none", "exit", "killed", "timeout", "memory", "disk"]
# What claw-sandboxd keeps, by number: the smallest set with which every test passes. docs/architecture/l2-kernel.md
CAPABILITIES = {"DAC_OVERRIDE": 1, "SETGID": 6, "SETUID": 7, "SYS_ADMIN": 21}
PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS, SECBIT_NO_SETUID_FIXUP = 24, 28, 38, 4
CLONE_NEWUSER = 0x10000000
OPEN_TREE, OPEN_TREE_CLONE, AT_EMPTY_PATH = 428, 1, 0x1000
WAIT_SECONDS = 30
ATTEMPTS = 85  # rows of src/l2-kernel/probe-attempts.c

libc = ctypes.CDLL(None, use_errno=True)


def require_namespaces():
    if os.geteuid() != 0:
        raise Skip("root")
    pid = os.fork()
    if pid == 0:
        os._exit(0 if libc.unshare(CLONE_NEWUSER) == 0 else 1)
    if os.waitpid(pid, 0)[1] != 0:
        raise Skip("user namespaces (the kernel's, outside a chroot)")


def clone_mount(path):
    """A detached clone of a directory's mount, as cage_owner_workspace() passes it."""
    fd = os.open(path, os.O_PATH | os.O_DIRECTORY)
    tree = libc.syscall(OPEN_TREE, fd, b"", OPEN_TREE_CLONE | AT_EMPTY_PATH | os.O_CLOEXEC)
    os.close(fd)
    if tree < 0:
        raise OSError(ctypes.get_errno(), "open_tree")
    return tree


class Cage(Toolwork):
    """The client's end of a running cage; spec/toolwork.md is spoken over it."""

    def __init__(self, link, number, stream, pid):
        self.link, self.number, self.socket, self.pid = link, number, stream, pid
        self.socket.settimeout(WAIT_SECONDS)

    def status(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    def close(self):
        self.socket.close()


class Refused(Exception):
    def __init__(self, answer):
        super().__init__(f"{answer.stage}: {answer.text}")
        self.answer = answer


class Link:
    def __init__(self, path, uid):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(WAIT_SECONDS)
        libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)  # root's way through a closed state is kept
        os.seteuid(uid)  # what SO_PEERCRED shows the other side
        try:
            self.socket.connect(path)
        finally:
            os.seteuid(0)
            libc.prctl(PR_SET_SECUREBITS, 0, 0, 0, 0)
        self.last = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, verb, id=0, profile=0, workspace=0, turn=0, time_ms=0, memory_mib=0, mode=0, fds=(), version=2, tail=b""):
        record = struct.pack(REQUEST, version, VERBS.get(verb, verb), id, profile, workspace, turn, time_ms, memory_mib,
                             mode, 0)
        socket.send_fds(self.socket, [record + tail], list(fds))

    def answer(self):
        """The next record; None when the connection was closed."""
        data = self.socket.recv(4096)
        if not data:
            return None
        if len(data) == struct.calcsize(STATUS) + 3 * struct.calcsize(PROOF):
            names = "version kind running workspaces landlock_abi memory_bound process_bound launched refused timeouts"
            status = SimpleNamespace(**dict(zip(names.split(), struct.unpack_from(STATUS, data))))
            status.proofs = {}
            for index, name in enumerate(PROFILES):
                proof = struct.unpack_from(PROOF, data, struct.calcsize(STATUS) + index * struct.calcsize(PROOF))
                status.proofs[name] = SimpleNamespace(verdict=proof[0], tried=proof[1], failed=proof[2], wall_us=proof[3],
                                                      first_failed=proof[4].rstrip(b"\0").decode())
            return status
        names = "version kind id pid error stage why status term_signal cpu_us maxrss_kib wall_us text"
        answer = SimpleNamespace(**dict(zip(names.split(), struct.unpack(ANSWER, data))))
        answer.kind, answer.stage, answer.why = KINDS[answer.kind], STAGES[answer.stage], WHYS[answer.why]
        answer.text = answer.text.split(b"\0")[0].decode()
        return answer

    def request(self, profile, workspace=0, time_ms=20000, memory_mib=512):
        """Sends a LAUNCH; returns its number and our end of the stream."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.last += 1
        self.send("launch", self.last, PROFILES[profile], workspace, 1, time_ms, memory_mib, fds=[theirs.fileno()])
        theirs.close()
        return self.last, ours

    def launch(self, profile, **options):
        number, stream = self.request(profile, **options)
        answer = self.answer()
        if answer.kind != "started":
            stream.close()
            raise Refused(answer)
        return Cage(self, number, stream, answer.pid)

    def ended(self, cage):
        """Awaits the end of this cage; .halted says whether it was told before that nothing of it runs."""
        answer = self.answer()
        halted = answer.kind == "halted"
        if halted:
            assert answer.id == cage.number, answer
            answer = self.answer()
        answer.halted = halted
        assert (answer.kind, answer.id) == ("exited", cage.number), answer
        return answer

    def shell(self, command, timeout_ms=15000, **options):
        """Runs a command in a cage of its own; .exit, .content of the reply, .end of the cage."""
        cage = self.launch("execute", **options)
        cage.send("shell", {"command": command}, timeout_ms=timeout_ms)
        reply = cage.receive()
        cage.close()
        reply.end = self.ended(cage)
        reply.exit = reply.meta.get("exit")
        return reply

    def workspace(self, number, fd, mode):
        self.send("workspace", number, mode={"forget": 0, "ro": 1, "rw": 2}[mode], fds=[] if fd is None else [fd])
        return self.answer()

    def status(self):
        self.send("status")
        return self.answer()


class Sandbox(Daemon):
    def __init__(self, bin=BIN, owner=OWNER_UID, capabilities=CAPABILITIES, config=None, workspace_uid=0):
        require_namespaces()
        self.folder = tempfile.mkdtemp(prefix="claw-cages-")
        self.workspace = os.path.join(self.folder, "workspace")
        self.owner = owner
        self.capabilities = capabilities
        os.mkdir(self.workspace)
        os.chown(self.workspace, workspace_uid, workspace_uid)
        arguments = ["--bin", bin, "--workspace", self.workspace, "--mount-point", os.path.join(self.folder, "cage"),
                     "--owner", str(owner), "--agent", str(AGENT_UID), "--conf", os.path.join(self.folder, "conf")]
        if config:
            with open(os.path.join(self.folder, "conf"), "w", encoding="utf-8") as file:
                file.write(config)
        super().__init__(os.path.join(BIN, "claw-sandboxd"), ["sandbox"], self.folder, arguments=arguments,
                         kind=socket.SOCK_SEQPACKET)

    def execute(self):
        for capability in range(64):
            if capability not in self.capabilities.values():
                libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails above the kernel's last one
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        super().execute()

    def connect(self, peer):
        return Link(self.socket("sandbox"), AGENT_UID if peer == AGENT else self.owner)

    def path(self, name):
        return os.path.join(self.workspace, name)

    def close(self):
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)


def processes_in(pid_namespace):
    """The living processes of a pid namespace (as readlink of ns/pid shows it), from outside.

    One that has ended may stay as a zombie for as long as the init of these tests does not wait for it.
    """
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.readlink(f"/proc/{name}/ns/pid") != pid_namespace:
                    continue
                with open(f"/proc/{name}/stat", encoding="utf-8") as file:
                    if file.read().rsplit(")", 1)[1].split()[0] != "Z":
                        found.append(int(name))
            except OSError:
                pass  # it has ended
    return found


def await_gone(pid_namespace, seconds=5):
    """A killed process may be seen for a moment longer; it must be gone soon."""
    end = time.monotonic() + seconds
    while processes_in(pid_namespace):
        if time.monotonic() > end:
            raise AssertionError(f"still there: {processes_in(pid_namespace)}")
        select.select([], [], [], 0.005)


class Fixture:
    """A test that takes an argument gets a claw-sandboxd of its own: run(Fixture)."""

    def __enter__(self):
        self.sandbox = Sandbox()
        return self.sandbox.start()

    def __exit__(self, *_):
        self.sandbox.close()
