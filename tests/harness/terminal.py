# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A program on a terminal of its own (pty): what it writes, what a person types.

    with Terminal([CLAW, "--state", state], env={...}) as terminal:
        terminal.expect("❯ ")
        terminal.type("hello\n")
        terminal.expect("answer")
        status = terminal.end()
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

LIMIT_SECONDS = 20
# what the shell itself may write: attributes, erasing, cursor up, save and restore, make room, bracketed paste
OWN = re.compile(r"\x1b\[[0-9;]*m|\x1b\[[KJ]|\x1b\[[0-9]+A|\x1b[78D]|\x1b\[\?2004[hl]|\x1b\[H\x1b\[2J")
UNSEEN = "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u2028\u2029\U000e0041"
ATTRIBUTES = re.compile(r"\x1b\[[0-9;]*m")


def foreign(output):
    """What could act on a terminal when the shell's own sequences are taken away; [] when all is well."""
    return [c for c in OWN.sub("", output)
            if (ord(c) < 32 and c not in "\r\n\t") or 126 < ord(c) < 160 or c in UNSEEN or 0xdc80 <= ord(c) <= 0xdcff]


class Terminal:
    def __init__(self, arguments, env=None, columns=80, rows=24):
        self.output, self.at = "", 0
        environment = {"PATH": "/usr/bin:/bin", "TERM": "xterm", "LANG": "C.UTF-8", "HOME": "/nonexistent", **(env or {})}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
                os.execve(arguments[0], arguments, environment)
            finally:
                os._exit(127)
        self.raw = b""
        self.status = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def read(self, seconds):
        """True when something came; False when the program's side is closed or time is over."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.raw += data
        self.output = self.raw.decode(errors="surrogateescape")
        return bool(data)

    def plain(self):
        return ATTRIBUTES.sub("", self.output)

    def expect(self, text, seconds=LIMIT_SECONDS):
        """Waits for the text behind what was expected before; attributes are not looked at."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.plain().find(text, self.at)
            if found >= 0:
                self.at = found + len(text)
                return self
            left = deadline - time.monotonic()
            if left <= 0 or not self.read(left):
                raise AssertionError(f"{text!r} did not come; behind {self.at}: {self.plain()[self.at:]!r}")

    def type(self, text):
        os.write(self.fd, text.encode())
        return self

    def flags(self):
        return termios.tcgetattr(self.fd)[3]

    def end(self, seconds=LIMIT_SECONDS):
        """Reads to the end; the exit status (negative: signal)."""
        while self.read(seconds):
            pass
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            deadline = time.monotonic() + 1  # the terminal is closed a little before the program is gone
            while os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
                if time.monotonic() > deadline:
                    raise AssertionError(f"the program does not end; behind {self.at}: {self.plain()[self.at:]!r}")
                select.select([], [], [], 0.01)
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status
