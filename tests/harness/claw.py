# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The shipped claw before scripted daemons (peers.py): what it is asked, prints and answers."""
import os
import shutil
import subprocess
import tempfile

from peers import DONE, Peers

CLAW = os.path.join(os.environ["CLAWOS_BIN"], "claw")
HOSTILE = "\x1b[31mred\x1b]0;title\x07\x9b2J\u202e\u200b\r\x08\U000e0041 end"
HARMLESS = ("\\x1b[31mred\\x1b]0;title\\x07\\u{9b}2J\\u{202e}\\u{200b}\\x0d\\x08\\u{e0041} end")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm"}


class Fixture:
    def __enter__(self):
        self.state = tempfile.mkdtemp(prefix="clawos-claw-")
        self.peers = Peers(self.state).__enter__()
        return self

    def __exit__(self, *_):
        self.peers.__exit__()
        shutil.rmtree(self.state)

    def claw(self, *arguments, stdin=b"", env=None, timeout=30):
        return subprocess.run([CLAW, "--state", self.state, *arguments], input=stdin, capture_output=True,
                              env={**ENVIRONMENT, **(env or {})}, timeout=timeout, check=False)

    def say(self, *events):
        self.peers.script = lambda _: list(events)

    def texts(self):
        return [c[1]["text"] for c in self.peers.called("Submit")]


def answer(text):
    return [("turn-started", {}), ("model-started", {"call": 1}), ("model-done", {"call": 1, "text": text}),
            ("answer", {"text": text}), DONE]


def sandbox_says(kind, error=0, text=b""):
    return lambda data: (data[:2] + kind.to_bytes(2, "little") + data[4:8] + bytes(4) + error.to_bytes(4, "little") +
                         b"\2\0\0\0" + bytes(4 + 8 + 24) + text.ljust(128, b"\0"))
