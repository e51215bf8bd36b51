#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""claw-egressd as a separate process: what it passes to and from a provider, in which pieces, for whom.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root (peers of other uids).
"""
import json
import os
import select
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
from broker import AGENT, EGRESS, KEY, OTHER, REQUEST, Broker, Outcome, memfd, read_all, refused, resident_kib, served  # noqa: E402
from provider import Answer, Provider, error, text  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402
from varlink import Gone  # noqa: E402


@test
def a_streamed_answer_comes_back_byte_for_byte():
    with served([text("hello world")]) as (broker, provider):
        outcome = broker.complete().unwrap()
        sent = provider.requests[0]
        expect((sent.method, sent.path, sent.body), ("POST", "/v1/chat/completions", REQUEST))
        expect(sent.headers["authorization"], "Bearer " + KEY)
        expect(sent.headers["content-type"], "application/json")
        expect((outcome.head["status"], outcome.head["contentType"], outcome.head["attempts"]), (200, "text/event-stream", 1))
        expect_true(outcome.body.endswith(b"data: [DONE]\n\n") and b'"hello"' in outcome.body, "body")
        expect(outcome.done["bytesIn"], len(outcome.body))
        expect(outcome.done["bytesOut"], len(REQUEST))
        expect(outcome.done["attempts"], 1)
        expect_true(outcome.done["totalUsec"] >= outcome.done["firstByteUsec"] >= outcome.done["connectUsec"], "times")


@test
def only_the_selected_bytes_of_the_file_are_sent():
    with served([], text("x")) as (broker, provider):
        broker.complete(offset=1000).unwrap()
        expect(provider.requests[0].body, REQUEST)
        failure = refused(lambda: broker.call("Complete", {"path": "/chat/completions", "offset": 3, "length": 10, "stream": True, "intent": 1}, b"123456"),
                          "InvalidArguments")
        expect_true("shorter" in failure["reason"], failure)


@test
def a_connection_is_used_again_and_a_call_may_follow_on_the_same_link():
    with served([], text("x")) as (broker, provider):
        with broker.link() as link:
            for _ in range(5):
                broker.complete(link=link).unwrap()
        expect(provider.connections, 1)


@test
def extra_headers_are_sent():
    with served([], text("x"), settings="extra_headers = HTTP-Referer: https://clawos.example,X-Title:ClawOS") as (broker, provider):
        broker.complete().unwrap()
        expect(provider.requests[0].headers["http-referer"], "https://clawos.example")
        expect(provider.requests[0].headers["x-title"], "ClawOS")


@test
def without_a_key_no_authorization_is_sent():
    with Provider([], text("x")) as provider, Broker(provider.url, key=None) as broker:
        broker.complete().unwrap()
        expect_true("authorization" not in provider.requests[0].headers, "authorization was sent")
        expect(broker.status()["provider"]["hasKey"], False)


@test
def the_local_backend_is_not_configured():
    with Broker(backend="local") as broker:
        refused(broker.complete, "NotConfigured")
        expect(broker.status()["provider"]["name"], "local")


@test
def a_provider_that_needs_a_key_is_not_asked_without_one():
    with Broker(backend="anthropic", key=None) as broker:
        refused(broker.complete, "NotConfigured")


@test
def an_error_answer_is_passed_on_with_its_body():
    with served([error(401, "Incorrect API key")]) as (broker, _):
        outcome = broker.complete().unwrap()
        expect(outcome.head["status"], 401)
        expect(json.loads(outcome.body)["error"]["message"], "Incorrect API key")


@test
def a_huge_error_body_is_cut():
    with served([Answer(b"x" * (1 << 20), status=400)]) as (broker, _):
        expect(len(broker.complete().unwrap().body), 64 << 10)


@test
def a_redirect_is_not_followed():
    with served([Answer(b"", status=302, headers=[("Location", "http://127.0.0.1:1/")])]) as (broker, provider):
        outcome = broker.complete().unwrap()
        expect((outcome.head["status"], len(provider.requests)), (302, 1))


@test
def one_byte_chunks_and_heads_arrive_whole():
    with served([text("one two", piece=1), text("x", head_piece=1, delay=0.0001)]) as (broker, _):
        expect_true(broker.complete().unwrap().body.endswith(b"[DONE]\n\n"), "body")
        expect_true(broker.complete().unwrap().body.endswith(b"[DONE]\n\n"), "body")


@test
def a_cut_answer_is_a_failure_behind_the_bytes_that_came():
    with served([text("one two three", cut_after=300)]) as (broker, _):
        outcome = broker.complete()
        expect(outcome.error.short, "ProviderFailed")
        expect(outcome.error.parameters["what"], "protocol")
        expect((len(outcome.body), outcome.head["status"]), (300, 200))


@test
def closing_the_connection_ends_the_call_within_ten_milliseconds():
    never = threading.Event()
    with served([], text("x", wait=never)) as (broker, provider):
        took = []
        for _ in range(5):
            link = broker.link()
            reading = broker.begin(link)
            expect(link.reply()[0]["event"], "head")
            start = time.monotonic()
            link.close()
            select.select([reading], [], [], 5)
            took.append(time.monotonic() - start)
            expect(os.read(reading, 1), b"")
            os.close(reading)
        expect_true(sorted(took)[2] < 0.010, f"median of {took}")
        expect(broker.status()["underWay"], 0)
        expect(broker.status()["calls"][0]["result"], "cancelled")
        never.set()


@test
def a_reader_that_does_not_read_stops_the_provider_not_the_daemon():
    big = b"y" * (24 << 20)
    with served([Answer(big)], text("x"), settings="idle_timeout = 1") as (broker, provider):
        link = broker.link()
        reading = broker.begin(link)
        expect(link.reply()[0]["event"], "head")
        time.sleep(1.5)  # longer than idle_timeout: a slow reader is not an idle provider
        memory = resident_kib(broker.daemon.pid)
        expect_true(memory < 40 << 10, f"{memory} KiB resident")
        expect_true(b"data:" in broker.complete().unwrap().body, "others go on")
        outcome = Outcome()
        read_all(reading, outcome)
        expect((len(outcome.body), outcome.body == big), (len(big), True))
        expect(link.reply()[0]["event"], "done")
        link.close()


@test
def a_reader_that_goes_away_ends_the_call():
    with served([Answer(b"z" * (8 << 20))]) as (broker, _):
        with broker.link() as link:
            reading = broker.begin(link)
            expect(link.reply()[0]["event"], "head")
            os.close(reading)
            expect(refused(link.reply, "ProviderFailed")["what"], "reader")


@test
def an_answer_over_the_limit_is_a_named_failure():
    with served([Answer(b"a" * (33 << 20))]) as (broker, _):
        outcome = broker.complete()
        expect(outcome.error.parameters["what"], "too-large")
        expect(len(outcome.body), 32 << 20)


@test
def a_body_over_the_limit_is_refused_before_it_is_read():
    with served([]) as (broker, provider):
        failure = refused(lambda: broker.call("Complete", {"path": "/chat/completions", "offset": 0, "length": (16 << 20) + 1, "stream": True, "intent": 1}),
                          "QuotaExceeded")
        expect(failure["value"], 16 << 20)
        expect(provider.requests, [])


@test
def two_hundred_calls_run_at_once():
    gate = threading.Event()
    with served([], text("x", wait=gate)) as (broker, provider):
        outcomes = [None] * 200

        def one(i):
            outcomes[i] = broker.complete(json.dumps({"model": "m", "stream": True, "messages": [i]}).encode())

        threads = [threading.Thread(target=one, args=(i,)) for i in range(200)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 20
        while len(provider.requests) < 200 and time.monotonic() < end:
            time.sleep(0.01)
        expect(len(provider.requests), 200)
        expect(broker.status()["underWay"], 200)
        gate.set()
        for thread in threads:
            thread.join()
        expect([o.error for o in outcomes if o.error], [])
        expect({o.done["status"] for o in outcomes}, {200})


@test
def no_other_path_of_the_provider_can_be_reached_with_its_key():
    with served([], text("x")) as (broker, provider):
        for path in ("/files", "/messages", "/chat/completions/", "", "x", "/../x", "//x", "/a b", "/a?b", "/a#b", "/a\r\nX: y", "/a%0d", "/" + "a" * 300):
            refused(lambda path=path: broker.complete(path=path), "InvalidArguments")
        expect(provider.requests, [])


@test
def descriptors_of_the_wrong_kind_are_refused():
    with served([], text("x")) as (broker, provider):
        parameters = {"path": "/chat/completions", "offset": 0, "length": 1, "stream": True, "intent": 1}
        reading, writing = os.pipe()
        body = memfd(b"x")
        for fds in ([], [body], [writing, writing], [body, body], [body, reading]):
            with broker.link() as link:
                refused(lambda link=link, fds=fds: list(link.more(EGRESS + "Complete", parameters, fds)), "InvalidArguments")
        for fd in (body, reading, writing):
            os.close(fd)
        expect(provider.requests, [])


@test
def every_method_refuses_whom_it_is_not_for():
    with served([], text("x")) as (broker, provider):
        with broker.link(0) as link:
            refused(lambda: broker.complete(link=link), "Denied")
            refused(lambda: broker.fetch("https://example.org/", link=link), "Denied")
        for method, parameters in (("Answer", {"question": 1, "allow": True, "action": "", "scope": "always"}), ("Questions", {}), ("Rules", {}),
                                   ("Revoke", {"id": 1})):
            with broker.link(AGENT) as link:
                refused(lambda link=link, m=method, p=parameters: link.call(EGRESS + m, p), "Denied")
        with broker.link(AGENT) as link:
            link.call(EGRESS + "Status")
        expect(provider.requests, [])


@test
def a_stranger_is_turned_away_at_the_door():
    with Broker(backend="local") as broker:
        try:
            with broker.link(OTHER) as link:
                link.call(EGRESS + "Status")
        except (Gone, OSError):
            return
        raise AssertionError("a stranger was answered")

if __name__ == "__main__":
    if os.geteuid() != 0:
        print("1..0 # SKIP root (calls are made as several uids)")
        sys.exit(0)
    run()
