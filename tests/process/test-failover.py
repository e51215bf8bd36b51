#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Another provider answers when the first does not: once, visibly, never with the other's key, never after a byte was shown.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root (daemons have uids of their own).
"""
import contextlib
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
from broker import KEY, Broker, memfd, refused  # noqa: E402
from provider import Answer, Provider, calls, error, text  # noqa: E402
from stack import Stack  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402

QUICK = "retries = 0\nconnect_timeout = 1\nfirst_byte_timeout = 2\n"
LLAMA_PORT = 8080  # of its line in spec/tables/providers


@contextlib.contextmanager
def chain(first, second, keys="", egress="", **options):
    """A stack whose first provider says first, and second for it second."""
    with Provider(*first) as one, Provider(*second) as two:
        with Stack(one, provider_keys=f"{QUICK}fallback = vllm second {two.url}\n{keys}", egress=egress, **options) as made:
            yield made, one, two


def models(turn):
    return [(data.get("provider"), data["model"], data["attempt"], data.get("instead")) for data in turn.of("model-started")]


@test
def the_next_one_answers_and_the_trace_says_why():
    with chain(([], error(503, "overloaded")), ([], text("from the second"))) as (made, one, two):
        turn = made.ask("hello")
        expect((turn.state, turn.answer), ("done", "from the second"))
        first, second = models(turn)
        expect(first, ("openai_compatible", "fake", 1, None))
        expect(second[:3], ("vllm", "second", 1))
        expect_true(second[3].startswith("openai_compatible: ") and "503" in second[3] and "overloaded" in second[3], second)
        expect((len(one.requests), len(two.requests), two.requests[0].json["model"]), (1, 1, "second"))
        expect(len(turn.of("model-done")), 1)
        trace = made.call("Trace", turn=turn.id, prompt=True)["trace"]["modelCalls"]
        expect([(call["provider"], "instead" in call, "promptMissing" in call) for call in trace],
               [("openai_compatible", False, False), ("vllm", True, False)])


@test
def each_way_not_to_answer_leads_on_and_a_wrong_request_does_not():
    ways = [error(401), error(429), error(500), Answer(b"<html>gone</html>", content_type="text/html"), Answer(b"", content_type="text/event-stream"),
            Answer(b"x", cut_after=0), text("late", first_delay=30)]
    for way in ways:
        with chain(([], way), ([], text("second"))) as (made, _, two):
            turn = made.ask("hello")
            expect((turn.state, turn.answer, len(two.requests)), ("done", "second", 1), str(way.__dict__)[:200])
    with chain(([], error(400, "bad field")), ([], text("second"))) as (made, _, two):
        turn = made.ask("hello")
        expect((turn.state, len(two.requests)), ("failed", 0))


@test
def nothing_is_asked_again_once_a_byte_was_shown():
    with chain(([], text("one two three four", cut_after=400)), ([], text("second"))) as (made, one, two):
        turn = made.ask("hello")
        expect_true(turn.text.startswith("one"), turn.text)
        expect((turn.state, len(one.requests), len(two.requests)), ("failed", 1, 0))
        expect(len(turn.of("model-done")), 1)


@test
def the_turn_stays_with_who_answered_and_the_next_turn_begins_with_the_first():
    first = ([error(503), text("first again")],)
    with chain(first, ([calls(("echo", {"message": "x"})), text("done")],)) as (made, one, two):
        turn = made.ask("hello")
        expect((turn.answer, len(one.requests), len(two.requests)), ("done", 1, 2))
        expect(len(turn.of("tool-done")), 1)
        expect([data.get("provider") for data in turn.of("model-started")], ["openai_compatible", "vllm", "vllm"])
        again = made.ask("and now?")
        expect((again.answer, len(one.requests)), ("first again", 2))
        said = [message["content"] for message in one.requests[1].json["messages"] if message["role"] == "assistant"]
        expect(said[-1], "done")


@test
def another_form_stands_in_too():
    with Provider([], error(529)) as one, Provider([], text("from chat completions")) as two:
        keys = f"{QUICK}fallback = vllm second {two.url}\n"
        with Stack(one, provider_keys=keys, backend="anthropic") as made:
            turn = made.ask("hello")
            expect((turn.answer, [data["format"] for data in turn.of("model-started")]), ("from chat completions", ["anthropic", "openai"]))
            expect((one.requests[0].path, two.requests[0].path), ("/v1/messages", "/v1/chat/completions"))


@test
def when_nobody_answers_the_last_reason_is_the_turns_and_all_are_in_the_trace():
    with chain(([], error(500, "first broke")), ([], error(502, "second broke"))) as (made, _, two):
        turn = made.ask("hello")
        expect(turn.state, "failed")
        expect_true("second broke" in turn.reason, turn.reason)
        expect_true("first broke" in models(turn)[1][3], models(turn))
        expect(len(two.requests), 1)


@test
def a_kill_between_two_providers_loses_and_doubles_nothing():
    with chain(([], error(503)), ([], text("second", first_delay=1))) as (made, one, two):
        turn = made.submit("hello")
        while not two.requests:
            time.sleep(0.02)
        made.agentd.kill()
        made.agentd.start()
        made.follow(turn)
        expect((turn.state, turn.answer), ("done", "second"))
        expect((len(turn.of("model-done")), len(turn.of("answer"))), (1, 1))


@test
def each_key_reaches_its_own_server_only():
    with Provider([], text("x")) as own, Provider([], text("y"), port=LLAMA_PORT) as llama, Provider([], text("z")) as elsewhere:
        broker = Broker(own.url, provider=f"model = m\nextra_headers = X-Secret: first\nfallback = llamacpp m, vllm m {elsewhere.url}")
        broker.daemon.fds["provider-key-llamacpp"] = memfd(b"sk-llama-0123456789\n")
        with broker:
            for name in (None, "llamacpp", "vllm"):
                ask(broker, name).unwrap()
            expect(own.requests[0].headers.get("authorization"), "Bearer " + KEY)
            expect(llama.requests[0].headers.get("authorization"), "Bearer sk-llama-0123456789")
            expect(elsewhere.requests[0].headers.get("authorization"), None)
            for server in (llama, elsewhere):
                expect_true("x-secret" not in server.requests[0].headers, "headers of the first provider")
            refused(lambda: ask(broker, "groq"), "InvalidArguments")
            body = b'{"model":"m","messages":["' + KEY.encode() + b' sk-llama-0123456789"]}'
            ask(broker, "vllm", body).unwrap()
            expect_true(b"sk-llama" not in elsewhere.requests[1].body and KEY.encode() not in elsewhere.requests[1].body, elsewhere.requests[1].body)


def ask(broker, provider, body=b'{"model":"m","stream":true,"messages":[]}'):
    parameters = {"path": "/chat/completions", "offset": 0, "length": len(body), "stream": True, "intent": 1}
    if provider:
        parameters["provider"] = provider
    return broker.call("Complete", parameters, body)


def states(broker):
    return [(row["name"], row["state"], row["failures"]) for row in broker.status()["providers"]]


@test
def a_provider_that_fails_in_a_row_is_passed_over_and_asked_once_again():
    script = [error(503)] * 3 + [error(503), text("well again")]
    with Provider(script, text("x")) as one, Provider([], text("y")) as two:
        with Broker(one.url, provider=f"{QUICK}model = m\nbreaker_failures = 3\nbreaker_wait = 1\nfallback = vllm m {two.url}") as broker:
            for _ in range(2):
                ask(broker, None)
            expect(states(broker)[0], ("openai_compatible", "closed", 2))
            ask(broker, None)
            expect(states(broker), [("openai_compatible", "open", 3), ("vllm", "closed", 0)])
            failure = refused(lambda: ask(broker, None), "ProviderFailed")
            expect((failure["what"], failure["attempts"]), ("open", 0))
            expect_true("3 times in a row" in failure["reason"], failure)
            expect(len(one.requests), 3)
            time.sleep(1.1)
            expect(states(broker)[0][1], "half-open")
            ask(broker, None)
            expect((len(one.requests), states(broker)[0][1]), (4, "open"))
            refused(lambda: ask(broker, None), "ProviderFailed")
            time.sleep(1.1)
            ask(broker, None).unwrap()
            expect(states(broker)[0], ("openai_compatible", "closed", 0))
            ask(broker, None).unwrap()


@test
def an_open_one_is_passed_over_at_once():
    with chain(([], error(500)), ([], text("second")), keys="breaker_failures = 2\nbreaker_wait = 600\n") as (made, one, _):
        turns = [made.ask("hi") for _ in range(4)]
        expect([turn.answer for turn in turns], ["second"] * 4)
        expect(len(one.requests), 2)
        expect_true("is passed over for 600 s" in models(turns[3])[1][3], models(turns[3]))


@test
def without_another_one_it_is_always_asked():
    with Provider([error(503)] * 4, text("x")) as one, Broker(one.url, provider=f"{QUICK}model = m\nbreaker_failures = 1\nbreaker_wait = 600") as broker:
        for _ in range(4):
            ask(broker, None).unwrap()
        expect(states(broker)[0][:2], ("openai_compatible", "open"))
        ask(broker, None).unwrap()
        expect((len(one.requests), states(broker)[0][1]), (5, "closed"))


@test
def the_cheap_one_is_asked_first_for_what_can_wait_and_the_first_stands_in_for_it():
    with chain(([], text("from the first")), ([text("from the cheap one"), error(503)], text("x")), keys="cheap = vllm\n") as (made, one, two):
        expect(made.ask("hi").answer, "from the first")
        turn = made.ask("hi", thread="work", priority="background")
        expect((turn.answer, turn.of("model-started")[0]["provider"], len(one.requests), len(two.requests)), ("from the cheap one", "vllm", 1, 1))
        turn = made.ask("hi", thread="work", priority="routine")
        expect((turn.answer, [data["provider"] for data in turn.of("model-started")]), ("from the first", ["vllm", "openai_compatible"]))
        expect_true(turn.of("model-started")[1]["instead"].startswith("vllm: "), models(turn))
    broker = Broker("http://127.0.0.1:1/v1", provider="model = m\ncheap = groq")
    broker.wait = False
    with broker:
        expect(broker.daemon.wait(), 1)
        expect_true("cheap: groq is not in fallback" in broker.daemon.log(), broker.daemon.log())


@test
def a_wrong_chain_is_refused_by_name():
    for fallback, word in (("nobody", "nobody"), ("local", "local model"), ("groq, groq", "twice"),
                           ("vllm", "no model"), ("openai x ftp://h/", "http://"), ("groq a b c", "NAME"), ("groq,,openai", "NAME")):
        broker = Broker("http://127.0.0.1:1/v1", provider=f"model = m\nfallback = {fallback}")
        broker.wait = False
        with broker:
            expect(broker.daemon.wait(), 1)
            expect_true(word in broker.daemon.log() and "fallback" in broker.daemon.log(), broker.daemon.log())


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("1..0 # SKIP root (daemons have uids of their own)")
        sys.exit(0)
    run()
