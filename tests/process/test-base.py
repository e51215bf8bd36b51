#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The base is removed, changed or made anew under the running system: nothing runs in what is no base any more, and
everybody says so.

Environment: CLAWOS_BIN, CLAWOS_BASE, CLAWOS_SHARE. Needs root.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

from cages import OWNER_UID, Link, require_namespaces  # noqa: E402
from provider import Provider, text  # noqa: E402
from system import System, await_end  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402

PROGRAMS = ("bash", "true", "cat")


def libraries(program):
    """The files its loader opens, as they are named below /usr."""
    out = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return {path if path.startswith("/usr/") else "/usr" + path for path in re.findall(r"(/\S+) \(0x", out)}


def make_base(folder):
    """As much of the machine's own base as the daemons and a shell need."""
    binaries = [os.path.join(os.environ["CLAWOS_BIN"], name) for name in os.listdir(os.environ["CLAWOS_BIN"])]
    own = [f"/usr/bin/{name}" for name in PROGRAMS]
    for path in sorted(set(own).union(*(libraries(program) for program in binaries + own))):
        os.makedirs(folder + os.path.dirname(path), exist_ok=True)
        shutil.copy2(path, folder + path)
    os.makedirs(folder + "/etc", exist_ok=True)


class Fixture:
    def __enter__(self):
        require_namespaces()
        self.folder = tempfile.mkdtemp(prefix="clawos-base-")
        self.base = os.path.join(self.folder, "base")
        make_base(self.base)
        self.provider = Provider(lambda _: text("done")).__enter__()
        self.system = System(self.provider, env={"CLAWOS_BASE": self.base}).start()
        return self

    def __exit__(self, *_):
        self.system.__exit__()
        self.provider.__exit__(None, None, None)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run_by_the_agent(self, command):
        """Past `claw`, which would start the system anew; the text of the call's result."""
        accepted = self.system.submit("", tool="shell", arguments={"command": command})
        for event in self.system.events(after=accepted["seq"], follow=True):
            if event["kind"] == "tool-done":
                return event["data"]["content"]
        return None

    def status(self):
        with Link(self.system.path("sandbox"), OWNER_UID) as owner:
            return owner.status()

    def doctor(self):
        return self.system.claw("doctor").stdout.decode()


@test
def without_its_base_no_cage_is_made_and_the_refusal_names_the_way_out(f):
    expect(f.run_by_the_agent("echo here"), "here\n")
    expect(f.status().proofs["execute"].verdict, 1)
    for remade in (False, True):
        if remade:
            make_base(f.base)
        else:
            shutil.rmtree(f.base)
        said = f.run_by_the_agent("echo here")
        expect_true("(rootfs)" in said and "base is gone" in said and "./clawos stop" in said, said)
        for profile, proof in f.status().proofs.items():
            expect((proof.verdict, proof.first_failed), (2, "the base is gone"), profile)
        if not remade:
            expect_true(re.search(r"MISSING +daemons +the base .* is gone", f.doctor()), f.doctor())
    expect(f.system.claw("stop").returncode, 0)
    f.system.start()
    expect(f.run_by_the_agent("echo again"), "again\n")
    expect_true(re.search(r'in force +cage "execute" +self-test', f.doctor()), f.doctor())


@test
def the_next_claw_starts_the_system_in_a_base_that_was_made_anew(f):
    expect(f.run_by_the_agent("echo here"), "here\n")
    before = f.system.up_pid()
    expect(f.system.claw("-m", "/run echo the same").stdout, b"the same\n")
    expect(f.system.up_pid(), before, "an unchanged base starts nothing anew")
    shutil.rmtree(f.base)
    done = f.system.claw("-m", "/run echo anew")
    expect_true(done.returncode == 1 and b"the base" in done.stderr and b"is gone" in done.stderr, done.stderr)
    expect(f.system.claw("logs").returncode, 0, "what needs no base works without one")
    make_base(f.base)
    done = f.system.claw("-m", "/run echo anew")
    expect((done.returncode, done.stdout), (0, b"anew\n"), done.stderr)
    expect_true(f.system.up_pid() != before, "it is another system")


@test
def a_base_that_was_changed_is_tried_again_before_the_next_cage(f):
    f.run_by_the_agent("true")
    expect(f.status().proofs["execute"].verdict, 1)
    with open(f.base + "/usr/bin/added", "w", encoding="ascii") as file:
        file.write("#!/bin/bash\necho added\n")
    os.chmod(file.name, 0o755)
    expect(f.status().proofs["execute"].verdict, 0, "what was proven of another base")
    expect(f.run_by_the_agent("added"), "added\n")
    expect(f.status().proofs["execute"].verdict, 1)


@test
def a_system_without_its_base_can_be_stopped(f):
    supervisor = f.system.up_pid()
    shutil.rmtree(f.base)
    done = f.system.claw("stop")
    expect(done.returncode, 0, done.stderr)
    await_end(supervisor)


run(Fixture)
