#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The driver's cache: what is kept, what goes, and that nothing goes while it is in use.

Environment: CLAWOS_BIN, CLAWOS_BASE, CLAWOS_SHARE, CLAWOS_CACHE (of the clone that is tested, with its bases).
"""
import fcntl
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
from clone import Clone  # noqa: E402
from tap import expect_true as expect  # noqa: E402
from tap import run, test  # noqa: E402

LONG_S = 32 * 24 * 3600


class Held:
    """A shared lock on a folder, as a supervisor has it on its base."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY)
        fcntl.flock(self.fd, fcntl.LOCK_SH)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)


def put(clone, *names, age_s=LONG_S):
    for name in names:
        os.makedirs(f"{clone.cache}/{name}/root")
        os.utime(f"{clone.cache}/{name}", (time.time() - age_s,) * 2)


def there(clone, *names):
    return [name for name in names if os.path.exists(f"{clone.cache}/{name}")]


def own_bases(clone):
    """Bases of the clone's own instead of links to those that the running test holds."""
    for name in ("build", "run"):
        path = clone.pieces(f"base_path {name.replace('build', 'test')}").stdout.strip()
        os.unlink(path)
        os.makedirs(path + "/root")
    return path


@test
def the_cache_and_the_state_are_where_the_person_keeps_such_things(clone):
    home = clone.folder + "/home"
    for variables, cache in (({"XDG_CACHE_HOME": "/x/cache"}, "/x/cache/clawos"), ({}, f"{home}/.cache/clawos"), ({"XDG_CACHE_HOME": ""}, f"{home}/.cache/clawos"),
                             ({"XDG_CACHE_HOME": "/x/cache", "CLAWOS_CACHE": "/own"}, "/own")):
        done = clone.pieces('printf %s "$cache"', **{"CLAWOS_CACHE": "", "XDG_CACHE_HOME": "", "HOME": home, **variables})
        expect(done.stdout == cache, f"{variables}: {done.stdout} {done.stderr}")
    for user, variables, state in ((0, {"XDG_DATA_HOME": "/x/data"}, "/var/lib/clawos"), (1000, {"XDG_DATA_HOME": "/x/data"}, "/x/data/clawos"),
                                   (1000, {}, f"{home}/.local/share/clawos"), (1000, {"XDG_DATA_HOME": "relative"}, f"{home}/.local/share/clawos"),
                                   (1000, {"CLAWOS_STATE": "/own"}, "/own"), (0, {"CLAWOS_STATE": "/own"}, "/own")):
        done = clone.pieces(f"id() {{ echo {user}; }}; state_dir", **{"CLAWOS_STATE": "", "XDG_DATA_HOME": "", "HOME": home, **variables})
        expect(done.stdout.strip() == state, f"{user} {variables}: {done.stdout} {done.stderr}")
    expect(not os.path.exists(home), "asking makes nothing")


@test
def what_no_call_used_for_long_goes_and_nothing_else(clone):
    put(clone, "base-old-1", "part-old-1", "npm-1", "mine-1", "model-1")
    put(clone, "base-new-1", "part-new-1", age_s=24 * 3600)
    done = clone.pieces("require_host; do_step prune")
    expect(done.returncode == 0, done.stderr)
    expect(there(clone, "base-old-1", "part-old-1", "npm-1") == [], "something old is still there")
    expect(len(there(clone, "base-new-1", "part-new-1", "mine-1", "model-1")) == 4, "something else went")
    expect("base-old-1" in done.stderr and "30 days" in done.stderr, done.stderr)
    expect(not os.path.exists(clone.cache + "/tmp/gone"), "it was moved, not removed")


@test
def a_base_in_use_stays_however_old(clone):
    put(clone, "base-run-1")
    with Held(clone.cache + "/base-run-1/root"):
        clone.pieces("require_host; do_step prune")
        expect(there(clone, "base-run-1"), "the base of a running system was removed")
    clone.pieces("require_host; do_step prune")
    expect(not there(clone, "base-run-1"), "it is still there")


@test
def what_a_call_uses_counts_as_used(clone):
    base = own_bases(clone)
    os.utime(base, (1, 1))
    clone.pieces("require_host; do_step make_base run; do_step prune")
    expect(os.path.isdir(base), "a base was removed by the call that used it")


@test
def two_calls_that_prune_at_once_both_go_on(clone):
    put(clone, *(f"base-old-{number}" for number in range(20)))
    both = [clone.start(clone.command("require_host; do_step prune")) for _ in range(2)]
    for process in both:
        _, err = process.communicate()
        expect(process.returncode == 0, err)
    clone.pieces("require_host; do_step prune")
    expect(not there(clone, *(f"base-old-{number}" for number in range(20))), "old bases are left")


