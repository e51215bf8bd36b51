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
from provider import Message, Provider, calls, error, text  # noqa: E402
from stack import Stack  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402

TABLE = os.path.join(ROOT, "spec", "tables", "providers")


def make(tool, *arguments):
    done = subprocess.run([os.path.join(ROOT, "tools", tool), *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip()


@test
def each_line_speaks_to_its_server_and_shows_its_key_in_its_header_only():
    for row in providers.read(TABLE)[1:]:
        with Provider([text("hi")]) as provider, Broker(provider.url, backend=row["name"], provider="model = m") as broker:
            broker.complete(path="/messages" if row["protocol"] == "anthropic" else "/chat/completions").unwrap()
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


# --- Anthropic's messages

def roles(request):
    return [(m["role"], [block["type"] for block in m["content"]]) for m in request.json["messages"]]


@test
def a_turn_with_calls_and_thinking_goes_through_anthropics_messages():
    script = [calls(("echo", {"message": "hi"}), ("time", {"operation": "now"}), content="Let me see.", reasoning="I should echo."), text("It said hi.")]
    for stream in ("yes", "no"):
        with Provider(list(script)) as provider, Stack(provider, backend="anthropic", provider_keys=f"stream = {stream}") as s:
            turn = s.ask("say hi")
            expect((turn.state, turn.answer), ("done", "It said hi."))
            expect([(d["tool"], d["ok"]) for d in turn.of("tool-done")], [("echo", True), ("time", True)])
            first, second = provider.requests
            expect((first.path, first.headers["anthropic-version"], "authorization" in first.headers), ("/v1/messages", "2023-06-01", False))
            expect(first.json["stream"], stream == "yes")
            expect(roles(second), [("user", ["text"]), ("assistant", ["thinking", "text", "tool_use", "tool_use"]),
                                   ("user", ["tool_result", "tool_result"])])
            expect(second.json["messages"][1]["content"][0], {"type": "thinking", "thinking": "I should echo.", "signature": "sig-1"})
            expect([b["tool_use_id"] for b in second.json["messages"][2]["content"]], ["toolu_1_0", "toolu_1_1"])
            expect((turn.of("model-done")[0]["promptTokens"], turn.of("model-done")[0]["answerTokens"]), (10, 5))
            expect_true(second.body.startswith(first.body.rsplit(b',"cache_control"', 1)[0]), "the first prompt is the front of the second")


@test
def after_a_restart_thinking_goes_back_from_the_journal_byte_by_byte():
    script = [calls(("echo", {"message": "hi"}), reasoning="hm"), text("one"), text("two")]
    with Provider(script) as provider, Stack(provider, backend="anthropic") as s:
        s.ask("first")
        s.agentd.kill()
        s.agentd.start()
        s.ask("second")
        before, after = provider.requests[1:]
        expect(after.json["messages"][1], before.json["messages"][1])
        expect(after.json["messages"][1]["content"][0]["signature"], "sig-1")
        expect_true(after.body.startswith(before.body.rsplit(b',"cache_control"', 1)[0]), "the same bytes from the journal")


@test
def the_last_call_of_a_turn_offers_no_tools_and_the_cache_keeps_its_front():
    with Provider([calls(("echo", {"message": "1"})), text("done")]) as provider, \
            Stack(provider, backend="anthropic", agent="max_iterations = 2") as s:
        expect(s.ask("go").answer, "done")
        first, last = (r.json for r in provider.requests)
        expect((first.get("tool_choice"), last["tool_choice"]), (None, {"type": "none"}))
        expect(first["tools"], last["tools"])
        expect(roles(provider.requests[1])[-1], ("user", ["tool_result", "text"]))
        expect([b for m in last["messages"] for b in m["content"] if "cache_control" in b], [last["messages"][-1]["content"][-1]])
        expect(last["system"][-1]["cache_control"], {"type": "ephemeral"})


@test
def errors_and_limits_of_anthropic_are_told_in_words():
    def turn(answer):
        with Provider([answer], otherwise=error(500, "no more")) as provider, Stack(provider, backend="anthropic", provider_keys="retries = 0") as s:
            return s.ask("go")

    failed = turn(error(401, "invalid x-api-key"))
    expect((failed.state, "the key was not accepted: invalid x-api-key" in failed.reason), ("failed", True), failed.reason)
    cut = turn(Message("Half an answ", finish="length"))
    expect((cut.answer, cut.reason), ("Half an answ", "the answer was cut at the model's length limit"))
    refused = turn(Message("I won't.", finish="content_filter"))
    expect((refused.answer, refused.reason), ("I won't.", "the provider's filter stopped the answer"))


if __name__ == "__main__":
    run()
