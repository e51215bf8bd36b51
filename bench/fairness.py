# SPDX-License-Identifier: Apache-2.0 OR MIT
"""How much one busy thread delays the first token of another one.

The provider, which serves both, is a process of its own, as is whoever waits for the first token: what is
measured is the daemons' doing. A busy thread does one kind of heavy work again and again.
"""
import contextlib
import os
import signal
import threading
import time

from provider import Answer, Provider, calls, text
from system import System
from varlink import Gone, VarlinkError

QUIET, ASKED, ANSWERS = "quiet", 40, 24
PAGE = b"<html><body>" + b"<p>Some <b>words</b> of a <a href='/x'>long</a> page, with what pages have.</p>\n" * 60000 + b"</body></html>"
COMMAND = "head -c 48000 /dev/urandom | base64 -w 100"


def echoes(number, count, words):
    return calls(*[("echo", {"message": f"{number} {n} " + "word " * words}) for n in range(count)], words=False)


def large_json(number):
    return calls(*[("json", {"operation": "stringify", "data": '{"n": %d, "a": [' % (number * 4 + n) + "1, " * 300000 + "2]}"})
                   for n in range(4)], words=False)


def commands(number):
    return calls(*[("shell", {"command": f"{COMMAND} # {number} {n}"}) for n in range(4)])


def pages(number, site):
    return calls(*[("http", {"url": f"{site}/{number}/{n}"}) for n in range(2)])


# What the busy thread does: one answer of its model, by its number and the address of a site.
WORK = {
    "64 calls of 2 kB an answer": lambda number, _: echoes(number, 64, 400),
    "a conversation that grows to 8 MB": lambda number, _: echoes(number, 16, 3000),
    "JSON of 0.9 MB, 4 an answer": lambda number, _: large_json(number),
    "commands that print 64 kB, 4 an answer": lambda number, _: commands(number),
    "pages of 5 MB, 2 an answer": pages,
}


@contextlib.contextmanager
def apart(work):
    """A provider in a process of its own: "quiet" is answered at once, anything else is work, for ever."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        serve(work, writer)
    os.close(writer)
    try:
        yield os.read(reader, 256).decode()
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def serve(work, writer):
    answers, lock = [], threading.Lock()

    def say(request):
        if request.method == "GET":
            return Answer(PAGE, content_type="text/html")
        if b'"content":"quiet' in request.body[-4096:]:
            return text("pong pong pong")
        with lock:
            answers.append(answers.pop(0))
            return answers[-1]
    with Provider(say, keep_requests=False) as provider:
        for number in range(ANSWERS):  # made beforehand: what is measured is not the provider
            answers.append(work(number, f"http://127.0.0.1:{provider.port}").answer(True, number))
        os.write(writer, provider.url.encode())
        signal.pause()


class Url:
    def __init__(self, url):
        self.url = url


def first_tokens(system, count):
    """ms from Submit to the first word, asked one after the other."""
    took = []
    with system.agent() as live, system.agent() as link:
        system.submit("quiet", thread=QUIET, link=link)
        events = live.more("io.clawos.Agent.Subscribe", {"thread": QUIET, "afterSeq": 0, "follow": True, "live": True})
        wait_done(events)
        for _ in range(count):
            time.sleep(0.02)
            began = time.monotonic()
            system.submit("quiet", thread=QUIET, link=link)
            for reply in events:
                event = reply["event"]
                if event and event["kind"] == "text":
                    took.append((time.monotonic() - began) * 1e3)
                    break
            wait_done(events)
    return took


def wait_done(events):
    for reply in events:
        if reply["event"] and reply["event"]["kind"] == "turn-done":
            return


def work_on(system):
    """One thread that always works."""
    number = 0
    while True:
        number += 1
        try:
            system.ask(f"work {number}", thread=f"busy {number}")
        except (Gone, OSError, VarlinkError):
            return


def delays(work):
    """(idle, busy): first tokens without and with the busy thread, ms."""
    with apart(work) as url:
        site = url[: url.rindex("/")]
        with System(Url(url), config=f"[egress]\nallow = {site}\n[agent]\nmax_iterations = 1000\n") as system:
            idle = first_tokens(system, ASKED)
            threading.Thread(target=work_on, args=(system,), daemon=True).start()
            time.sleep(1)
            return idle, first_tokens(system, ASKED)
