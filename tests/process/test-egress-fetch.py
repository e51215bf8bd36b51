#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""claw-egressd's requests of tools: rules, the person's word, addresses, what is sent and what comes back.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root (peers of other uids).
"""
import gzip
import hashlib
import os
import sys
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
from broker import Broker, origin, refused, served  # noqa: E402
from provider import Answer, Provider  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402


@test
def a_question_shows_what_would_be_sent():
    with Broker(backend="local") as broker:
        def asked(body):
            return refused(lambda: broker.fetch("https://example.org/", "POST", body), "ApprovalNeeded")["action"]
        head = "POST https://example.org/ (%d bytes)\n"
        expect(asked("zwei\nZeilen ä".encode()), head % 14 + "zwei\nZeilen ä")
        expect(asked(b"\xff\x00"), head % 2 + f"(not text, SHA-256 {hashlib.sha256(bytes([255, 0])).hexdigest()})")
        expect(asked(b"x" * 5000), head % 5000 + "x" * 4096 + "\n… (904 bytes more)")
        expect(asked(b""), "POST https://example.org/ (0 bytes)")


@test
def a_host_without_a_rule_is_asked_about_with_the_exact_request():
    with Broker(backend="local") as broker:
        failure = refused(lambda: broker.fetch("HTTPS://Example.ORG/a/../b?c=d#frag", "POST", b"12345"), "ApprovalNeeded")
        number = failure["question"]
        expect(failure, {"question": number, "host": "example.org", "port": 443, "action": "POST https://example.org/b?c=d (5 bytes)\n12345",
                         "reason": "no rule allows POST to example.org", "rule": "allow http POST https://example.org"})
        waiting = broker.person("Questions")["questions"]
        expect([(q["question"], q["method"], q["url"], q["bytes"]) for q in waiting], [(number, "POST", "https://example.org/b?c=d", 5)])
        again = refused(lambda: broker.fetch("https://example.org/b?c=d", "POST", b"12345"), "ApprovalNeeded")
        expect(again["question"], number, "the same request is the same question")
        other = refused(lambda: broker.fetch("https://example.org/b?c=d", "POST", b"12346"), "ApprovalNeeded")
        expect(other["question"] != number, True, "another body is another question")


@test
def a_rule_of_the_configuration_lets_a_request_through():
    with Provider([Answer(b"page", content_type="text/plain")]) as provider, \
            Broker(backend="local", egress=f"allow = {origin(provider)}") as broker:
        outcome = broker.fetch(origin(provider) + "/p?q=1", "PUT", b"data", [("X-Own", "v"), ("Host", "evil"), ("Content-Length", "99"),
                                                                         ("Connection", "close"), ("Proxy-Authorization", "x")]).unwrap()
        expect((outcome.body, outcome.head["status"], outcome.done["truncated"]), (b"page", 200, False))
        sent = provider.requests[0]
        expect((sent.method, sent.path, sent.body, sent.headers["x-own"]), ("PUT", "/p?q=1", b"data", "v"))
        expect(sent.headers["host"], f"127.0.0.1:{provider.port}")
        expect(sent.headers["content-length"], "4")
        expect_true("content-type" not in sent.headers, "a body is not called a form")
        expect(sent.headers["user-agent"], "clawos")
        expect_true("authorization" not in sent.headers and "proxy-authorization" not in sent.headers, sent.headers)
        rules = broker.person("Rules")["rules"]
        expect([(r["text"], r["origin"], r["used"]) for r in rules], [(f"allow http any {origin(provider)}", "table", 1)])


@test
def a_yes_counts_once_for_exactly_that_request():
    with Provider([], Answer(b"x")) as provider, Broker(backend="local") as broker:
        url = f"http://localhost:{provider.port}/x"
        asked = refused(lambda: broker.fetch(url, "POST", b"a"), "ApprovalNeeded")
        question = asked["question"]
        broker.person("Answer", question=question, allow=True, action=asked["action"], scope="once")
        changed = refused(lambda: broker.fetch(url, "POST", b"b", question=question), "ApprovalNeeded")
        expect_true(changed["question"] != question, "another body is asked about")
        # the word is accepted, the address is not: localhost is loopback
        expect(refused(lambda: broker.fetch(url, "POST", b"a", question=question), "AddressRefused")["host"], "localhost")
        refused(lambda: broker.fetch(url, "POST", b"a", question=question), "UnknownQuestion")
        expect(provider.requests, [])


@test
def a_no_is_final_for_its_question():
    with Broker(backend="local") as broker:
        asked = refused(lambda: broker.fetch("https://example.org/"), "ApprovalNeeded")
        question = asked["question"]
        broker.person("Answer", question=question, allow=False, action=asked["action"], scope="once")
        expect_true("said no" in refused(lambda: broker.fetch("https://example.org/", question=question), "Denied")["reason"], "reason")
        expect(broker.person("Questions")["questions"], [])


@test
def an_always_is_a_rule_that_survives_and_can_be_revoked():
    with Broker(backend="local") as broker:
        asked = refused(lambda: broker.fetch("https://nowhere.invalid/"), "ApprovalNeeded")
        question = asked["question"]
        broker.person("Answer", question=question, allow=True, action=asked["action"], scope="always", rule=asked["rule"])
        expect(refused(lambda: broker.fetch("https://nowhere.invalid/other"), "ProviderFailed")["what"], "resolve")
        refused(lambda: broker.fetch("https://nowhere.invalid/other", "POST", b"x"), "ApprovalNeeded")
        broker.daemon.kill()
        broker.daemon.start()
        rules = broker.person("Rules")["rules"]
        expect([(r["text"], r["origin"], r.get("thread"), r.get("untilUsec")) for r in rules],
               [("allow http GET https://nowhere.invalid", "person", None, None)])
        refused(lambda: broker.fetch("http://nowhere.invalid/"), "ApprovalNeeded")
        refused(lambda: broker.fetch("https://nowhere.invalid:444/"), "ApprovalNeeded")
        broker.person("Revoke", id=rules[0]["id"])
        refused(lambda: broker.fetch("https://nowhere.invalid/"), "ApprovalNeeded")
        refused(lambda: broker.person("Revoke", id=rules[0]["id"]), "InvalidArguments")


@test
def the_number_of_a_question_does_not_come_again_after_a_restart():
    with Broker(backend="local") as broker:
        asked = []
        for _ in range(3):
            asked += [refused(lambda n=n: broker.fetch(f"https://example.org/{n}"), "ApprovalNeeded") for n in range(2)]
            broker.daemon.kill()
            os.unlink(os.path.join(broker.state, "questions"))
            broker.daemon.start()
            # a yes that comes late is for nothing that is asked now
            refused(lambda: broker.fetch("https://example.org/0"), "ApprovalNeeded")
            refused(lambda: broker.person("Answer", question=asked[-1]["question"], allow=True, action=asked[-1]["action"], scope="once"),
                    "UnknownQuestion")
        expect(len({a["question"] for a in asked}), 6)


@test
def answers_to_no_question_are_refused():
    with Broker(backend="local") as broker:
        refused(lambda: broker.person("Answer", question=5, allow=True, action="", scope="once"), "UnknownQuestion")
        asked = refused(lambda: broker.fetch("https://example.org/"), "ApprovalNeeded")
        question = asked["question"]
        refused(lambda: broker.person("Answer", question=question, allow=True, action=asked["action"], scope="for ever"), "InvalidArguments")


@test
def addresses_that_are_not_public_are_refused_in_every_spelling():
    with Provider([], Answer(b"secret")) as provider, Broker(backend="local") as broker:
        for host in ("127.0.0.1", "0x7f.1", "2130706433", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "10.0.0.1",
                     "169.254.169.254", "100.64.0.1", "0.0.0.0", "[fe80::1]", "[fd00::1]", "192.168.1.1", "224.0.0.1", "255.255.255.255"):
            refused(lambda host=host: broker.fetch(f"http://{host}:{provider.port}/"), "AddressRefused")
        expect(provider.requests, [])


@test
def a_name_that_resolves_to_loopback_is_refused_after_resolution():
    with Provider([], Answer(b"secret")) as provider, Broker(backend="local", egress=f"allow = http://localhost:{provider.port}") as broker:
        failure = refused(lambda: broker.fetch(f"http://localhost:{provider.port}/"), "AddressRefused")
        expect(failure["host"], "localhost")
        expect_true(failure["address"] in ("127.0.0.1", "::1"), failure)
        expect(provider.requests, [])
    with Provider([], Answer(b"ok")) as provider, \
            Broker(backend="local", egress=f"allow = http://localhost:{provider.port},{origin(provider)}") as broker:
        expect(broker.fetch(f"http://localhost:{provider.port}/").unwrap().body, b"ok", "the address is listed by number")


@test
def urls_that_hide_something_are_refused():
    with Broker(backend="local") as broker:
        for url in ("", "example.org", "ftp://example.org/", "file:///etc/passwd", "gopher://x/", "https://user:pw@example.org/",
                    "https://user@example.org/", "https:///x", "https://exa\tmple.org/", "https://example.org/\r\nX: y", "https://example.org\\@evil/",
                    "https://example.org:0/", "https://example.org:99999/", "https://[fe80::1%25eth0]/", "https://[x]/", "https://a b/", "javascript:1",
                    "https://exa_mple..org/", "https://" + "a" * 9000 + "/"):
            try:
                refused(lambda url=url: broker.fetch(url), "InvalidArguments")
            except AssertionError as failure:
                raise AssertionError(f"{url[:60]!r}: {failure}") from None


@test
def headers_cannot_carry_other_headers():
    with Provider([], Answer(b"x")) as provider, Broker(backend="local", egress=f"allow = {origin(provider)}") as broker:
        for header in (("X-A", "a\r\nX-B: c"), ("X-A\r\nX-B", "c"), ("X A", "b"), ("", "x"), ("X:", "y"), ("X-A", "\x01")):
            refused(lambda header=header: broker.fetch(origin(provider) + "/", headers=[header]), "InvalidArguments")
        refused(lambda: broker.fetch(origin(provider) + "/", headers=[("X-%d" % i, "") for i in range(65)]), "InvalidArguments")
        expect(provider.requests, [])
        broker.fetch(origin(provider) + "/", headers=[("X-Empty", ""), ("Authorization", "Bearer mine")]).unwrap()
        expect((provider.requests[0].headers["x-empty"], provider.requests[0].headers["authorization"]), ("", "Bearer mine"))


@test
def a_redirect_is_reported_and_not_followed():
    script = [Answer(b"", status=301, headers=[("Location", "http://169.254.169.254/latest"), ("Set-Cookie", "a=b")]), Answer(b"x")]
    with Provider(script) as provider, Broker(backend="local", egress=f"allow = {origin(provider)}") as broker:
        outcome = broker.fetch(origin(provider) + "/").unwrap()
        expect((outcome.done["status"], outcome.done["location"]), (301, "http://169.254.169.254/latest"))
        broker.fetch(origin(provider) + "/").unwrap()
        expect_true("cookie" not in provider.requests[1].headers, "a cookie was kept")


@test
def an_answer_is_cut_at_the_bytes_wanted_also_when_it_was_packed():
    bomb = gzip.compress(b"0" * (64 << 20))
    script = [Answer(b"abcdef"), Answer(b"abcdef"), Answer(bomb, headers=[("Content-Encoding", "gzip")]),
              Answer(gzip.compress(b"packed"), headers=[("Content-Encoding", "gzip")]),
              Answer(zlib.compress(b"deflated"), headers=[("Content-Encoding", "deflate")])]
    with Provider(script) as provider, Broker(backend="local", egress=f"allow = {origin(provider)}") as broker:
        url = origin(provider) + "/"
        outcome = broker.fetch(url, max_bytes=4).unwrap()
        expect((outcome.body, outcome.done["truncated"]), (b"abcd", True))
        expect(broker.fetch(url, max_bytes=6).unwrap().done["truncated"], False)
        cpu = broker.daemon.cpu_seconds()
        outcome = broker.fetch(url, max_bytes=1000).unwrap()
        expect((outcome.body, outcome.done["truncated"]), (b"0" * 1000, True))
        expect_true(broker.daemon.cpu_seconds() - cpu < 0.1, "the bomb was unpacked")
        expect(broker.fetch(url).unwrap().body, b"packed")
        expect(broker.fetch(url).unwrap().body, b"deflated")


@test
def a_fetch_ends_at_its_time():
    with Provider([Answer(b"x", first_delay=5)]) as provider, Broker(backend="local", egress=f"allow = {origin(provider)}") as broker:
        start = time.monotonic()
        expect(refused(lambda: broker.fetch(origin(provider) + "/", timeout=300), "ProviderFailed")["what"], "total")
        expect_true(time.monotonic() - start < 2, "it took too long")


@test
def limits_of_zero_and_other_methods_are_refused():
    with Broker(backend="local") as broker:
        refused(lambda: broker.fetch("https://example.org/", max_bytes=0), "InvalidArguments")
        refused(lambda: broker.fetch("https://example.org/", timeout=0), "InvalidArguments")
        refused(lambda: broker.fetch("https://example.org/", "TRACE"), "InvalidArguments")
        refused(lambda: broker.fetch("https://example.org/", "GET", b"x"), "InvalidArguments")


@test
def the_providers_connection_is_never_lent_to_a_tool():
    with served([], Answer(b"{}"), egress="") as (broker, provider):
        broker.complete().unwrap()
        refused(lambda: broker.fetch(origin(provider) + "/"), "AddressRefused")
        expect(len(provider.requests), 1)


@test
def questions_are_bounded_and_the_oldest_goes():
    with Broker(backend="local") as broker:
        asked = [refused(lambda i=i: broker.fetch(f"https://h{i}.example/"), "ApprovalNeeded")["question"] for i in range(70)]
        waiting = broker.person("Questions")["questions"]
        expect([w["question"] for w in waiting], asked[6:])


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("1..0 # SKIP root (calls are made as several uids)")
        sys.exit(0)
    run()
