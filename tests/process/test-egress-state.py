#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What claw-egressd keeps and gives back: the key, rules, the log, memory, descriptors; how it starts and stops.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root (peers of other uids).
"""
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
from broker import EGRESS_UID, KEY, Broker, refused, resident_kib, served  # noqa: E402
from provider import error, text  # noqa: E402
from tap import Skip, expect, expect_true, run, test  # noqa: E402
from varlink import Gone  # noqa: E402


@test
def the_key_is_in_no_reply_no_log_and_no_file():
    with served([error(401), text("x")], settings="retries = 0") as (broker, _):
        replies = [json.dumps(o.__dict__, default=repr) for o in (broker.complete(), broker.complete())]
        replies += [json.dumps(broker.status()), json.dumps(broker.person("Rules")), broker.daemon.log()]
        for name in os.listdir(broker.state):
            with open(os.path.join(broker.state, name), encoding="utf-8") as file:
                replies.append(file.read())
        with open(f"/proc/{broker.daemon.pid}/environ", encoding="latin-1") as file:
            replies.append(file.read())
        with open(f"/proc/{broker.daemon.pid}/cmdline", encoding="latin-1") as file:
            replies.append(file.read())
        for reply in replies:
            expect_true(KEY not in reply and KEY[3:] not in reply, reply[:200])


@test
def the_process_cannot_be_traced_or_dumped_by_its_own_user():
    with Broker(backend="local") as broker:
        expect(os.stat(f"/proc/{broker.daemon.pid}/mem").st_uid, 0)


@test
def every_request_has_its_line_in_the_log():
    with served([text("x"), error(400)], egress="", settings="") as (broker, provider):
        broker.complete()
        broker.complete(intent=12)
        refused(lambda: broker.fetch("https://example.org/?hidden=1", "POST", b"123"), "ApprovalNeeded")
        lines = broker.requests_log()
        expect([(line["kind"], line["method"], line["host"], line["status"], line["result"], line["intent"]) for line in lines],
               [("complete", "POST", f"127.0.0.1:{provider.port}", 200, "ok", 7), ("complete", "POST", f"127.0.0.1:{provider.port}", 400, "ok", 12),
                ("fetch", "POST", "example.org:443", 0, "ApprovalNeeded", 9)])
        expect_true("hidden" not in json.dumps(lines), "a query is in the log")
        expect(broker.status()["requests"], 3)
        expect(oct(os.stat(os.path.join(broker.state, "requests.log")).st_mode & 0o777), "0o600")


@test
def the_log_is_bounded():
    with served([], text("x")) as (broker, _):
        path = os.path.join(broker.state, "requests.log")
        broker.complete()
        broker.daemon.stop()
        with open(path, "a", encoding="ascii") as file:
            file.write("x" * (4 << 20) + "\n")
        broker.daemon.start()
        broker.complete()
        expect(len(broker.requests_log()), 1)
        expect_true(os.path.getsize(path + ".1") > 4 << 20, "the old log is kept once")


def refuses_to_start(broker, *words, rules=None):
    broker.wait = False
    with broker:
        expect(broker.daemon.wait(), 1)
        log = broker.daemon.log()
        for word in words:
            expect_true(word in log, f"{word!r} is not in {log!r}")
        if rules is not None:
            with open(os.path.join(broker.state, "rules"), encoding="utf-8") as file:
                expect(file.read(), rules, "it is left untouched")


@test
def a_broken_rules_file_is_refused_with_its_line():
    for content, word in (("", "rules:1"), ("nonsense\n", "rules:1"), ("clawos-rules 1\nrule 1 https example.org 443 5\n", "rules:2"),
                          ("clawos-rules 1\n# x\nrule 1 ftp example.org 443 5 0\n", "rules:3"),
                          ("clawos-rules 1\nrule 1 https Example.org 443 5 0\n", "rules:2"),
                          ("clawos-rules 1\nrule 2 https a.org 443 5 0\nrule 1 https b.org 443 5 0\n", "rules:3"),
                          ("clawos-rules 1\nrule 1 https a.org 443 5 0", "rules:2"), ("clawos-rules 1\n\n", "rules:2"),
                          ("clawos-rules 1\nrule 1 https a.org 443 5 0 9\n", "rules:2"),
                          ("clawos-rules 2\nrule 1 5 0 0 - allow http GET https://Example.org\n", "rules:2"),
                          ("clawos-rules 2\nrule 1 5 0 0 - allow http any https://.example.org\n", "rules:2"),
                          ("clawos-rules 2\nrule 1 5 0 0 %4 ask shell\n", "rules:2"), ("clawos-rules 2\nrule 1 5 0 - ask shell\n", "rules:2"),
                          ("clawos-rules 2\n# x\nrule 2 5 0 0 - ask shell\nrule 2 5 0 0 - ask grep\n", "rules:4"),
                          ("clawos-rules 3\nrule 1 5 0 0 - ask shell\n", "rules:1")):
        broker = Broker(backend="local")
        path = os.path.join(broker.state, "rules")
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        os.chown(path, EGRESS_UID, EGRESS_UID)
        refuses_to_start(broker, word, rules=content)


@test
def a_wrong_configuration_is_refused_by_name():
    refuses_to_start(Broker(backend="nonsense"), "conf:2", "backend")
    refuses_to_start(Broker(backend="openai_compatible"), "base_url is missing")
    refuses_to_start(Broker("ftp://x/"), "base_url")
    refuses_to_start(Broker("https://user:pw@x/v1"), "base_url", "user or password")
    refuses_to_start(Broker(backend="local", egress="allow = https://example.org/path"), "allow")
    refuses_to_start(Broker(backend="local", egress="unknown = 1"), "unknown")
    refuses_to_start(Broker(backend="local", egress="ca_file = /nowhere/ca.pem"), "ca_file /nowhere/ca.pem")
    refuses_to_start(Broker("https://x.example/v1", provider="extra_headers = Host:x"), "Host")
    refuses_to_start(Broker("https://x.example/v1", key="two words"), "secret")


@test
def an_idle_daemon_does_not_wake_up():
    with served([], text("x")) as (broker, _):
        for _ in range(3):
            broker.complete().unwrap()
        time.sleep(6)  # the watchdog is disarmed with the last feed

        def switches():
            with open(f"/proc/{broker.daemon.pid}/status", encoding="ascii") as file:
                return sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)

        before = switches()
        time.sleep(3)
        expect(switches() - before, 0)


def needs_plain_build(broker):
    with open(f"/proc/{broker.daemon.pid}/maps", encoding="ascii") as file:
        if "libasan" in file.read():
            raise Skip("a build without sanitizers (they keep what was freed)")


@test
def start_up_memory_is_given_back():
    with served([], text("x")) as (broker, _):
        needs_plain_build(broker)
        at_start = resident_kib(broker.daemon.pid)
        for _ in range(10):
            broker.complete().unwrap()
        after = resident_kib(broker.daemon.pid)
        expect_true(at_start < 6 << 10 and after < 9 << 10, f"{at_start}, then {after} KiB resident")


@test
def a_stop_ends_calls_under_way():
    never = threading.Event()
    with served([], text("x", wait=never)) as (broker, _):
        outcome = {}
        thread = threading.Thread(target=lambda: outcome.update(end=stopped(broker)))
        thread.start()
        time.sleep(0.3)
        expect(broker.daemon.stop(), 0)
        thread.join()
        expect(outcome["end"], "gone")
        never.set()


def stopped(broker):
    try:
        broker.complete()
    except Gone:
        return "gone"
    return "answered"


@test
def a_thousand_calls_leave_no_descriptor_and_no_memory_behind():
    with served([], text("x", words=False)) as (broker, _):
        needs_plain_build(broker)

        def count():
            return len(os.listdir(f"/proc/{broker.daemon.pid}/fd"))

        with broker.link() as link:
            for _ in range(100):
                broker.complete(link=link)
            before, memory = count(), resident_kib(broker.daemon.pid)
            for _ in range(1000):
                broker.complete(link=link)
            expect(count(), before)
            expect_true(resident_kib(broker.daemon.pid) - memory < 1024, f"{memory} to {resident_kib(broker.daemon.pid)} KiB")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("1..0 # SKIP root (calls are made as several uids)")
        sys.exit(0)
    run()
