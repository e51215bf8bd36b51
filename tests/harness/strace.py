# SPDX-License-Identifier: Apache-2.0 OR MIT
"""strace on a running process of ours: what it asked the kernel for, in order.

    with Strace(pid, "%file") as trace: …
    trace.text
"""
import shutil
import subprocess
import tempfile
import time

from tap import Skip

ATTACH_SECONDS = 10


class Strace:
    def __init__(self, pid, calls, *options):
        if not shutil.which("strace"):
            raise Skip("strace")
        self.pid, self.text = pid, ""
        self.command = ["strace", "-f", "-qq", *options, "-e", "signal=none", "-e", f"trace={calls}", "-p", str(pid)]

    def __enter__(self):
        self.file = tempfile.NamedTemporaryFile("r", prefix="clawos-strace-", errors="replace")
        self.process = subprocess.Popen([*self.command[:1], "-o", self.file.name, *self.command[1:]], stderr=subprocess.DEVNULL)
        end = time.monotonic() + ATTACH_SECONDS
        while self.is_free():
            if time.monotonic() > end or self.process.poll() is not None:
                raise Skip("ptrace of a running process (strace -p)")
            time.sleep(0.005)
        return self

    def is_free(self):
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
            return "TracerPid:\t0" in file.read()

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.text = self.file.read()
        self.file.close()
