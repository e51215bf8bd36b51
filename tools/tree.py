# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The files of this clone that are its own, for the checks: relative paths, sorted; no build output, no git."""
import os

AWAY = {".git", "build", "__pycache__"}


def files(*suffixes, under="."):
    found = []
    for folder, folders, names in os.walk(under):
        folders[:] = [f for f in folders if f not in AWAY]
        found += [os.path.relpath(os.path.join(folder, n)) for n in names if n not in AWAY]
    return sorted(f for f in found if not suffixes or f.endswith(suffixes))


def text(path):
    """The text of a file, or None when it is not text."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except UnicodeDecodeError:
        return None


def scripts():
    """(path, first line) of every program with a "#!" line, and the sourced shell files."""
    for path in files():
        body = text(path) or ""
        first = body.partition("\n")[0]
        if first.startswith("#!") or path.endswith((".sh", ".py")):
            yield path, first
