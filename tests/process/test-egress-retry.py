#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""claw-egressd's second attempts, its limits of time, and proxies.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root (peers of other uids).
"""
import json
import os
import select
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
from broker import REQUEST, Broker, refused, served  # noqa: E402
from provider import Answer, Provider, error, hang_up, text  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402


@test
def retries_pass_over_what_may_pass():
    script = [error(500), error(429), error(408), text("at last")]
    with served(script, settings="retry_wait = 10") as (broker, provider):
        outcome = broker.complete().unwrap()
        expect((outcome.head["attempts"], outcome.done["attempts"], len(provider.requests)), (4, 4, 4))
        expect([r.body for r in provider.requests], [REQUEST] * 4)
        expect_true(outcome.body.startswith(b"data: "), "the bodies of failed attempts are not passed on")


@test
def retries_end_and_the_last_error_is_passed_on():
    with served([], error(503, "overloaded"), settings="retry_wait = 5\nretries = 2") as (broker, provider):
        outcome = broker.complete().unwrap()
        expect((outcome.head["status"], outcome.done["attempts"], len(provider.requests)), (503, 3, 3))
        expect(json.loads(outcome.body)["error"]["message"], "overloaded")


@test
def what_will_not_pass_is_not_retried():
    with served([], error(400, "bad"), settings="retry_wait = 5") as (broker, provider):
        expect(broker.complete().unwrap().head["status"], 400)
        expect(len(provider.requests), 1)


@test
def a_connection_lost_before_the_answer_is_retried_and_behind_its_head_not():
    with served([hang_up(), text("x")], settings="retry_wait = 5") as (broker, provider):
        expect(broker.complete().unwrap().done["attempts"], 2)
    with served([text("one two three", cut_after=10)], text("x"), settings="retry_wait = 5") as (broker, provider):
        expect(broker.complete().error.short, "ProviderFailed")
        expect(len(provider.requests), 1)


@test
def retry_after_in_seconds_is_kept():
    with served([error(429, retry_after=1), text("x")], settings="retry_wait = 1") as (broker, provider):
        broker.complete().unwrap()
        waited = provider.requests[1].at - provider.requests[0].at
        expect_true(0.99 <= waited < 3, f"waited {waited}")


@test
def retry_after_as_a_date_is_kept():
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 2))
    with served([error(503, retry_after=date), text("x")], settings="retry_wait = 1") as (broker, provider):
        broker.complete().unwrap()
        waited = provider.requests[1].at - provider.requests[0].at
        expect_true(0.5 <= waited < 4, f"waited {waited}")


@test
def retry_after_beyond_the_total_time_is_not_waited_for():
    with served([error(429, "slow", retry_after=3600)], settings="total_timeout = 5") as (broker, provider):
        start = time.monotonic()
        expect(broker.complete().unwrap().head["status"], 429)
        expect_true(time.monotonic() - start < 1, "it waited")
        expect(len(provider.requests), 1)


@test
def nobody_listening_is_a_named_failure_after_the_retries():
    with Provider([]) as provider:
        url = provider.url
    with Broker(url, provider="retry_wait = 1\nretries = 2") as broker:
        failure = refused(broker.complete, "ProviderFailed")
        expect((failure["what"], failure["attempts"]), ("connect", 3))
        expect_true("status" not in failure, failure)


@test
def a_name_that_does_not_exist_is_a_named_failure():
    with Broker("http://nowhere.invalid/v1", provider="retry_wait = 1\nretries = 0") as broker:
        expect(refused(broker.complete, "ProviderFailed")["what"], "resolve")


@test
def each_time_limit_has_its_name():
    never = threading.Event()
    with served([Answer(b"x", first_delay=3)], settings="first_byte_timeout = 1\nretries = 0") as (broker, _):
        expect(refused(broker.complete, "ProviderFailed")["what"], "first-byte")
    with served([text("x", wait=never)], settings="idle_timeout = 1\nretries = 0") as (broker, _):
        outcome = broker.complete()
        expect((outcome.error.parameters["what"], outcome.error.parameters["status"]), ("idle", 200))
    with served([text("a b c d e f g h i j k l", delay=0.3)], settings="total_timeout = 1\nretries = 0") as (broker, _):
        expect(refused(broker.complete, "ProviderFailed")["what"], "total")
    never.set()


@test
def bytes_that_keep_coming_are_no_idleness():
    with served([text("a b c d", delay=0.4)], settings="idle_timeout = 1\nfirst_byte_timeout = 1") as (broker, _):
        broker.complete().unwrap()


@test
def a_call_that_waits_to_retry_can_be_cancelled():
    with served([], error(500), settings="retry_wait = 60000") as (broker, _):
        link = broker.link()
        reading = broker.begin(link)
        time.sleep(0.2)
        link.close()
        expect_true(bool(select.select([reading], [], [], 1)[0]), "the pipe stays open")
        os.close(reading)
        expect(broker.status()["underWay"], 0)


@test
def every_passing_status_is_tried_again_and_no_other():
    for status in (408, 409, 429, 500, 502, 503, 504, 520, 529):
        with served([error(status), text("x")], settings="retry_wait = 1") as (broker, _):
            expect(broker.complete().unwrap().done["attempts"], 2, status)
    for status in (400, 401, 402, 403, 404, 413, 422, 501):
        with served([error(status), text("x")], settings="retry_wait = 1") as (broker, _):
            outcome = broker.complete().unwrap()
            expect((outcome.head["status"], outcome.done["attempts"]), (status, 1))


def waited(answer, wait=1):
    with served([answer, text("x")], settings=f"retry_wait = {wait}") as (broker, provider):
        broker.complete().unwrap()
        return provider.requests[1].at - provider.requests[0].at


@test
def retry_after_in_milliseconds_is_kept():
    seconds = waited(Answer(b"{}", 429, headers=[("Retry-After-Ms", "300")]))
    expect_true(0.29 <= seconds < 2, f"waited {seconds}")


@test
def a_retry_after_that_says_nothing_is_passed_over():
    past = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() - 3600))
    for value in ("0", "-5", "soon", "", past, "99999999999999999999999", "Mon, 99 Foo 2026"):
        seconds = waited(error(503, retry_after=value))
        expect_true(seconds < 0.5, f"{value!r}: waited {seconds}")


@test
def waits_double_and_are_not_all_alike():
    script = [error(500)] * 3 + [text("x")]
    with served(script, settings="retry_wait = 100") as (broker, provider):
        broker.complete().unwrap()
        at = [request.at for request in provider.requests]
        for i, base in enumerate((0.1, 0.2, 0.4)):
            wait = at[i + 1] - at[i]
            expect_true(base * 0.74 <= wait <= base * 1.25 + 0.25, f"wait {i}: {wait}")
    waits = [waited(error(500), 200) for _ in range(8)]
    expect_true(max(waits) - min(waits) > 0.005 and min(waits) >= 0.149, f"{waits}")


@test
def a_connection_that_is_not_made_ends_at_its_time():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = []
        for _ in range(4):  # what the queue does not take is not answered at all
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
            waiting.append(sock)
        with Broker(f"http://127.0.0.1:{port}/v1", provider="connect_timeout = 1\nretries = 0") as broker:
            start = time.monotonic()
            failure = refused(broker.complete, "ProviderFailed")
            expect(failure["what"], "connect")
            expect_true(0.9 < time.monotonic() - start < 3 and "timed out" in failure["reason"], failure)
        for sock in waiting:
            sock.close()


@test
def the_total_time_counts_attempts_and_their_waits():
    with served([], error(500), settings="retry_wait = 300\nretries = 10\ntotal_timeout = 1") as (broker, provider):
        start = time.monotonic()
        expect(broker.complete().unwrap().head["status"], 500)
        expect_true(time.monotonic() - start < 1.2, "a wait beyond the total time")
        expect_true(2 <= len(provider.requests) <= 3, f"{len(provider.requests)} attempts")


# proxies


@test
def the_environment_names_no_proxy():
    with Provider([], text("by proxy")) as trap, Provider([], text("x")) as provider, Broker(provider.url) as broker:
        broker.daemon.kill()
        broker.daemon.environment = {name: f"http://127.0.0.1:{trap.port}" for name in
                                     ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")}
        broker.daemon.start()
        broker.complete().unwrap()
        refused(lambda: broker.fetch("http://127.0.0.2:1/"), "AddressRefused")
        expect((len(provider.requests), trap.requests), (1, []))


@test
def a_proxy_of_the_configuration_gets_everything_but_what_is_on_loopback():
    with Provider([], text("by proxy")) as proxy, Provider([], text("x")) as local:
        setting = f"proxy = http://127.0.0.1:{proxy.port}\nallow = http://site.example"
        with Broker("http://provider.example/v1", egress=setting, provider="retries = 0") as broker:
            broker.complete().unwrap()
            broker.fetch("http://site.example/page").unwrap()
            expect([r.path for r in proxy.requests], ["http://provider.example/v1/chat/completions", "http://site.example/page"])
            expect_true("authorization" not in proxy.requests[1].headers, "the key went along")
        with Broker(local.url, egress=setting) as broker:
            broker.complete().unwrap()
        expect((len(local.requests), len(proxy.requests)), (1, 2))


@test
def a_proxy_does_not_see_what_goes_to_a_provider_by_tls():
    def answer(request):
        expect((request.method, request.path), ("CONNECT", "provider.example:443"))
        expect_true("authorization" not in request.headers, "the key was shown to the proxy")
        return Answer(b"no", 403)

    with Provider(answer) as proxy, Broker("https://provider.example/v1", egress=f"proxy = http://127.0.0.1:{proxy.port}",
                                           provider="retries = 0") as broker:
        refused(broker.complete, "ProviderFailed")
        expect(len(proxy.requests), 1)

if __name__ == "__main__":
    if os.geteuid() != 0:
        print("1..0 # SKIP root (calls are made as several uids)")
        sys.exit(0)
    run()
