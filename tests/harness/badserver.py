# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A provider that misbehaves: each request names the way, `way=NAME;` in its last message, else it is answered well.

    with BadServer({"hangs up": Way(lambda a: [RESET], failed("…"))}) as server:
        server.url, server.counts["hangs up"]

What a way sends is a list of steps: bytes go out as they are, a Step does something else. `a` is the Answer that a good
server would give (its events, its document), so a way says only what is wrong with it.
"""
import functools
import re
import socket
import struct
import threading
import time
import zlib

from provider import Blocks, read_request, text

MARK = re.compile(rb"way=([^;]+);")
WORDS = "fine, thank you"
HOLD_SECONDS = 60
BLOCK = 1 << 16


class Step:
    def __init__(self, act):
        self.act = act  # (connection) -> False to end the connection


def pause(seconds):
    return Step(lambda connection: time.sleep(seconds) or True)


def drip(data, gap):
    """One byte at a time."""
    def act(connection):
        for i in range(len(data)):
            connection.sendall(data[i : i + 1])
            time.sleep(gap)
        return True
    return Step(act)


def repeat(data, n_bytes, gap=0):
    """The same bytes again and again, n_bytes in all."""
    def act(connection):
        block = data * max(1, (BLOCK if not gap else 1) // len(data))
        for _ in range(0, n_bytes, len(block)):
            connection.sendall(block)
            if gap:
                time.sleep(gap)
        return True
    return Step(act)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hold(connection):
    """Says nothing more until the other side leaves."""
    connection.settimeout(HOLD_SECONDS)
    while connection.recv(BLOCK):
        pass
    return False


RESET, CLOSE, HOLD = Step(reset), Step(lambda _: False), Step(hold)


class Answer:
    """What a good server would say to this request."""

    def __init__(self, protocol, stream, attempt):
        self.protocol, self.stream, self.attempt = protocol, stream, attempt  # attempt counts from 1
        self.is_openai = protocol == "openai"

    def message(self, message, stream=None):
        stream = self.stream if stream is None else stream
        return message.answer(stream, 1, None if self.is_openai else Blocks(message)).pieces

    def events(self, words=WORDS, **more):
        """Of a stream, one each; of OpenAI's the last one is [DONE]."""
        return self.message(text(words, **more), True)

    def document(self, words=WORDS, **more):
        return self.message(text(words, **more), False)[0]

    def body(self, words=WORDS, **more):
        return b"".join(self.message(text(words, **more)))

    def good(self, words=WORDS, **headers):
        return self.sent(self.body(words), **headers)

    def sent(self, body, **headers):
        """200 with this body as a server of the asked form sends it: in a chunk, or with its length."""
        if self.stream:
            return head(200, "text/event-stream", Transfer_Encoding="chunked", **headers) + chunk(body) + END
        return page(200, body, **headers)

    def begun(self, **headers):
        """The head of an answer whose end is the end of the connection."""
        return head(200, "text/event-stream" if self.stream else "application/json", **headers)

    def delta(self, words):
        """One event with these words (bytes, put in as they are)."""
        if self.is_openai:
            return b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n' % words
        return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%s"}}\n\n' % words

    def n_begin(self):
        """Events in front of the first word."""
        return 1 if self.is_openai else 3

    def with_words(self, words):
        """The body with these bytes where its words stand."""
        return self.body("@@").replace(b"@@", words)


def head(status, content_type="application/json", **headers):
    lines = [f"HTTP/1.1 {status} Status"] + ([f"Content-Type: {content_type}"] if content_type else [])
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def page(status, body=b"", content_type="application/json", **headers):
    return head(status, content_type, Content_Length=len(body), **headers) + body


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


END = b"0\r\n\r\n"


def gzip(data, wbits=31):
    packer = zlib.compressobj(wbits=wbits)
    return packer.compress(data) + packer.flush()


@functools.cache
def gzip_zeros(n_bytes, front=b"", fill=b" "):
    """A bomb: front and n_bytes of the same byte."""
    packer = zlib.compressobj(wbits=31)
    out = [packer.compress(front)] + [packer.compress(fill * (1 << 20)) for _ in range(n_bytes >> 20)]
    return b"".join(out) + packer.flush()


class Way:
    """steps: Answer -> list of steps; ends: how the turn ends; only: words of protocol and form it is for."""

    def __init__(self, steps, ends, only=(), times=None, requests=None, tools=None, alone=False):
        self.steps, self.ends = steps, ends
        self.only = only.split() if isinstance(only, str) else only
        self.times = times  # so many requests are answered badly, then well; None: all
        self.requests = requests  # how many come
        self.tools = tools  # so many tools are run
        self.alone = alone  # not while others use the server, and with a rest behind it

    def is_for(self, protocol, form):
        return all(word in (protocol, form) for word in self.only)


class BadServer:
    def __init__(self, ways, tls=None, prefix="http"):
        self.ways, self.tls = ways, tls
        self.counts = {}
        self.lock = threading.Lock()
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.sock.getsockname()[1]
        self.url = f"{prefix}://127.0.0.1:{self.port}/v1"
        self.open = set()

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        with self.lock:
            connections = [self.sock, *self.open]
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.sock.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            with self.lock:
                self.open.add(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, bare):
        connection = bare
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            pending = b""
            while True:
                request, pending = read_request(connection, pending)
                if request is None or not self.respond(connection, request):
                    return
        except (OSError, ValueError):
            return
        finally:
            with self.lock:
                self.open.discard(bare)
            connection.close()

    def respond(self, connection, request):
        marks = MARK.findall(request.body)
        name = marks[-1].decode() if marks else ""
        with self.lock:
            attempt = self.counts[name] = self.counts.get(name, 0) + 1
        answer = Answer("anthropic" if request.path.endswith("/messages") else "openai", b'"stream":true' in request.body, attempt)
        way = self.ways.get(name)
        steps = way.steps(answer) if way and (way.times is None or attempt <= way.times) else [answer.good()]
        for step in steps:
            if isinstance(step, Step):
                if not step.act(connection):
                    return False
            else:
                connection.sendall(step)
        return True
