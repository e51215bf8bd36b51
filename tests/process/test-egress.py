#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""claw-egressd as a separate process, against a provider that misbehaves on purpose.

Environment: CLAWOS_BIN (folder with the built daemons). Needs root (peers of other uids).
"""
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
import provider as fake  # noqa: E402
from broker import AGENT, EGRESS, EGRESS_UID, KEY, OTHER, REQUEST, Broker, Outcome, memfd, read_all, refused, served  # noqa: E402
from provider import Answer, Provider, error, hang_up, text  # noqa: E402
from tap import Skip, expect, expect_true, run, test  # noqa: E402
from varlink import Gone  # noqa: E402


# Complete


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
        failure = refused(lambda: broker.call("Complete", {"path": "/x", "offset": 3, "length": 10, "stream": True, "intent": 1}, b"123456"),
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
def closing_the_connection_ends_the_call_within_ten_milliseconds():
    never = threading.Event()
    with served([], text("x", wait=never)) as (broker, provider):
        took = []
        for _ in range(5):
            link = broker.link()
            body, (reading, writing) = memfd(REQUEST), os.pipe()
            link.send(EGRESS + "Complete", {"path": "/x", "offset": 0, "length": len(REQUEST), "stream": True, "intent": 1},
                      [body, writing], more=True)
            os.close(body)
            os.close(writing)
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
def a_call_that_waits_to_retry_can_be_cancelled():
    with served([], error(500), settings="retry_wait = 60000") as (broker, _):
        link = broker.link()
        body, (reading, writing) = memfd(REQUEST), os.pipe()
        link.send(EGRESS + "Complete", {"path": "/x", "offset": 0, "length": len(REQUEST), "stream": True, "intent": 1},
                  [body, writing], more=True)
        os.close(body)
        os.close(writing)
        time.sleep(0.2)
        link.close()
        expect_true(bool(select.select([reading], [], [], 1)[0]), "the pipe stays open")
        os.close(reading)
        expect(broker.status()["underWay"], 0)


@test
def a_reader_that_does_not_read_stops_the_provider_not_the_daemon():
    big = b"y" * (24 << 20)
    with served([Answer(big)], text("x"), settings="idle_timeout = 1") as (broker, provider):
        link = broker.link()
        body, (reading, writing) = memfd(REQUEST), os.pipe()
        link.send(EGRESS + "Complete", {"path": "/x", "offset": 0, "length": len(REQUEST), "stream": True, "intent": 1},
                  [body, writing], more=True)
        os.close(body)
        os.close(writing)
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
            body, (reading, writing) = memfd(REQUEST), os.pipe()
            link.send(EGRESS + "Complete", {"path": "/x", "offset": 0, "length": len(REQUEST), "stream": True, "intent": 1},
                      [body, writing], more=True)
            os.close(writing)
            os.close(body)
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
        failure = refused(lambda: broker.call("Complete", {"path": "/x", "offset": 0, "length": (16 << 20) + 1, "stream": True, "intent": 1}),
                          "QuotaExceeded")
        expect(failure["value"], 16 << 20)
        expect(provider.requests, [])


@test
def two_hundred_calls_run_at_once():
    gate = threading.Event()
    with served([], text("x", wait=gate)) as (broker, provider):
        outcomes = [None] * 200

        def one(i):
            outcomes[i] = broker.complete(json.dumps({"stream": True, "n": i}).encode())

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
def paths_that_could_change_the_request_are_refused():
    with served([], text("x")) as (broker, provider):
        for path in ("", "x", "/../x", "//x", "/a b", "/a?b", "/a#b", "/a\r\nX: y", "/a%0d", "/" + "a" * 300):
            refused(lambda path=path: broker.complete(path=path), "InvalidArguments")
        expect(provider.requests, [])


@test
def descriptors_of_the_wrong_kind_are_refused():
    with served([], text("x")) as (broker, provider):
        parameters = {"path": "/x", "offset": 0, "length": 1, "stream": True, "intent": 1}
        reading, writing = os.pipe()
        body = memfd(b"x")
        for fds in ([], [body], [writing, writing], [body, body], [body, reading]):
            with broker.link() as link:
                refused(lambda link=link, fds=fds: list(link.more(EGRESS + "Complete", parameters, fds)), "InvalidArguments")
        for fd in (body, reading, writing):
            os.close(fd)
        expect(provider.requests, [])


# who may do what


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


# TLS


@contextlib.contextmanager
def certificates():
    """A folder with ca.pem and a certificate for localhost and 127.0.0.1 signed by it."""
    if not shutil.which("openssl"):
        raise Skip("the openssl program")
    folder = tempfile.mkdtemp(prefix="clawos-tls-")
    os.chmod(folder, 0o755)

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    with open(os.path.join(folder, "names"), "w", encoding="ascii") as file:
        file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test ca")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-out", "server.pem", "-days", "2", "-extfile", "names")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def tls_context(folder):
    context = fake.ssl.SSLContext(fake.ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "server.pem"), os.path.join(folder, "server.key"))
    return context


@test
def tls_is_verified():
    with certificates() as folder, Provider([], text("x"), host="0.0.0.0", tls=tls_context(folder)) as provider:
        url = provider.url.replace("0.0.0.0", "127.0.0.1")
        with Broker(url, provider="retries = 0") as broker:
            expect(refused(broker.complete, "ProviderFailed")["what"], "tls")
        trust = f"ca_file = {folder}/ca.pem"
        with Broker(url, egress=trust) as broker:
            expect(broker.complete().unwrap().head["status"], 200)
            expect(provider.requests[0].headers["authorization"], "Bearer " + KEY)
        with Broker(provider.url.replace("0.0.0.0", "127.0.0.2"), egress=trust, provider="retries = 0") as broker:
            expect(refused(broker.complete, "ProviderFailed")["what"], "tls", "the name does not match")
        expect(len(provider.requests), 1)


# the key, the log, start and stop


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    raise AssertionError("no VmRSS")


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
        refused(lambda: broker.fetch("https://example.org/?secret=1", "POST", b"123"), "ApprovalNeeded")
        lines = broker.requests_log()
        expect([(line["kind"], line["method"], line["host"], line["status"], line["result"], line["intent"]) for line in lines],
               [("complete", "POST", f"127.0.0.1:{provider.port}", 200, "ok", 7), ("complete", "POST", f"127.0.0.1:{provider.port}", 400, "ok", 12),
                ("fetch", "POST", "example.org:443", 0, "ApprovalNeeded", 9)])
        expect_true("secret" not in json.dumps(lines), "a query is in the log")
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


def refuses_to_start(broker, *words):
    broker.wait = False
    with broker:
        expect(broker.daemon.wait(), 1)
        log = broker.daemon.log()
        for word in words:
            expect_true(word in log, f"{word!r} is not in {log!r}")


@test
def a_broken_rules_file_is_refused_with_its_line():
    for content, word in (("", "rules:1"), ("nonsense\n", "rules:1"), ("clawos-rules 1\nrule 1 https example.org 443 5\n", "rules:2"),
                          ("clawos-rules 1\n# x\nrule 1 ftp example.org 443 5 0\n", "rules:3"),
                          ("clawos-rules 1\nrule 1 https Example.org 443 5 0\n", "rules:2"),
                          ("clawos-rules 1\nrule 2 https a.org 443 5 0\nrule 1 https b.org 443 5 0\n", "rules:3"),
                          ("clawos-rules 1\nrule 1 https a.org 443 5 0", "rules:2"), ("clawos-rules 1\n\n", "rules:2"),
                          ("clawos-rules 1\nrule 1 https a.org 443 5 0 9\n", "rules:2")):
        broker = Broker(backend="local")
        path = os.path.join(broker.state, "rules")
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        os.chown(path, EGRESS_UID, EGRESS_UID)
        refuses_to_start(broker, word)


@test
def a_wrong_configuration_is_refused_by_name():
    refuses_to_start(Broker(backend="nonsense"), "conf:2", "backend")
    refuses_to_start(Broker(backend="openai_compatible"), "base_url is missing")
    refuses_to_start(Broker("ftp://x/"), "base_url")
    refuses_to_start(Broker("https://user:pw@x/v1"), "base_url", "user name")
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