@test
def what_a_killed_call_left_goes_and_what_is_in_work_stays(clone):
    clone.pieces("require_host")
    put(clone, "tmp/base-run.aB3dEf", "tmp/part-demo.aB3dEf", age_s=0)
    with open(clone.cache + "/lock/part-demo", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        clone.pieces("require_host; do_step prune")
    expect(os.listdir(clone.cache + "/tmp") == ["part-demo.aB3dEf"], os.listdir(clone.cache + "/tmp"))


@test
def a_command_in_a_base_holds_it(clone):
    inside = 'in_base "$(build_base)" none flock -n -x'
    done = clone.pieces(f'require_host; {inside} "$clone" true || echo held; is_held "$clone" || echo free; '
                        f'{inside} "$cache" true && echo other')
    expect(done.stdout == "held\nfree\nother\n", done.stdout + done.stderr)


@test
def clean_removes_what_is_the_drivers_and_nothing_else(clone):
    own_bases(clone)
    for folder in (clone.path + "/build", clone.cache + "/model", clone.cache + "/mine"):
        os.makedirs(folder, exist_ok=True)
    expect(clone.run(["./clawos", "clean"]).returncode == 0 and not os.path.exists(clone.path + "/build"), "build is still there")
    expect(os.path.exists(clone.cache + "/model"), "clean without --cache touched the cache")
    done = clone.run(["./clawos", "clean", "--cache"])
    expect(done.returncode == 0, done.stderr)
    expect(os.listdir(clone.cache) == ["mine"], f"left in the cache: {os.listdir(clone.cache)}")


@test
def clean_removes_nothing_that_somebody_runs_from_and_names_who(clone):
    base = own_bases(clone)
    programs = clone.path + "/build/bin"
    os.makedirs(programs)
    for held, arguments in ((programs, []), (programs, ["--cache"]), (base + "/root", ["--cache"]), (clone.path, [])):
        with Held(held):
            done = clone.run(["./clawos", "clean", *arguments])
        expect(done.returncode == 1 and f"{os.getpid()} " in done.stderr, f"{held} {arguments}: {done.stderr}")
        expect(os.path.isdir(programs) and os.path.isdir(base), f"{held} {arguments}: something was removed")


@test
def clean_does_not_disturb_a_call_at_work(clone):
    own_bases(clone)
    clone.pieces("require_host")
    with open(clone.cache + "/lock/base-run", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = clone.run(["./clawos", "clean", "--cache"])
    expect(done.returncode == 1 and "base-run" in done.stderr, done.stderr)
    expect(there(clone, "lock", "tmp"), "something was removed")


@test
def clean_stops_the_system_of_this_state_and_leaves_another(clone):
    own_bases(clone)
    programs = clone.path + "/build/bin"
    shutil.copytree(os.environ["CLAWOS_BIN"], programs)
    system = {"CLAWOS_BIN": programs, "CLAWOS_BASE": os.environ["CLAWOS_BASE"], "CLAWOS_SHARE": os.environ["CLAWOS_SHARE"],
              "LLM_BASE_URL": "http://127.0.0.1:9/v1", "LLM_MODEL": "none"}
    other = clone.folder + "/other"
    for state in (clone.path + "-state", other):
        done = clone.run([programs + "/claw", "threads"], **{**system, "CLAWOS_STATE": state})
        expect(done.returncode == 0, done.stderr)
    done = clone.run(["./clawos", "clean"])
    expect(done.returncode == 1 and f"--state {other}" in done.stderr and os.path.isdir(programs), done.stderr)
    clone.run([programs + "/claw", "stop"], **{**system, "CLAWOS_STATE": other})
    done = clone.run(["./clawos", "clean"])
    expect(done.returncode == 0 and "was stopped" in done.stderr and not os.path.exists(programs), done.stderr)
    expect(clone.leftovers() == [], "daemons are left")


@test
def a_system_does_not_start_on_a_base_that_is_being_removed(clone):
    base = own_bases(clone) + "/root"
    os.mkdir(base + "/usr")
    fd = os.open(base, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    done = clone.run([os.environ["CLAWOS_BIN"] + "/claw", "threads"], CLAWOS_BIN=os.environ["CLAWOS_BIN"], CLAWOS_BASE=base,
                     CLAWOS_SHARE=os.environ["CLAWOS_SHARE"], LLM_BASE_URL="http://127.0.0.1:9/v1", LLM_MODEL="none")
    os.close(fd)
    expect(done.returncode == 1 and "is being removed" in done.stderr, done.stdout + done.stderr)


@test
def too_little_room_is_said_before_anything_is_fetched(clone):
    for name in ("sqlite", "llama", "node"):
        clone.row(f"{name} npm {name} 1.0 {name}.tgz 1000000 {'2' * 64} all")
        clone.write(f"tools/parts/{name}.sh", "#!/bin/sh\n")
    clone.row(f"0.5b gguf small 1.0 - 491400064 {'3' * 64} all")
    clone.row(f"0.5b.01 pypi small 1.0 small.whl 450000000 {'4' * 64} all")
    shutil.rmtree(clone.cache)
    os.mkdir(clone.cache)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755,size=40m", "small", clone.cache], check=True)
    try:
        done = clone.run(["./clawos", "run"], CLAWOS_MODEL="0.5b")
        needed = [int(word) for word in done.stderr.split() if word.isdigit()]
        expect(done.returncode == 1 and "CLAWOS_CACHE" in done.stderr, done.stderr)
        expect(needed and 2000 < needed[0] < 3000 and needed[1] <= 40, done.stderr)
        expect(os.listdir(clone.cache + "/tmp") == [], "something was begun")
        for words, more in ((["run"], {"LLM_BASE_URL": "http://127.0.0.1:9/v1"}), (["run", "help"], {"CLAWOS_MODEL": "0.5b"})):
            done = clone.run(["./clawos", *words], **more)  # no weights
            expect(int(next(word for word in done.stderr.split() if word.isdigit())) < 1700, done.stderr)
    finally:
        subprocess.run(["umount", clone.cache], check=True)


@test
def a_disk_that_fills_up_is_said_and_how_much_is_free(clone):
    done = clone.pieces("require_host; do_step logged $cache/log/x sh -c 'echo write: No space left on device; exit 1'")
    expect(done.returncode == 1 and "the disk is full: " in done.stderr and " MB are free" in done.stderr, done.stderr)


run(Clone)
