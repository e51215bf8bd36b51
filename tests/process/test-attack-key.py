#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The provider's key does not come back: not to claw-agentd, the journal, the trace or the terminal, in no form a server quotes it in.

Environment: CLAWOS_BIN; for the whole system also CLAWOS_BASE, CLAWOS_SHARE. Needs root.
"""
import base64
import json
import os
import sys
import threading
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from broker import KEY, origin, served  # noqa: E402
from provider import Answer, Message, Provider, calls, error, event, stream, text  # noqa: E402
from system import System  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402

STARS = "*" * len(KEY)


def forms(key):
    """What the key looks like in the hands of servers, by name."""
    hexadecimal = key.encode().hex()
    made = {"plain": key, "hex": hexadecimal, "HEX": hexadecimal.upper(), "percent": "".join(f"%{ord(c):02X}" for c in key),
            "some percent": urllib.parse.quote(key).replace("-", "%2D"), "json": "".join(f"\\u{ord(c):04x}" for c in key),
            "JSON": "".join(f"\\u{ord(c):04X}" for c in key), "json in json": "".join(f"\\\\u{ord(c):04x}" for c in key),
            "json, one of them": key.replace("t", "\\u0074", 1)}
    for at in range(3):
        coded = base64.b64encode(b"::"[:at] + key.encode() + b"..").decode()
        made[f"base64 at {at}"] = coded
        made[f"base64url at {at}"] = coded.replace("+", "-").replace("/", "_")
    return made


def secrets(key):
    """What of each form must not be seen anywhere."""
    inner = {f"base64 at {at}": base64.b64encode(b"::"[:at] + key.encode()).decode()[(0, 2, 3)[at]:-4] for at in range(3)}
    return [form for name, form in forms(key).items() if not name.startswith("base64")] + list(inner.values())


def expect_none(content, note):
    content = content if isinstance(content, bytes) else content.encode()
    for secret in secrets(KEY):
        expect_true(secret.encode() not in content, f"{note}: {secret}")


@test
def every_form_becomes_stars_of_its_length_in_pieces_of_any_size():
    with served([]) as (daemon, provider):
        for name, form in forms(KEY).items():
            for piece in (None, 1, 5):
                body = f'{{"error":{{"message":"it was {form} it was"}}}}'.encode()
                provider.script.append(Answer(body, 400, piece=piece))
                outcome = daemon.complete().unwrap()
                expect((len(outcome.body), outcome.done["bytesIn"]), (len(body), len(body)), name)
                expect_none(outcome.body, name)
                expect_true(STARS.encode() in outcome.body and outcome.body.endswith(b' it was"}}'), f"{name}: {outcome.body}")


@test
def a_site_that_a_tool_reads_does_not_give_it_back():
    with Provider([]) as site, served([], egress=f"allow = {origin(site)}") as (daemon, _):
        for name, form in forms(KEY).items():
            site.script.append(Answer(f"<p>{form}</p>".encode(), headers=[("Location", f"/?key={form}")], status=302))
            outcome = daemon.fetch(origin(site) + "/").unwrap()
            expect_none(outcome.body + json.dumps(outcome.done).encode(), name)
            expect_true(STARS.encode() in outcome.body, name)


@test
def a_key_in_pieces_over_events_is_found():
    with served([]) as (daemon, provider):
        for member in ("content", "reasoning_content"):
            pieces = [event({"choices": [{"index": 0, "delta": {member: c}}]}) for c in f"so {KEY}!"]
            provider.script.append(stream(*pieces, b"data: [DONE]\n\n"))
            body = daemon.complete().unwrap().body
            said = "".join(json.loads(line[6:])["choices"][0]["delta"][member] for line in body.splitlines() if line.startswith(b"data: {"))
            expect(said, f"so {KEY[:3]}{'*' * (len(KEY) - 3)}!")


@test
def nothing_that_cannot_be_the_key_is_kept_back():
    """Each event is read before the next one is sent, but one that ends as the key begins."""
    gates = [threading.Event() for _ in range(4)]
    words = ["this is sk", "-", "test", " no key"]

    def pieces():
        for word, gate in zip(words, gates):
            yield event({"choices": [{"index": 0, "delta": {"content": word}}]})
            gate.wait(20)
        yield b"data: [DONE]\n\n"

    class Live(Answer):
        def __init__(self):
            super().__init__([b""], content_type="text/event-stream", delay=0.000001)
            self.pieces = pieces()

    with served([Live()]) as (daemon, _), daemon.link() as link:
        reading = daemon.begin(link)
        for word, whole, gate in zip(words, (True, True, False, True), gates):
            come = os.read(reading, 65536)
            if not whole:
                expect_true(come.endswith(b'"content": "'), f"{word}: {come}")
            else:
                expect_true(come.endswith(b"}\n\n"), f"{word}: {come}")
            gate.set()
        os.close(reading)


class Whole:
    """The system with a provider and a site that both know the key, and everything it has written."""

    def __init__(self):
        self.site = Provider([], Answer("".join(f"<p>{form}</p>" for form in forms(KEY).values()).encode(), content_type="text/html"))
        self.provider = Provider(lambda _: self.script.pop(0) if self.script else text("done"))
        self.script = []

    def __enter__(self):
        self.site.__enter__()
        self.provider.__enter__()
        self.system = System(self.provider, config=f"[egress]\nallow = {origin(self.site)}\n", env={"LLM_API_KEY": KEY})
        self.system.start()
        return self

    def __exit__(self, *_):
        self.system.__exit__()
        self.provider.close()
        self.site.close()

    def files(self):
        for folder, _, names in os.walk(self.system.state):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        yield path, file.read()


@test
def journal_trace_prompt_and_terminal_never_see_it():
    quoted = " ".join(forms(KEY).values())
    with Whole() as w:
        split = stream(*[event({"choices": [{"index": 0, "delta": {"content": KEY[i:i + 5]}}]}) for i in range(0, len(KEY), 5)],
                       event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}), b"data: [DONE]\n\n")
        escaped = "".join(f"\\u{ord(c):04x}" for c in KEY)
        turns = ([error(401, quoted)], [text(quoted)], [text(KEY, words=False)], [split],
                 [calls(("echo", {"message": KEY})), text("done")],
                 [calls(("echo", '{"message":"' + escaped + '"}'), words=False), text("done")],
                 [calls(("http", {"url": origin(w.site) + "/"})), text("done")],
                 [Message(None, [("echo", {"message": "x"})], reasoning=f"the key is {KEY}"), text("done")])
        shown = b""
        for script in turns:
            w.script = list(script)
            for arguments in (("-m", "go"), ("trace", "--prompt")):
                done = w.system.claw(*arguments)
                shown += done.stdout + done.stderr
        expect(len(w.site.requests), 1)
        expect_true(b"****" in shown, shown[-2000:])
        expect_none(shown, "the terminal")
        expect_none(json.dumps(list(w.system.events())), "events")
        for request in w.provider.requests:
            expect_none(request.body, "a later prompt")
        for path, content in w.files():
            expect_none(content, path)


@test
def a_wrong_key_is_said_without_showing_it():
    with Whole() as w:
        w.script = [error(401, f"Incorrect API key provided: {KEY}. You can find your API key at https://example.org/keys.")]
        done = w.system.claw("-m", "go")
        expect_true(done.returncode == 1 and b"401" in done.stderr and b"Incorrect API key provided: ***" in done.stderr, done.stderr)


if __name__ == "__main__":
    run()
