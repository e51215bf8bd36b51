#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Attacks on claw-egressd by names and spellings: rebinding, private answers, hidden addresses; and by what servers answer.

The names are resolved by the C library against a server of the test (harness/names.py).

Environment: CLAWOS_BIN. Needs root.
"""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from broker import Broker, refused  # noqa: E402
from names import Names, enter  # noqa: E402
from provider import Answer, Provider  # noqa: E402
from tap import expect, expect_true, run, test  # noqa: E402

PUBLIC, DEAD = "1.2.3.4", "1.2.3.5"
PRIVATE = ("127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "::1", "::", "::ffff:127.0.0.1",
           "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::", "fe80::1", "fd00::1", "::127.0.0.1")


class Fixture:
    """A public site and one on loopback behind the same port, and a broker that may ask for a name."""

    def __enter__(self):
        self.names = Names().__enter__()
        self.public = Provider([], Answer(b"public"), host=PUBLIC).__enter__()
        self.inside = Provider([], Answer(b"secret"), host="127.0.0.1", port=self.public.port).__enter__()
        return self

    def __exit__(self, *_):
        for one in (self.inside, self.public, self.names):
            one.__exit__(None, None, None)

    def url(self, name):
        return f"http://{name}:{self.public.port}/"

    def broker(self, *names):
        return Broker(backend="local", egress="allow = " + ",".join(self.url(name).rstrip("/") for name in names))


@test
def a_name_is_resolved_once_and_the_address_judged_is_the_one_connected_to(f):
    f.names.say("rebind.example", [PUBLIC], ["127.0.0.1"])
    with f.broker("rebind.example") as broker:
        expect(broker.fetch(f.url("rebind.example")).unwrap().body, b"public")
        expect(f.names.asked["rebind.example"], 2, "A and AAAA, once")
    with f.broker("rebind.example") as broker:
        expect(refused(lambda: broker.fetch(f.url("rebind.example")), "AddressRefused")["address"], "127.0.0.1")
    expect(f.inside.requests, [])
    expect(f.public.requests[0].headers["host"], f"rebind.example:{f.public.port}")


@test
def an_answer_with_a_public_and_a_private_address_leads_to_the_public_one_only(f):
    f.names.say("mixed.example", ["127.0.0.1", PUBLIC, "::1"])
    f.names.say("dead.example", [DEAD, "127.0.0.1", "::1", "10.0.0.1"])
    with f.broker("mixed.example", "dead.example") as broker:
        for _ in range(3):
            expect(broker.fetch(f.url("mixed.example")).unwrap().body, b"public")
            refused(lambda: broker.fetch(f.url("dead.example"), timeout=3000), "AddressRefused")
    expect(f.inside.requests, [])


@test
def no_private_address_is_reached_by_a_name(f):
    hosts = [f"private{i}.example" for i in range(len(PRIVATE))]
    for host, address in zip(hosts, PRIVATE):
        f.names.say(host, [address])
    f.names.say("inner.example", ["127.0.0.1"])
    f.names.say("alias.example", ["=inner.example"])
    with f.broker(*hosts, "alias.example") as broker:
        for host, address in zip(hosts + ["alias.example"], PRIVATE + ("127.0.0.1",)):
            try:
                refused(lambda h=host: broker.fetch(f.url(h)), "AddressRefused")
            except AssertionError as failure:
                raise AssertionError(f"{address}: {failure}") from None
    expect(f.inside.requests, [])


@test
def no_spelling_of_a_host_is_another_one(f):
    """Refused as an address, as a URL, or asked about as what it is; none is reached."""
    port = f.inside.port
    spellings = {
        "AddressRefused": ("127.1", "127.0.1", "0", "0x0", "00", "0177.1", "0x7f.0.0.1", "0x7f000001", "017700000001", "127.0.0.1.", "2130706433",
                           "0X7F.1", "0300.0250.1", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::]", "%31%32%37.0.0.1", "127.0.0.1%00"),
        "InvalidArguments": ("\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021", "\u2488\u00b70.0.1", "user@127.0.0.1", "user:pw@127.0.0.1",
                             "example.org@127.0.0.1", "example.org:80@127.0.0.1", "127.0.0.1\\@example.org", "[::1%25lo]", "[::1", "ex\u00e4mple.org",
                             "127.0.0.1 ", "127.0.0.1\t", "exa mple.org", "a..b", ".example.org"),
        "ApprovalNeeded": ("xn--exmple-cua.org", "example.org.", "EXAMPLE.org", "127.0.0.1.example.org",
                           "0x100000000", "256.1.1.1", "1.2.3.4.5"),  # names; judged when they are resolved
    }
    with Broker(backend="local") as broker:
        for wanted, hosts in spellings.items():
            for host in hosts:
                seen = broker.fetch(f"http://{host}:{port}/").error
                name = seen.short if seen else "nothing"
                allowed = {wanted, "InvalidArguments"} if wanted == "AddressRefused" else {wanted}
                expect_true(name in allowed, f"{host!r}: {name}, wanted {wanted}")
    expect(f.inside.requests, [])


@test
def what_is_asked_about_is_what_is_sent(f):
    f.names.say("plain.example", [PUBLIC])
    with f.broker("plain.example") as broker:
        base = f.url("plain.example")
        broker.fetch(base + "a%0d%0aX-Evil:%201?b=\u00e9%0a c#frag").unwrap()
        sent = f.public.requests[0]
        expect_true("x-evil" not in sent.headers and "#" not in sent.path and " " not in sent.path, sent.path)
        expect(sent.path, "/a%0d%0aX-Evil:%201?b=%C3%A9%0a%20c")
    f.names.say("plain.example", [PUBLIC])
    with f.broker("plain.example") as broker:  # a trailing dot and letter case are no other host
        expect(broker.fetch(f"http://PLAIN.example.:{f.public.port}/").unwrap().body, b"public")


@test
def no_redirect_is_followed_wherever_it_leads(f):
    places = ("file:///etc/passwd", f"http://127.0.0.1:{f.inside.port}/", "gopher://127.0.0.1:25/", "//127.0.0.1/", "/other", "javascript:1",
              "http://user:pw@127.0.0.1/", "http://[::1]/\tx")
    for place in places:
        f.public.script = [Answer(b"moved", 302, headers=[("Location", place), ("Refresh", f"0; url={place}")])]
        with Broker(backend="local", egress=f"allow = http://{PUBLIC}:{f.public.port}") as broker:
            outcome = broker.fetch(f.url(PUBLIC)).unwrap()
            expect((outcome.done["status"], outcome.done["location"], outcome.body), (302, place, b"moved"))
    expect((len(f.public.requests), f.inside.requests), (len(places), []))


@test
def an_answer_that_is_no_http_is_a_failure(f):
    head = b"HTTP/1.1 200 OK\r\n"
    bad = {"HTTP/0.9": b"just text", "no status": b"HTTP/1.1 \r\n\r\nx", "another protocol": b"SSH-2.0-x\r\n",
           "a negative length": head + b"Content-Length: -5\r\n\r\nabcde",
           "a bad chunk": head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", "a NUL in the head": head + b"X-A: a\0b\r\nContent-Length: 1\r\n\r\nx",
           "a head of a megabyte": head + b"X-A: " + b"a" * (1 << 20) + b"\r\n\r\n", "ten thousand lines": head + b"X-A: a\r\n" * 10000 + b"\r\n",
           "packed badly": head + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde", "nothing": b""}
    with Broker(backend="local", egress=f"allow = http://{PUBLIC}:{f.public.port}") as broker:
        for name, raw in bad.items():
            f.public.script = [Answer(raw, raw=True, close=True)]
            outcome = broker.fetch(f.url(PUBLIC))
            expect(outcome.error and outcome.error.short, "ProviderFailed", name)
            expect_true(outcome.error.parameters["reason"].isprintable(), f"{name}: {outcome.error.parameters}")
        split = head + b"Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nx" + head + b"Content-Length: 4\r\n\r\nevil"
        f.public.script = [Answer(split, raw=True, close=True)]
        expect(broker.fetch(f.url(PUBLIC)).unwrap().body, b"x", "the second answer belongs to nobody")
        f.public.script = [Answer(b"x")]
        expect(broker.fetch(f.url(PUBLIC)).unwrap().body, b"x")


if __name__ == "__main__":
    if os.geteuid() != 0 or not shutil.which("ip"):
        print("1..0 # SKIP root and the ip program (a network of its own)")
        sys.exit(0)
    enter([PUBLIC + "/32"])
    run(Fixture)
