# SPDX-License-Identifier: Apache-2.0 OR MIT
"""How often a local model chooses the right tool with the right arguments, and answers rightly from a result.

The cases are tests/data/model-requests.cases. What the model chose is shown for the tuned ones only: of the held ones
nothing but the number is ever looked at.
"""
import json
import os
import re
import shutil
import tempfile

from llm import Model

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CASES = os.path.join(ROOT, "tests/data/model-requests.cases")


def cases():
    """Rows of set, prompt, tool, pattern and, for sets "after-…", call and result."""
    with open(CASES, encoding="utf-8") as file:
        for line in file:
            if not line.startswith("#") and line.strip():
                yield line.rstrip("\n").split("\t")


def turns(columns):
    lines = ["user\t" + columns[1]]
    if len(columns) > 4:
        name, _, arguments = columns[4].partition(" ")
        lines += [f"call\t{name}\t{arguments}", f"result\t{name}\t{columns[5]}"]
    return lines


def choice(reply):
    """Tool and arguments of a reply; one that was cut is no choice."""
    try:
        value = json.loads(reply)
        return value["tool"], json.dumps(value["arguments"], ensure_ascii=False)
    except ValueError:
        return "(cut)", reply


def is_right(columns, tool, arguments):
    return bool(re.fullmatch(columns[2], tool) and re.search(columns[3], arguments, re.I | re.S))


def measure(programs, build, weights):
    """{set: (right, of)} and, of each reply, its times in ms; wrong choices of the tuned sets are printed."""
    state = tempfile.mkdtemp()
    scores, times = {}, []
    try:
        with Model(programs, weights, state, build=build) as model:
            model.prepare()
            for columns in cases():
                reply, done = model.ask(turns(columns))
                tool, arguments = choice(reply)
                right = is_right(columns, tool, arguments)
                good, n = scores.get(columns[0], (0, 0))
                scores[columns[0]] = (good + right, n + 1)
                times.append((done["firstTokenUsec"] - done["loadUsec"]) / 1e3)
                if not right and "tuned" in columns[0]:
                    print(f"  wrong: {columns[1]} -> {tool} {arguments[:120]}", flush=True)
    finally:
        shutil.rmtree(state)
    return scores, times
