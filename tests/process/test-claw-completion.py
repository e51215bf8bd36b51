#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What the shipped claw says of itself to other programs: completion for bash, zsh and fish, and its manual page.

Both come from its tables; the shells themselves read and use them. Environment: CLAWOS_BIN.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

from claw import CLAW  # noqa: E402
from tap import Skip, expect, expect_true, run, test  # noqa: E402


class Fixture:
    def __enter__(self):
        self.home = tempfile.mkdtemp(prefix="clawos-home-")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.home)

    def run(self, *command, stdin="", status=0):
        result = subprocess.run(command, input=stdin, text=True, capture_output=True, timeout=60, check=False, cwd=self.home,
                                env={"PATH": "/usr/bin:/bin", "HOME": self.home, "LANG": "C.UTF-8", "CLAWOS_STATE": os.path.join(self.home, "state")})
        expect((result.returncode, result.stderr), (status, ""), command[0])
        return result.stdout

    def claw(self, *arguments):
        return self.run(CLAW, *arguments)

    def verbs(self):
        return re.findall(r"^  ([a-z-]+) ", self.claw("help").split("verbs:")[1].split("options:")[0], re.M)

    def options(self):
        return re.findall(r"^  .{4}--([a-z-]+)", self.claw("help").split("options:")[1], re.M)

    def bash(self, *words):
        """What bash offers for the last word."""
        quoted = " ".join(f"'{word}'" for word in words)
        return self.run("bash", "-c", f"source <(\"{CLAW}\" completion bash); COMP_WORDS=(claw {quoted}); COMP_CWORD={len(words)}; _claw; "
                                      "printf '%s\\n' \"${COMPREPLY[@]}\"").split()


@test
def bash_completes_verbs_options_and_their_values(f):
    text = f.claw("completion", "bash")
    f.run("bash", "-n", stdin=text)
    expect(sorted(f.bash("")), sorted(f.verbs()))
    expect(f.bash("tra"), ["trace"])
    expect(sorted(f.bash("--")), sorted(f"--{name}" for name in f.options()))
    expect(f.bash("--json", "config", "im"), ["import"])
    expect(f.bash("completion", ""), ["bash", "zsh", "fish"])
    expect(f.bash("--thread", "trace", "hist"), ["history"])  # "trace" is the thread's name
    expect(f.bash("--allow", "s"), ["send", "spend"])
    expect("--prompt" in f.bash("trace", "--") and "--record" not in f.bash("trace", "--"), True)


@test
def bash_completes_files_where_one_is_wanted(f):
    os.mkdir(os.path.join(f.home, "folder one"))
    with open(os.path.join(f.home, "file.env"), "w", encoding="ascii"):
        pass
    expect(f.bash("config", "import", "file"), ["file.env"])
    expect(f.bash("--record", "fi"), ["file.env"])
    expect(f.bash("--workspace", "fo"), ["folder", "one"])
    expect(f.bash("--workspace", "fi"), [])
    expect(f.bash("./fi"), ["./file.env"])


@test
def zsh_reads_it(f):
    text = f.claw("completion", "zsh")
    expect(text.splitlines()[0], "#compdef claw")
    for name in f.verbs():
        expect_true(f"'{name}:" in text, name)
    for name in f.options():
        expect_true(f"'--{name}" in text, name)
    if not shutil.which("zsh"):
        raise Skip("zsh")
    f.run("zsh", "-n", stdin=text)
    with open(os.path.join(f.home, "_claw"), "w", encoding="utf-8") as file:
        file.write(text)
    f.run("zsh", "-fc", "fpath=($HOME $fpath); autoload -Uz compinit && compinit -u -D && [ \"${_comps[claw]}\" = _claw ] && autoload +X _claw")


@test
def fish_completes_verbs_options_and_their_values(f):
    text = f.claw("completion", "fish")
    for name in f.verbs():
        expect_true(f"-a {name} -d '" in text, name)
    for name in f.options():
        expect_true(f"-l {name} " in text, name)
    if not shutil.which("fish"):
        raise Skip("fish")
    with open(os.path.join(f.home, "claw.fish"), "w", encoding="utf-8") as file:
        file.write(text)
    f.run("fish", "--no-execute", "claw.fish")

    def offers(line):
        return [row.split("\t")[0] for row in f.run("fish", "-c", f"source claw.fish; complete -C '{line}'").splitlines()]
    expect(sorted(offers("claw ")), sorted(f.verbs()))
    expect(offers("claw config im"), ["import"])
    expect(offers("claw --allow sp"), ["spend"])


@test
def another_shell_is_refused(f):
    result = subprocess.run([CLAW, "--state", f.home, "completion", "tcsh"], capture_output=True, text=True, check=False)
    expect((result.returncode, result.stderr), (64, 'claw: completion is for bash, zsh and fish, not for "tcsh"\n'))


@test
def the_manual_page_names_everything(f):
    text = f.claw("man")
    plain = text.replace("\\-", "-").replace("\\fB", "").replace("\\fR", "").replace("\\fI", "")
    for name in f.verbs():
        expect_true(re.search(rf"^\.TP\n{name}( |$)", plain, re.M), name)
    for name in f.options():
        expect_true(f"--{name}" in plain, name)
    for command in ("/explain", "/sh", "/read", "/quit"):
        expect_true(re.search(rf"^\.TP\n{command}", plain, re.M), command)
    expect_true("\t" not in text and all(line == line.rstrip() for line in text.splitlines()), "blanks at line ends")


@test
def the_manual_page_is_well_formed(f):
    text = f.claw("man")
    if shutil.which("groff"):
        shown = f.run("groff", "-man", "-ww", "-Tutf8", "-Kutf8", stdin=text)  # a warning is on standard error
    elif shutil.which("mandoc"):
        shown = f.run("mandoc", "-T", "utf8", "-W", "error", stdin=text)
    else:
        raise Skip("groff, mandoc")
    expect_true("--workspace" in re.sub(r"\x1b\[[0-9;]*m|.\x08", "", shown), "an option is not there")


run(Fixture)
