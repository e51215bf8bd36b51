# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A server that says what a script tells it to, well or badly: OpenAI chat completions, and on /messages Anthropic's.

    with Provider([calls(("echo", {"message": "hi"})), text("done")]) as provider:
        provider.url          # http://127.0.0.1:PORT/v1
        provider.requests     # what came: method, path, headers, body, json, at (seconds)

A script is a list of answers, used in order (then `otherwise`, else a 500 that says so), or a
function (request) -> answer. Answers stream when the request says "stream": true. Each answer takes
the options of Answer: delays, chunk sizes, cuts, headers.

From a shell: provider.py [--port N] [--zero-latency] [--script FILE] prints the URL and serves.
FILE is a JSON list of {"text": …, "calls": [[NAME, ARGUMENTS], …], "status": …, options …}.
"""
import argparse
import json
import socket
import ssl
import sys
import threading
import time

HEAD_BYTES_MAX = 256 << 10
REASONS = {200: "OK", 201: "Created", 204: "No Content", 301: "Moved", 302: "Found", 400: "Bad Request", 401: "Unauthorized",
           404: "Not Found", 408: "Timeout", 409: "Conflict", 413: "Too Large", 429: "Too Many Requests",
           500: "Internal Server Error", 502: "Bad Gateway", 503: "Unavailable"}


class Request:
    def __init__(self, method, path, headers, body):
        self.method = method
        self.path = path
        self.headers = headers  # names in lower case
        self.body = body
        self.at = time.monotonic()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def last(self):
        """The content of the last message."""
        return self.json["messages"][-1]["content"]


class Answer:
    """What goes back. body: bytes, or a list of pieces (each is sent as one chunk)."""

    def __init__(self, body=b"", status=200, content_type="application/json", headers=(), first_delay=0.0, delay=0.0,
                 piece=None, cut_after=None, length=None, close=False, raw=False, wait=None, head_piece=None):
        self.pieces = [body] if isinstance(body, bytes) else list(body)
        self.streamed = not isinstance(body, bytes)
        self.status = status
        self.content_type = content_type
        self.headers = list(headers)
        self.first_delay = first_delay  # seconds before the head
        self.delay = delay  # seconds before each piece
        self.cut_after = cut_after  # connection is reset after so many bytes of the body
        self.length = length  # a Content-Length that may be a lie
        self.close = close  # close the connection afterwards
        self.raw = raw  # pieces are the bytes on the wire, head included
        self.wait = wait  # a threading.Event that has to be set before the body
        self.head_piece = head_piece  # the head goes out in pieces of so many bytes, delay between them
        if piece:  # cut into pieces of so many bytes
            whole = b"".join(self.pieces)
            self.pieces = [whole[i : i + piece] for i in range(0, len(whole), piece)]
            self.streamed = True


class Message:
    """An assistant's message; becomes an Answer when the request is known (streamed or whole)."""

    def __init__(self, content=None, tool_calls=(), finish=None, usage=(10, 5), reasoning=None, model="fake", words=True, **options):
        self.content = content
        self.tool_calls = [(name, arguments if isinstance(arguments, str) else json.dumps(arguments)) for name, arguments in tool_calls]
        self.finish = finish or ("tool_calls" if self.tool_calls else "stop")
        self.usage = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)} if usage else None
        self.reasoning = reasoning
        self.model = model
        self.words = words  # stream word by word, else in one piece
        self.options = options
        self.made = {}

    def answer(self, stream, number, form=None):
        form = form or self
        if (stream, form is self) not in self.made:
            self.made[stream, form is self] = form.streamed(number) if stream else form.whole(number)
        return self.made[stream, form is self]

    def calls_json(self, number, index):
        return [{**({"index": i} if index else {}), "id": f"call_{number}_{i}", "type": "function",
                 "function": {"name": name, "arguments": arguments}} for i, (name, arguments) in enumerate(self.tool_calls)]

    def whole(self, number):
        message = {"role": "assistant", "content": self.content}
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
        if self.tool_calls:
            message["tool_calls"] = self.calls_json(number, False)
        body = {"id": f"chatcmpl-{number}", "object": "chat.completion", "model": self.model,
                "choices": [{"index": 0, "message": message, "finish_reason": self.finish}]}
        if self.usage:
            body["usage"] = self.usage
        return Answer(json.dumps(body).encode(), **self.options)

    def streamed(self, number):
        deltas = [{"role": "assistant", "content": ""}]
        if self.reasoning:
            deltas.append({"reasoning_content": self.reasoning})
        deltas += [{"content": word} for word in split_words(self.content or "", self.words)]
        for call in self.calls_json(number, True):
            arguments = call["function"]["arguments"]
            half = len(arguments) // 2 if self.words else len(arguments)
            call["function"]["arguments"] = arguments[:half]
            deltas.append({"tool_calls": [call]})
            if arguments[half:]:
                deltas.append({"tool_calls": [{"index": call["index"], "function": {"arguments": arguments[half:]}}]})
        pieces = [self.chunk(number, {"index": 0, "delta": delta, "finish_reason": None}) for delta in deltas]
        pieces.append(self.chunk(number, {"index": 0, "delta": {}, "finish_reason": self.finish}))
        if self.usage:
            pieces.append(event({"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "choices": [], "usage": self.usage}))
        pieces.append(b"data: [DONE]\n\n")
        return Answer(pieces if self.words else [b"".join(pieces)], content_type="text/event-stream", **self.options)

    def chunk(self, number, choice):
        return event({"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "model": self.model, "choices": [choice]})


class Blocks:
    """The same message in Anthropic's form. signature: of its thinking, None for none."""

    STOPS = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "content_filter": "refusal"}

    def __init__(self, message):
        self.message = message
        usage = message.usage or {"prompt_tokens": 0, "completion_tokens": 0}
        self.usage = {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"]}
        self.stop = self.STOPS.get(message.finish, message.finish)

    def blocks(self, number):
        message = self.message
        if message.reasoning:
            yield {"type": "thinking", "thinking": message.reasoning, "signature": f"sig-{number}"}
        if message.content:
            yield {"type": "text", "text": message.content}
        for i, (name, arguments) in enumerate(message.tool_calls):
            yield {"type": "tool_use", "id": f"toolu_{number}_{i}", "name": name, "input": arguments}

    def whole(self, number):
        blocks = [{**b, "input": json.loads(b["input"])} if b["type"] == "tool_use" else b for b in self.blocks(number)]
        body = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": self.message.model, "content": blocks,
                "stop_reason": self.stop, "stop_sequence": None, "usage": self.usage}
        return Answer(json.dumps(body).encode(), **self.message.options)

    def streamed(self, number):
        head = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": self.message.model, "content": [],
                "stop_reason": None, "stop_sequence": None, "usage": {**self.usage, "output_tokens": 1}}
        events = [{"type": "message_start", "message": head}, {"type": "ping"}]
        for i, block in enumerate(self.blocks(number)):
            empty = {"thinking": {"thinking": "", "signature": ""}, "text": {"text": ""}, "tool_use": {"input": {}}}[block["type"]]
            events.append({"type": "content_block_start", "index": i, "content_block": {**block, **empty}})
            events += [{"type": "content_block_delta", "index": i, "delta": delta} for delta in self.deltas(block)]
            events.append({"type": "content_block_stop", "index": i})
        events += [{"type": "message_delta", "delta": {"stop_reason": self.stop, "stop_sequence": None},
                    "usage": {"output_tokens": self.usage["output_tokens"]}}, {"type": "message_stop"}]
        pieces = [f"event: {e['type']}\n".encode() + event(e) for e in events]
        return Answer(pieces, content_type="text/event-stream", **self.message.options)

    def deltas(self, block):
        if block["type"] == "text":
            return [{"type": "text_delta", "text": word} for word in split_words(block["text"], self.message.words)]
        if block["type"] == "thinking":
            return [{"type": "thinking_delta", "thinking": block["thinking"]}, {"type": "signature_delta", "signature": block["signature"]}]
        half = len(block["input"]) // 2
        return [{"type": "input_json_delta", "partial_json": part} for part in ("", block["input"][:half], block["input"][half:])]


def split_words(content, words):
    if not words:
        return [content] if content else []
    out, start = [], 0
    for i, c in enumerate(content):
        if c == " " and i > start:
            out.append(content[start:i])
            start = i
    return out + ([content[start:]] if content[start:] else [])


def event(value):
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def text(content, **options):
    return Message(content, **options)


def calls(*tool_calls, content=None, **options):
    """calls(("echo", {"message": "x"}), …)"""
    return Message(content, tool_calls, **options)


def error(status, message="no", code=None, retry_after=None, **options):
    body = json.dumps({"error": {"message": message, "code": code}}).encode()
    headers = [("Retry-After", str(retry_after))] if retry_after is not None else []
    return Answer(body, status=status, headers=headers, **options)


def stream(*events, **options):
    """A stream of exactly these events (bytes, or values that become JSON)."""
    return Answer([e if isinstance(e, bytes) else event(e) for e in events], content_type="text/event-stream", **options)


def html(status, body="<html><title>Bad gateway</title></html>", **options):
    return Answer(body.encode(), status=status, content_type="text/html", **options)


def hang_up():
    """The connection is closed without an answer."""
    return Answer(b"", raw=True, close=True)


class Provider:
    def __init__(self, script=(), otherwise=None, host="127.0.0.1", port=0, tls=None, keep_requests=True):
        self.script = script if callable(script) else list(script)
        self.otherwise = otherwise
        self.requests = []
        self.connections = 0
        self.keep_requests = keep_requests
        self.lock = threading.Lock()
        self.number = 0
        self.tls = tls  # an ssl.SSLContext
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.create_server((host, port), family=family, backlog=1024)
        self.port = self.sock.getsockname()[1]
        self.host = host
        self.open = set()
        self.thread = threading.Thread(target=self.accept, daemon=True)

    @property
    def url(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/v1"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
        with self.lock:
            for connection in self.open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def accept(self):
        while True:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.open.add(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        bare = connection
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            pending = b""
            while True:
                request, pending = read_request(connection, pending)
                if request is None or not self.respond(connection, request):
                    return
        except (OSError, ssl.SSLError, ValueError):
            return
        finally:
            with self.lock:
                self.open.discard(bare)
            connection.close()

    def choose(self, request):
        with self.lock:
            self.number += 1
            number = self.number
            if self.keep_requests:
                self.requests.append(request)
            if callable(self.script):
                answer = None
            elif self.script:
                answer = self.script.pop(0)
            else:
                answer = self.otherwise or error(500, "the script has no more answers")
        if answer is None:
            answer = self.script(request)
        if isinstance(answer, Message):
            streamed = b'"stream":true' in request.body or b'"stream": true' in request.body
            answer = answer.answer(streamed, number, Blocks(answer) if request.path.endswith("/messages") else None)
        return answer

    def respond(self, connection, request):
        """False ends the connection."""
        answer = self.choose(request)
        if answer.first_delay:
            time.sleep(answer.first_delay)
        if answer.raw:
            send_pieces(connection, answer, answer.pieces, chunked=False)
            return not answer.close
        head = self.head(answer)
        if answer.head_piece:
            for i in range(0, len(head), answer.head_piece):
                connection.sendall(head[i : i + answer.head_piece])
                time.sleep(answer.delay)
            head = b""
        if not answer.delay and answer.cut_after is None and not answer.wait:
            body = b"".join(chunk(p) for p in answer.pieces) + b"0\r\n\r\n" if answer.streamed else answer.pieces[0]
            connection.sendall(head + body)
            return not answer.close
        connection.sendall(head)
        if answer.wait:
            answer.wait.wait(60)
        return send_pieces(connection, answer, answer.pieces, chunked=answer.streamed) and not answer.close

    def head(self, answer):
        lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Status')}"]
        if answer.content_type:
            lines.append(f"Content-Type: {answer.content_type}")
        lines += [f"{name}: {value}" for name, value in answer.headers]
        if answer.length is not None:
            lines.append(f"Content-Length: {answer.length}")
        elif answer.streamed:
            lines.append("Transfer-Encoding: chunked")
        else:
            lines.append(f"Content-Length: {len(answer.pieces[0])}")
        if answer.close:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(piece):
    return b"%x\r\n%s\r\n" % (len(piece), piece) if piece else b""


def send_pieces(connection, answer, pieces, chunked):
    """False when the connection was cut on purpose."""
    sent = 0
    for piece in pieces:
        if answer.delay:
            time.sleep(answer.delay)
        if answer.cut_after is not None and sent + len(piece) > answer.cut_after:
            piece = piece[: answer.cut_after - sent]
            connection.sendall(chunk(piece) if chunked else piece)
            return False
        sent += len(piece)
        connection.sendall(chunk(piece) if chunked else piece)
    if answer.cut_after is not None:
        return False
    if chunked:
        connection.sendall(b"0\r\n\r\n")
    return True


def read_request(connection, pending):
    """The next request and the bytes behind it; (None, b"") at the end."""
    while b"\r\n\r\n" not in pending:
        data = connection.recv(65536)
        if not data or len(pending) > HEAD_BYTES_MAX:
            return None, b""
        pending += data
    head, _, pending = pending.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ", 2)
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    parts = [pending]
    have = len(pending)
    while have < length:
        data = connection.recv(1 << 20)
        if not data:
            return None, b""
        parts.append(data)
        have += len(data)
    pending = b"".join(parts)
    return Request(method, path, headers, pending[:length]), pending[length:]


def from_json(entry):
    options = {k: v for k, v in entry.items() if k not in ("text", "calls", "error", "status", "message")}
    if "status" in entry and entry["status"] != 200:
        return error(entry["status"], entry.get("message", "no"), **options)
    return Message(entry.get("text"), [tuple(call) for call in entry.get("calls", [])], **options)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", help="JSON list of answers; the last one is repeated for ever")
    parser.add_argument("--zero-latency", action="store_true", help="answer every request at once with one short text")
    options = parser.parse_args()
    script = []
    if options.script:
        with open(options.script, encoding="utf-8") as file:
            script = [from_json(entry) for entry in json.load(file)]
    otherwise = script[-1] if script else text("ok", words=not options.zero_latency)
    with Provider(script, otherwise, port=options.port, keep_requests=False) as provider:
        print(provider.url, flush=True)
        sys.stdin.read()  # until the one who started it goes away


if __name__ == "__main__":
    main()
