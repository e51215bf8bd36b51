#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""claw-egressd's TLS: who is spoken to, who is not, and what the person is told.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root (peers of other uids).
"""
import contextlib
import os
import shutil
import ssl
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
from broker import KEY, Broker, refused  # noqa: E402
from provider import Provider, text  # noqa: E402
from tap import Skip, expect, expect_true, run, test  # noqa: E402


@contextlib.contextmanager
def certificates():
    """A folder with an authority (ca.pem) and certificates for 127.0.0.1 and localhost: good, and each bad in its own way."""
    if not shutil.which("openssl"):
        raise Skip("the openssl program")
    folder = tempfile.mkdtemp(prefix="clawos-tls-")
    os.chmod(folder, 0o755)

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    for name, names in (("names", "DNS:localhost,IP:127.0.0.1"), ("other-names", "DNS:other.example")):
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write(f"subjectAltName={names}\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test ca")
    openssl("req", "-x509", *key, "-keyout", "self.key", "-out", "self.pem", "-days", "2", "-subj", "/CN=localhost", "-addext",
            "subjectAltName=IP:127.0.0.1")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    for name, names, dates in (("good", "names", ("-days", "2")), ("other", "other-names", ("-days", "2")),
                               ("expired", "names", ("-not_before", "20200101000000Z", "-not_after", "20200201000000Z")),
                               ("future", "names", ("-not_before", "20600101000000Z", "-not_after", "20610101000000Z"))):
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-out", f"{name}.pem", "-extfile", names, *dates)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def server(folder, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, f"{name}.pem"), os.path.join(folder, "self.key" if name == "self" else "server.key"))
    return Provider([], text("x"), tls=context)


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
