#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The shipped claw: threads as documents, files of messages, an .env file, and lines for a screen reader.

The daemons are scripted (harness/peers.py). Environment: CLAWOS_BIN.
"""
import json
import os
import shutil
import stat
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

import claw  # noqa: E402
from claw import CLAW, HARMLESS, HOSTILE, answer  # noqa: E402
from peers import DONE  # noqa: E402
from person import Person  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402

TURNS = [
    {"turn": 1, "state": "done", "text": "first line\n\nthird", "answer": "An **answer**\n\n```c\nint x;\n```", "tool": None,
     "tools": [{"name": "shell", "ok": True, "arguments": {"command": "echo ```"}}, {"name": "http", "ok": False, "arguments": {}}]},
    {"turn": 2, "state": "done", "text": "/read f", "answer": "# a file\n```\n", "tool": "read_file", "tools": []},
    {"turn": 3, "state": "failed", "reason": "no model", "text": "again", "answer": "", "tool": None, "tools": [], "steers": ["and quick"]},
]
DOCUMENT = """# Thread main

## Turn 1

> first line
>
> third

Tool `shell`: ok

````
{"command":"echo ```"}
````

Tool `http`: failed

```
{}
```

An **answer**

```c
int x;
```

## Turn 2

> /read f

````
# a file
```
````

## Turn 3

> again

> and quick

*failed: no model*
"""


class Fixture(claw.Fixture):
    def __enter__(self):
        super().__enter__()
        self.peers.replies["io.clawos.Agent.History"] = lambda _: {"turns": TURNS}
        self.peers.replies["io.clawos.Agent.Status"] = {"status": {"model": "gpt", "provider": "openai"}}
        self.peers.script = lambda submit: answer(f"heard {submit['text']}")
        self.home = tempfile.mkdtemp(prefix="clawos-home-")
        return self

    def __exit__(self, *_):
        super().__exit__()
        shutil.rmtree(self.home)

    def path(self, name, text=None):
        path = os.path.join(self.home, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def says(self, *arguments, **options):
        result = self.claw(*arguments, **options)
        return result.returncode, result.stdout.decode(), result.stderr.decode()


@test
def a_thread_becomes_a_document(f):
    expect(f.says("export"), (0, DOCUMENT, ""))
    expect(f.says("export", "md"), (0, DOCUMENT, ""))
    status, out, _ = f.says("export", "json")
    expect((status, json.loads(out)), (0, {"turns": TURNS}))
    expect(f.peers.called("History")[0][1], {"thread": "main", "limit": 1000})
    f.says("export", "--thread", "other")
    expect(f.peers.called("History")[-1][1]["thread"], "other")


@test
def a_document_goes_into_a_new_file_and_over_none(f):
    path = f.path("thread.md")
    expect(f.says("export", path), (0, "", ""))
    with open(path, encoding="utf-8") as file:
        expect(file.read(), DOCUMENT)
    expect(stat.S_IMODE(os.stat(path).st_mode), 0o600)
    expect(f.says("export", "md", path), (1, "", f"claw: {path} is there already; it is not written over\n"))
    expect(f.says("export", "json", f.path("t.json")), (0, "", ""))
    with open(f.path("t.json"), encoding="utf-8") as file:
        expect(json.load(file), {"turns": TURNS})
    expect(f.says("export", "pdf", path)[0], 64)
    expect(f.says("export", "/nonexistent/file")[0], 1)


@test
def what_a_document_says_cannot_act_on_a_terminal(f):
    f.peers.replies["io.clawos.Agent.History"] = lambda _: {"turns": [dict(TURNS[0], text=HOSTILE, answer=HOSTILE, tools=[])]}
    expect_true(f"> {HARMLESS}" in f.says("export")[1].replace("\n> ", "\\n> "), "not harmless")
    expect_true("\x1b" not in f.says("export")[1], "an escape")
    expect_true("\x1b" not in f.says("export", "json")[1], "an escape")
    f.says("export", f.path("raw"))
    with open(f.path("raw"), encoding="utf-8", newline="") as file:
        expect_true("\x1b[31mred" in file.read(), "a file holds the text as it was")


@test
def the_prompt_exports_too(f):
    with Person([CLAW, "--state", f.state], env={"HOME": f.home}, columns=120, rows=80) as t:
        t.prompt().type(f"/export json {f.path('t.json')}\n").sees("written").prompt().type("/export\n").sees("# Thread main").prompt()
    expect(os.path.exists(f.path("t.json")), True)


@test
def the_lines_of_a_file_are_messages_in_order(f):
    script = f.path("script", "# a comment\nfirst\n\n  # another\nsecond \\\nand more\n/time UTC\nlast")
    status, out, err = f.says("run", script, "--thread", "t")
    expect((status, err), (0, ""))
    expect(f.texts(), ["first", "second \nand more", "/time UTC", "last"])
    expect(out.splitlines()[0], "heard first")
    expect([c[1]["thread"] for c in f.peers.called("Submit")], ["t"] * 4)
    expect(f.peers.called("Submit")[2][1].get("tool"), "time")
    expect(f.says("run", "-", stdin=b"from a pipe\n"), (0, "heard from a pipe\n", ""))
    expect(f.peers.called("Submit")[-1][2], [])  # it is the script, and no context


@test
def the_first_line_that_is_not_answered_ends_a_script(f):
    f.peers.script = lambda s: answer("fine") if s["text"] == "one" else [("turn-done", {"state": "failed", "reason": "no"})]
    status, out, _ = f.says("run", f.path("script", "one\ntwo\nthree\n"))
    expect((status, out, f.texts()), (1, "fine\n", ["one", "two"]))
    expect(f.says("run", f.path("wrong", "one\n\n/quit\n"))[::2],
           (64, f"claw: {f.path('wrong')}:3: /quit is a command of the interactive shell; claw help lists the verbs\n"))
    expect(f.says("run", f.path("none"))[0], 1)
    with open(f.path("binary"), "wb") as file:
        file.write(b"a\0b\n")
    expect(f.says("run", f.path("binary"))[2], f"claw: {f.path('binary')} is no text in UTF-8\n")
    expect(f.says("run", f.path("script"), "-m", "x")[0], 64)


@test
def an_env_file_is_taken_over(f):
    env = f.path(".env", "LLM_BACKEND=openai_compatible\nLLM_BASE_URL=http://127.0.0.1:1/v1\nLLM_MODEL=m\n")
    expect(f.says("import-env", env), (0, f"3 imported into {f.state}/clawos.conf, 0 left out\n", ""))
    with open(os.path.join(f.state, "clawos.conf"), encoding="utf-8") as file:
        expect_true("base_url = http://127.0.0.1:1/v1" in file.read(), "not there")


@test
def a_screen_reader_gets_lines_and_nothing_else(f):
    f.peers.script = lambda s: [("turn-started", {}), ("model-started", {"call": 1}), ("status", {"text": "thinking"}),
                                ("text", {"call": 1, "offset": 0, "text": "A **bold** "}), ("model-done", {"call": 1, "text": "A **bold** answer"}),
                                ("answer", {"text": "A **bold** answer"}), DONE]
    for arguments, env in ((("--screen-reader",), {}), ((), {"CLAWOS_SCREEN_READER": "1"})):
        with Person([CLAW, "--state", f.state, *arguments], env={"HOME": f.home, **env}) as t:
            t.expect("❯ ").type("hello\n").expect("A **bold** answer\r\n").expect("❯ ").type("!echo mine\n").expect("mine\r\nmine\r\n").expect("❯ ").type("\x04")
            expect(t.end(), 0)
            expect_true("\x1b" not in t.output, f"an escape: {t.output!r}")
            expect_true("\r" not in t.output.replace("\r\n", ""), "a line was drawn again")
            expect([line for line in t.output.replace("\r\n", "\n").split("\n") if line][-5:],
                   ["❯ hello", "A **bold** answer", "❯ !echo mine", "mine", "❯ "])


run(Fixture)
