#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""claw-egressd's TLS: who is spoken to, who is not, and what the person is told.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root (peers of other uids).
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
from broker import KEY, Broker, refused  # noqa: E402
from provider import Provider, text  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402
from tls import certificates, context  # noqa: E402


def server(folder, name):
    return Provider([], text("x"), tls=context(folder, name))


@test
def a_provider_with_a_good_certificate_gets_the_key():
    with certificates() as folder, server(folder, "good") as provider, Broker(provider.url, egress=f"ca_file = {folder}/ca.pem") as broker:
        expect(broker.complete().unwrap().head["status"], 200)
        expect(provider.requests[0].headers["authorization"], "Bearer " + KEY)


@test
def a_bad_certificate_is_refused_with_what_is_wrong_with_it():
    with certificates() as folder:
        for name, trust, words in (("self", True, "is self-signed"), ("good", False, "authority that is not trusted"),
                                   ("expired", True, "has expired"), ("future", True, "is not valid yet"),
                                   ("other", True, "is for another host name")):
            with server(folder, name) as provider, \
                    Broker(provider.url, egress=f"ca_file = {folder}/ca.pem" if trust else "", provider="retry_wait = 1") as broker:
                failure = refused(broker.complete, "ProviderFailed")
                expect((failure["what"], failure["attempts"]), ("tls", 1), name)
                expect_true(words in failure["reason"], f"{name}: {failure['reason']}")
                expect(provider.requests, [], name)
                expect_true(KEY not in broker.daemon.log(), "the key is in the log")


@test
def a_site_with_a_bad_certificate_is_not_read_either():
    with certificates() as folder, server(folder, "expired") as site:
        url = f"https://127.0.0.1:{site.port}"
        with Broker(backend="local", egress=f"ca_file = {folder}/ca.pem\nallow = {url}") as broker:
            failure = refused(lambda: broker.fetch(url + "/"), "ProviderFailed")
            expect((failure["what"], "has expired" in failure["reason"]), ("tls", True), failure)
        expect(site.requests, [])

if __name__ == "__main__":
    if os.geteuid() != 0:
        print("1..0 # SKIP root (calls are made as several uids)")
        sys.exit(0)
    run()
