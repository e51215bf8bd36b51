#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Providers as data: each line of spec/tables/providers speaks, with its own header; a new line is enough for a new one.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root.
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path[:0] = [os.path.join(HERE, "..", "harness"), os.path.join(ROOT, "tools")]
import providers  # noqa: E402
from broker import Broker, KEY  # noqa: E402
from provider import Provider, text  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402

TABLE = os.path.join(ROOT, "spec", "tables", "providers")


def make(tool, *arguments):
    done = subprocess.run([os.path.join(ROOT, "tools", tool), *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip()


@test
def each_line_speaks_to_its_server_and_shows_its_key_in_its_header_only():
    for row in providers.read(TABLE)[1:]:
        with Provider([text("hi")]) as provider, Broker(provider.url, backend=row["name"]) as broker:
            broker.complete().unwrap()
            headers = provider.requests[0].headers
            wanted = {"x-api-key": KEY} if row["header"] == "x-api-key" else {"authorization": "Bearer " + KEY}
            expect({name: value for name, value in headers.items() if KEY in value}, wanted, row["name"])
            expect(broker.status()["provider"]["name"], row["name"])


@test
def a_provider_with_a_base_url_needs_nothing_else():
    for row in providers.read(TABLE)[1:]:
        if row["base_url"] == "-":
            continue
        with Broker(backend=row["name"]) as broker:
            provider = broker.status()["provider"]
            host = row["base_url"].split("/")[2].split(":")[0]
            expect((provider["host"], provider["model"]), (host, row["model"].replace("-", "", 1) if row["model"] == "-" else row["model"]))


@test
def a_new_line_is_a_new_provider_with_its_names_of_the_environment():
    with tempfile.TemporaryDirectory() as folder:
        table, code, names = (os.path.join(folder, name) for name in ("providers", "table.c", "environment.inc"))
        with open(TABLE, encoding="utf-8") as file, open(table, "w", encoding="utf-8") as copy:
            copy.write(file.read() + "acme openai https://api.acme.example/v1 ACME_API_KEY bearer rocket-1 8192 0.5 1.25 no-stream-options\n")
        expect(make("providers-c", table, code), (0, ""))
        expect(make("environment-c", os.path.join(ROOT, "spec", "tables", "environment"), table, names), (0, ""))
        with open(code, encoding="utf-8") as file:
            made = file.read()
        for part in ('.name = "acme"', '"https://api.acme.example/v1"', '"rocket-1"', ".window = 8192", ".price_in = 500000",
                     ".price_out = 1250000", "PROVIDER_NO_STREAM_OPTIONS"):
            expect_true(part in made, part)
        with open(names, encoding="utf-8") as file:
            made = file.read()
        for name, target in (("ACME_API_KEY", '"KEY", ""'), ("ACME_BASE_URL", '"provider", "base_url"'), ("ACME_MODEL", '"provider", "model"')):
            expect_true(f'{{ "{name}", {target}, "acme" }}' in made, name)


@test
def a_line_that_is_wrong_is_refused_with_its_number():
    right = "acme openai https://h/v1 ACME_API_KEY bearer m 1 1 1 -"
    for wrong, reason in (("acme openai https://h/v1", "3 columns"), (right.replace("https", "ftp"), "no URL"),
                          (right.replace("openai ", "morse "), "protocol is one of"), (right.replace("ACME_API_KEY", "OPENAI_API_KEY"), "given twice"),
                          (right.replace("acme", "groq"), "given twice"), (right[:-1] + "fast", "unknown quirk fast"),
                          (right.replace("/v1", "/v1/"), "ends in /"), (right.replace(" 1 1 1", " 1 1 x"), "dollars")):
        with tempfile.TemporaryDirectory() as folder:
            table = os.path.join(folder, "providers")
            with open(TABLE, encoding="utf-8") as file, open(table, "w", encoding="utf-8") as copy:
                lines = file.read().splitlines() + [wrong]
                copy.write("\n".join(lines) + "\n")
            status, said = make("providers-c", table, os.path.join(folder, "out"))
            expect((status, f":{len(lines)}: " in said, reason in said), (1, True, True), f"{wrong}: {said}")


if __name__ == "__main__":
    run()
