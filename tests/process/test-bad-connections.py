#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Where a provider should be, something else is: nobody, somebody slow, no TLS, the wrong certificate … A turn ends with what
was wrong, in time, and the thread goes on once a good server is at the same place.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root.
"""
import contextlib
import os
import socket
import ssl
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from provider import Provider, read_request, text  # noqa: E402
from stack import Stack  # noqa: E402
from tap import TESTS, expect, expect_true, run, test  # noqa: E402
from tls import certificates, context  # noqa: E402

LIMITS = "connect_timeout = 1\nfirst_byte_timeout = 2\nidle_timeout = 2\ntotal_timeout = 5\nretries = 1\nretry_wait = 20\n"
LIMIT_S = 5 + 5


class Place:
    """An address before there is a server; url is what the system is told."""

    def __init__(self, scheme, folder):
        with socket.create_server(("127.0.0.1", 0)) as sock:
            self.port = sock.getsockname()[1]
        self.folder = folder
        self.url = f"{scheme}://127.0.0.1:{self.port}/v1"

    def provider(self, tls=None):
        return Provider([], text("fine"), port=self.port, tls=tls)

    def tls(self, name):
        return context(self.folder, name)


@contextlib.contextmanager
def each_connection(place, act):
    """A server that does this with each connection."""
    def serve():
        while True:
            try:
                connection, _ = sock.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    def one(connection):
        with contextlib.suppress(OSError), connection:
            act(connection)

    with socket.create_server(("127.0.0.1", place.port), backlog=16) as sock:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield
        finally:
            sock.shutdown(socket.SHUT_RDWR)


def resetting(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def reset_later(connection):
    connection.recv(100)
    resetting(connection)


def silent(connection):
    while connection.recv(1 << 16):
        pass


def plain_http(connection):
    connection.recv(100)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def refusing_early(connection):
    """Answers when the head is there and does not read the body."""
    have = b""
    while b"\r\n\r\n" not in have:
        have += connection.recv(1024)
    connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    time.sleep(0.2)


@contextlib.contextmanager
def full_queue(place):
    """What the queue of connections does not take is not answered at all."""
    with socket.create_server(("127.0.0.1", place.port), backlog=0), contextlib.ExitStack() as stack:
        for _ in range(4):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", place.port))
        yield


def old_tls(place):
    made = place.tls("good")
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.minimum_version, made.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    return place.provider(made)


def cut_in_tls(place):
    """The stream ends without the end of TLS."""
    def act(connection):
        with place.tls("good").wrap_socket(connection, server_side=True) as secure:
            read_request(secure, b"")
            secure.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\ndata: {")
            os.close(secure.detach())
    return each_connection(place, act)


def bare(act):
    return lambda place: each_connection(place, act)


# what is there, scheme, how it is made, words of the reason
PLACES = (
    ("nobody listens", "http", lambda place: contextlib.nullcontext(), ("did not answer (connect, 2 attempts)", "Could not connect")),
    ("nobody takes connections", "http", full_queue, ("did not answer (connect, 2 attempts)", "timed out")),
    ("each connection is reset at once", "http", bare(resetting), ("did not answer", "2 attempts")),
    ("a server that refuses without reading", "http", bare(refusing_early), ("too long for the model",)),
    ("a server of tls where http is meant", "http", lambda place: place.provider(place.tls("good")), ("did not answer",)),
    ("a server of http where tls is meant", "https", bare(plain_http), ("(tls)", "does not speak TLS")),
    ("a connection that is reset in its handshake", "https", bare(reset_later), ("did not answer (protocol, 2 attempts)",)),
    ("a connection that is closed in its handshake", "https", bare(lambda connection: connection.recv(100)), ("did not answer (protocol, 2 attempts)",)),
    ("a handshake nobody goes on with", "https", bare(silent), ("did not answer (connect, 2 attempts)", "timed out")),
    ("words instead of a handshake", "https", bare(lambda connection: connection.sendall(b"220 mail.example ESMTP\r\n")), ("(tls)", "does not speak TLS")),
    ("tls of long ago", "https", old_tls, ("(tls)", "version")),
    ("an answer cut in tls", "https", cut_in_tls, ("the provider's answer broke off",)),
    ("a certificate that has expired", "https", lambda place: place.provider(place.tls("expired")), ("(tls)", "has expired")),
    ("a certificate of tomorrow", "https", lambda place: place.provider(place.tls("future")), ("(tls)", "not valid yet")),
    ("a certificate of another host", "https", lambda place: place.provider(place.tls("other")), ("(tls)", "another host name")),
    ("a certificate that signed itself", "https", lambda place: place.provider(place.tls("self")), ("(tls)", "self-signed")),
)


def judge(folder, scheme, make, words):
    place = Place(scheme, folder)
    with Stack(place, provider_keys=LIMITS, egress=f"ca_file = {folder}/ca.pem" if scheme == "https" else "") as s:
        with make(place) as server:
            begun = time.monotonic()
            turn = s.ask("how are you? " + "x" * 900_000, thread="main")
            took = time.monotonic() - begun
            if isinstance(server, Provider) and scheme == "https":
                expect(server.requests, [], "what was asked was told to nobody")
        expect(turn.state, "failed")
        for word in words:
            expect_true(word in turn.reason, f"{word!r} in {turn.reason!r}")
        expect_true(took < LIMIT_S, f"it took {took:.1f} s")
        print(f"# {took:.2f} s: {turn.reason}", flush=True)
        with place.provider(place.tls("good") if scheme == "https" else None):
            after = s.ask("and now?", thread="main")
            expect((after.state, after.answer), ("done", "fine"), after.reason or "")


for name, *rest in PLACES:
    def judged(rest=rest):
        with certificates() as folder:
            judge(folder, *rest)
    judged.__name__ = name
    TESTS.append(judged)


@test
def an_authority_nobody_trusts():
    with certificates() as folder, Provider([], text("x"), tls=context(folder, "good")) as provider, Stack(provider, provider_keys=LIMITS) as s:
        turn = s.ask("how are you?")
        expect((turn.state, "authority that is not trusted" in turn.reason, provider.requests), ("failed", True, []), turn.reason)


@test
def a_name_that_does_not_exist():
    class Nowhere:
        url = "http://nowhere.invalid/v1"
    with Stack(Nowhere, provider_keys=LIMITS) as s:
        turn = s.ask("how are you?")
        expect((turn.state, "(resolve" in turn.reason), ("failed", True), turn.reason)


if __name__ == "__main__":
    run()
