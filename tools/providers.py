# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Reads spec/tables/providers for the programs that make C from it."""
import re

COLUMNS = ("name", "protocol", "base_url", "key", "header", "model", "window", "price_in", "price_out", "quirks")
PROTOCOLS = ("local", "openai", "anthropic")
HEADERS = ("-", "bearer", "x-api-key")
QUIRKS = ("no-stream-options", "reasoning-back")


def check(row, where):
    def demand(good, what):
        if not good:
            raise SystemExit(f"{where}: {what}")

    demand(re.fullmatch(r"[a-z][a-z0-9_]*", row["name"]), "the name is not lower case letters, digits and _")
    demand(row["protocol"] in PROTOCOLS, f"protocol is one of {', '.join(PROTOCOLS)}")
    demand(row["header"] in HEADERS, f"header is one of {', '.join(HEADERS)}")
    demand(row["base_url"] == "-" or re.fullmatch(r"https?://[^/?#]+(/[^?#]*[^/?#])?", row["base_url"]), "the base URL is no URL, or ends in /")
    demand(row["key"] == "-" or re.fullmatch(r"[A-Z][A-Z0-9]*_API_KEY", row["key"]), "the key's variable does not end in _API_KEY")
    demand(row["window"] == "-" or row["window"].isdigit(), "the window is no number")
    for column in ("price_in", "price_out"):
        demand(row[column] == "-" or re.fullmatch(r"\d+(\.\d{1,6})?", row[column]), "a price is no number of dollars")
    for quirk in row["quirks"].split(","):
        demand(quirk == "-" or quirk in QUIRKS, f"unknown quirk {quirk}")


def read(path):
    """The rows, as dictionaries of words."""
    rows, names, keys = [], set(), set()
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            where = f"{path}:{number}"
            if len(words) != len(COLUMNS):
                raise SystemExit(f"{where}: {len(words)} columns, expected {len(COLUMNS)}")
            row = dict(zip(COLUMNS, words))
            check(row, where)
            if row["name"] in names or row["key"] in keys:
                raise SystemExit(f"{where}: {row['name']} or its key's variable is given twice")
            names.add(row["name"])
            if row["key"] != "-":
                keys.add(row["key"])
            rows.append(row)
    if not rows or rows[0]["name"] != "local" or [r["protocol"] for r in rows].count("local") != 1:
        raise SystemExit(f"{path}: the first row, and no other, is local")
    return rows


def prefix(row):
    """What its variables begin with."""
    return row["key"].removesuffix("_API_KEY") if row["key"] != "-" else row["name"].upper()
