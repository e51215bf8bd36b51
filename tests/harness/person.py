# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A person at a terminal: what is typed, and what the screen then shows (terminal.py on the model of screen.py)."""
import fcntl
import struct
import termios
import time

from screen import Screen
from terminal import Terminal

RUNNING = "  Enter queues it, Ctrl-C interrupts the turn"


class Person(Terminal):
    """A terminal whose screen is looked at."""

    def __init__(self, *arguments, columns=80, rows=24, joined=False, **options):
        super().__init__(*arguments, columns=columns, rows=rows, **options)
        self.size, self.joined = (columns, rows), joined

    def screen(self):
        return Screen(*self.size, joined=self.joined).feed(self.output)

    def until(self, condition, what="what was waited for", seconds=20):
        deadline = time.monotonic() + seconds
        while not condition(self.screen()):
            left = deadline - time.monotonic()
            if left <= 0 or not self.read(left):
                raise AssertionError(f"{what} did not come; the screen:\n{self.screen().text()}")
        return self

    def sees(self, line):
        """A row of the screen is exactly this."""
        return self.until(lambda s: line in s.lines(), repr(line))

    def prompt(self, text="", name=""):
        """The last row that holds anything is the prompt with this text."""
        wanted = f"{name}❯ {text}".rstrip()
        return self.until(lambda s: [line for line in s.lines() if line][-1:] == [wanted], repr(wanted))

    def below(self, text):
        """The line that is typed while a turn runs, and what is said of it."""
        return self.until(lambda s: [line for line in s.lines() if line][-2:] == [f"❯ {text}", RUNNING], repr(text))

    def resize(self, columns, rows=24):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        return self
