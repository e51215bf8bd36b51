# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The ways in which a provider can misbehave, a line each: what it sends, and how the turn has to end.

FAILS(words): the turn fails and its reason holds the words. ANSWERS(text): it is answered all the same. ENDS: either, for
what may be read in more than one way. Limits are those of test-bad-servers.py (LIMITS).
"""
import json
import time

from badserver import (CLOSE, END, HOLD, RESET, WORDS, Way, chunk, drip, gzip, gzip_zeros, head, page, pause, repeat)
from provider import calls, event

MIB = 1 << 20


def FAILS(*words):
    return ("failed", words)


def ANSWERS(text=WORDS):
    return ("done", (text,))


ENDS = (None, ())
GOOD = ANSWERS()
CUT = "cut off before its end"
BROKE = "the provider's answer broke off"


def words(text="no such luck"):
    return json.dumps({"type": "error", "error": {"type": "some_error", "message": text}}).encode()


def date(seconds):
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + seconds))


def first_calls(*made, **options):
    """Calls of tools in the asked form."""
    return lambda a: [a.sent(b"".join(a.message(calls(*made, **options))))]


# --- a status instead of an answer

STATUS = {400: "the request was refused", 401: "the key was not accepted", 402: "payment is required", 403: "access was refused",
          404: "no such model or address", 405: "the request was refused", 408: "the provider took too long", 409: "refused",
          410: "refused", 418: "refused", 422: "refused", 429: "too many requests", 500: "the provider failed", 501: "the provider failed",
          502: "gateway failed", 503: "overloaded or down", 504: "gateway timed out", 520: "the provider failed", 529: "overloaded"}
PASSING = (408, 409, 429, 500, 502, 503, 504, 520, 529)

WAYS = {}
for status, meaning in STATUS.items():
    n = 2 if status in PASSING else 1
    WAYS[f"{status} with a reason"] = Way(lambda a, s=status: [page(s, words())], FAILS(f"answered {status}, ", meaning, ": no such luck"), requests=n)
    WAYS[f"{status} without a body"] = Way(lambda a, s=status: [page(s)], FAILS(f"answered {status}, ", meaning), requests=n)

WAYS |= {
    "413 with a reason": Way(lambda a: [page(413, words())], FAILS("too long for the model")),
    "413 without a body": Way(lambda a: [page(413)], FAILS("too long for the model")),
    "400 about the context": Way(lambda a: [page(400, words("prompt is too long: 9 > 8"))], FAILS("too long for the model", "/new")),
    "599": Way(lambda a: [page(599)], FAILS("answered 599, the provider failed")),
    "999": Way(lambda a: [page(999)], FAILS("answered 999")),
    "000": Way(lambda a: [b"HTTP/1.1 000 No\r\nContent-Length: 0\r\n\r\n"], FAILS("did not answer")),
    "a page for 502": Way(lambda a: [page(502, b"<html><title>Bad  gateway</title><body>x</body></html>", "text/html")], FAILS("502", ": Bad gateway")),
    "a page for 200": Way(lambda a: [page(200, b"<!doctype html><title>Log in</title>", "text/html")], FAILS("Log in")),
    "plain words for 500": Way(lambda a: [page(500, b"upstream connect error", "text/plain")], FAILS("500", "upstream connect error")),
    "plain words for 200": Way(lambda a: [page(200, b"welcome to nginx", "text/plain")], FAILS("welcome to nginx")),
    "an error body that is cut": Way(lambda a: [head(500, Content_Length=900) + b'{"error":{"mess', CLOSE], FAILS("500")),
    "an error body of 100 MB": Way(lambda a: [head(500, Content_Length=100 * MIB), repeat(b"x", 100 * MIB)], FAILS("answered 500")),
    "an error body of control characters": Way(lambda a: [page(500, words("a\x1b[2J\r\n\x00b"))], FAILS("500", "a [2J b")),
    "an error as a list": Way(lambda a: [page(400, b'[{"error":{"message":"first"}}]')], FAILS("first")),
    "an error of numbers": Way(lambda a: [page(400, b'{"error":{"message":42,"code":[]}}')], FAILS("answered 400")),
    "a redirect to itself": Way(lambda a: [page(302, Location="/v1/messages")], FAILS("302", "a redirect, which is not followed"), requests=1),
    "a redirect for ever": Way(lambda a: [page(307, b"", Location=f"/v1/{a.attempt}")], FAILS("307", "a redirect"), requests=1),
    "a redirect to a file": Way(lambda a: [page(308, b"", Location="file:///etc/passwd")], FAILS("308", "a redirect"), requests=1),
    "304": Way(lambda a: [head(304)], FAILS("304"), requests=1),
    "204": Way(lambda a: [head(204)], FAILS("answer was empty"), requests=1),
    "205": Way(lambda a: [head(205, Content_Length=0)], FAILS("answer was empty")),
}

# --- Retry-After: (words of the header, header) -> the second request is answered well

for value, kind in (("0", "now"), ("1", "in seconds"), ("0.5", "in parts of a second"), ("-5", "before now"), ("soon", "as a word"), ("", "empty"),
                    ("99999999999999999999999", "without end"), ("Mon, 99 Foo 2026", "as no date"), ("1, 1", "twice")):
    WAYS[f"429, again {kind}"] = Way(lambda a, v=value: [page(429, words(), Retry_After=v)], GOOD, times=1, requests=2)
WAYS |= {
    "429, again at a date": Way(lambda a: [page(429, words(), Retry_After=date(1))], GOOD, times=1, requests=2),
    "429, again at a date that has passed": Way(lambda a: [page(429, words(), Retry_After=date(-3600))], GOOD, times=1, requests=2),
    "429, again in milliseconds": Way(lambda a: [page(429, words(), Retry_After_Ms=50)], GOOD, times=1, requests=2),
    "429, again in an hour": Way(lambda a: [page(429, words(), Retry_After=3600)], FAILS("429", "too many requests", "(it says: again in 60 min)"), times=1, requests=1),
    "429, again in the next century": Way(lambda a: [page(429, words(), Retry_After="Fri, 01 Jan 2100 00:00:00 GMT")], FAILS("429", "(it says: again in 6 h or later)"), requests=1),
    "503 once": Way(lambda a: [page(503)], GOOD, times=1, requests=2),
    "lost once": Way(lambda a: [RESET], GOOD, times=1, requests=2),
}

# --- the connection

WAYS |= {
    "reset before the head": Way(lambda a: [RESET], FAILS("did not answer", "reset")),
    "closed before the head": Way(lambda a: [CLOSE], FAILS("did not answer")),
    "reset in the status line": Way(lambda a: [b"HTTP/1.1 2", RESET], FAILS("did not answer")),
    "closed in the status line": Way(lambda a: [b"HTTP/1.1 2", CLOSE], FAILS("did not answer")),
    "reset in the head": Way(lambda a: [b"HTTP/1.1 200 OK\r\nContent-Ty", RESET], FAILS("did not answer")),
    "closed in the head": Way(lambda a: [b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX", CLOSE], FAILS("did not answer")),
    "reset behind the head": Way(lambda a: [head(200, Transfer_Encoding="chunked"), pause(0.05), RESET], FAILS(BROKE), requests=1),
    "closed behind the head": Way(lambda a: [head(200, Transfer_Encoding="chunked"), CLOSE], FAILS(BROKE), requests=1),
    "reset in an event": Way(lambda a: [head(200, Transfer_Encoding="chunked") + chunk(a.body()[:-60]), pause(0.05), RESET], FAILS(BROKE), requests=1),
    "closed in an event": Way(lambda a: [head(200, Transfer_Encoding="chunked") + chunk(a.body()[:90]), CLOSE], FAILS(BROKE), requests=1),
    "closed in a chunk": Way(lambda a: [head(200, Transfer_Encoding="chunked") + chunk(a.body())[:100], CLOSE], FAILS(BROKE)),
    "closed in a chunk's length": Way(lambda a: [head(200, Transfer_Encoding="chunked") + chunk(a.delta(b"x"))[:1], CLOSE], FAILS(BROKE)),
    "closed behind the whole answer": Way(lambda a: [head(200, Transfer_Encoding="chunked") + chunk(a.body()), CLOSE], GOOD),
    "reset behind the whole answer": Way(lambda a: [head(200, Transfer_Encoding="chunked") + chunk(a.body()), pause(0.05), RESET], GOOD),
    "cut without a length": Way(lambda a: [a.begun() + a.body()[:-60], CLOSE], FAILS("cut off"), only="stream"),
    "cut document without a length": Way(lambda a: [a.begun() + a.body()[:-60], CLOSE], FAILS("cut off"), only="whole"),
    "the end of the connection is the end": Way(lambda a: [a.begun() + a.body(), CLOSE], GOOD),
    "HTTP 1.0": Way(lambda a: [a.begun().replace(b"1.1", b"1.0") + a.body(), CLOSE], GOOD),
    "another answer behind the answer": Way(lambda a: [a.good() + a.good("not yours")], GOOD),
    "another answer a moment later": Way(lambda a: [a.good(), pause(0.05), a.good("not yours")], GOOD, alone=True),
    "silence": Way(lambda a: [HOLD], FAILS("first-byte", "no answer came in time"), requests=1),
    "silence in the head": Way(lambda a: [b"HTTP/1.1 200 OK\r\n", HOLD], FAILS("first-byte"), requests=1),
    "silence behind the head": Way(lambda a: [head(200, Transfer_Encoding="chunked"), HOLD], FAILS(BROKE, "idle", "stopped coming")),
    "silence in an event": Way(lambda a: [head(200, Transfer_Encoding="chunked") + chunk(a.body()[:90]), HOLD], FAILS(BROKE, "idle")),
    "silence behind the whole answer": Way(lambda a: [head(200, Transfer_Encoding="chunked") + chunk(a.body()), HOLD], GOOD),
    "a head byte by byte": Way(lambda a: [drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20, 0.2)], FAILS("first-byte")),
    "a body byte by byte": Way(lambda a: [a.begun(), drip(a.body(), 0.2)], FAILS(BROKE, "total")),
    "all in single bytes, quickly": Way(lambda a: [drip(a.good(), 0)], GOOD),
    "comments for ever": Way(lambda a: [a.begun(), repeat(b": ping\n\n", 8 * 400, 0.05)], FAILS(BROKE, "total"), only="stream"),
    "blanks for ever": Way(lambda a: [a.begun(), repeat(b" ", 400, 0.05)], FAILS(BROKE, "total")),
    "words for ever": Way(lambda a: [a.begun(), *a.events()[: a.n_begin()], repeat(a.delta(b"x"), len(a.delta(b"x")) * 400, 0.05)], FAILS(BROKE, "total"), only="stream"),
}

# --- lengths and chunks

WAYS |= {
    "a length that is too short": Way(lambda a: [head(200, Content_Length=len(a.body()) - 60) + a.body()], FAILS("cut off")),
    "a length that is too long, closed": Way(lambda a: [head(200, Content_Length=len(a.body()) + 9) + a.body(), CLOSE], GOOD),
    "a length that is too long, open": Way(lambda a: [head(200, Content_Length=len(a.body()) + 9) + a.body(), HOLD], GOOD),
    "a length without end": Way(lambda a: [head(200, Content_Length="9" * 30) + a.body(), CLOSE], ENDS),
    "a length below zero": Way(lambda a: [head(200, Content_Length="-1") + a.body(), CLOSE], ENDS),
    "a length that is a word": Way(lambda a: [head(200, Content_Length="many") + a.body(), CLOSE], ENDS),
    "two lengths": Way(lambda a: [head(200, Content_Length=4, content_length=len(a.body())) + a.body(), CLOSE], ENDS),
    "chunks that are none": Way(lambda a: [head(200, Transfer_Encoding="chunked") + a.body(), HOLD], FAILS(BROKE, "protocol")),
    "a chunk's length that is a word": Way(lambda a: [head(200, Transfer_Encoding="chunked") + b"many\r\n" + a.body(), HOLD], FAILS(BROKE, "protocol")),
    "a chunk's length without end": Way(lambda a: [head(200, Transfer_Encoding="chunked") + b"f" * 40 + b"\r\n" + a.body(), HOLD], FAILS(BROKE, "protocol")),
    "a chunk larger than it says": Way(lambda a: [head(200, Transfer_Encoding="chunked") + b"5\r\n" + a.body(), HOLD], FAILS(BROKE, "protocol")),
    "chunks of one byte": Way(lambda a: [head(200, Transfer_Encoding="chunked") + b"".join(chunk(bytes([b])) for b in a.body()) + END], GOOD),
    "chunks with extensions and trailers": Way(lambda a: [head(200, Transfer_Encoding="chunked") + chunk(a.body()).replace(b"\r\n", b";a=b\r\n", 1) + b"0\r\nX: y\r\n\r\n"], GOOD),
    "chunks and a length": Way(lambda a: [head(200, Transfer_Encoding="chunked", Content_Length=7) + chunk(a.body()) + END], GOOD),
    "trailers without end": Way(lambda a: [head(200, Transfer_Encoding="chunked") + chunk(a.body()) + b"0\r\n", repeat(b"X: y\r\n", 40 * MIB)], GOOD),
}

# --- codings

WAYS |= {
    "gzip unasked": Way(lambda a: [page(200, gzip(a.body()), Content_Encoding="gzip")], GOOD),
    "deflate unasked": Way(lambda a: [page(200, gzip(a.body(), 15), Content_Encoding="deflate")], GOOD),
    "gzip in chunks": Way(lambda a: [head(200, Content_Encoding="gzip", Transfer_Encoding="chunked") + b"".join(chunk(bytes([b])) for b in gzip(a.body())) + END], GOOD),
    "gzip that is cut": Way(lambda a: [page(200, gzip(a.body())[:-30], Content_Encoding="gzip")], FAILS()),
    "gzip that is none": Way(lambda a: [page(200, a.body(), Content_Encoding="gzip")], FAILS(BROKE, "protocol")),
    "gzip that is not announced": Way(lambda a: [page(200, gzip(a.body()))], FAILS("compressed")),
    "a coding nobody knows": Way(lambda a: [page(200, a.body(), Content_Encoding="rot13")], FAILS("ncoding")),
    "gzip of an error": Way(lambda a: [page(400, gzip(words()), Content_Encoding="gzip")], FAILS("400", "no such luck")),
    "a gzip bomb": Way(lambda a: [page(200, gzip_zeros(200 * MIB, b"{"), Content_Encoding="gzip")], FAILS(BROKE, "hundred times")),
    "a gzip bomb of an error": Way(lambda a: [page(400, gzip_zeros(200 * MIB, b"{"), Content_Encoding="gzip")], FAILS("answered 400")),
}

# --- heads

WAYS |= {
    "100 once": Way(lambda a: [b"HTTP/1.1 100 Continue\r\n\r\n" + a.good()], GOOD),
    "103 with links": Way(lambda a: [b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + a.good()], GOOD),
    "100 a thousand times": Way(lambda a: [b"HTTP/1.1 100 Continue\r\n\r\n" * 1000 + a.good()], ENDS),
    "100 for ever": Way(lambda a: [repeat(b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n", 100 * MIB)], FAILS("did not answer")),
    "101": Way(lambda a: [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" + a.body(), HOLD], FAILS("did not answer")),
    "a header of 1 MB": Way(lambda a: [head(200, X="y" * MIB), HOLD], FAILS("did not answer", "head is too large")),
    "10 000 headers": Way(lambda a: [b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10000 + b"\r\n", HOLD], FAILS("did not answer", "head is too large")),
    "headers for ever": Way(lambda a: [b"HTTP/1.1 200 OK\r\n", repeat(b"X-Y: zzzzzzzzzzzz\r\n", 100 * MIB)], FAILS("did not answer")),
    "a header of raw bytes": Way(lambda a: [a.good().replace(b"\r\n", b"\r\nX\xff: \x01\xfe\r\n", 1)], ENDS),
    "a header without a colon": Way(lambda a: [a.good().replace(b"\r\n", b"\r\nwhatever\r\n", 1)], ENDS),
    "a folded header": Way(lambda a: [a.good().replace(b"\r\n", b"\r\nX: a\r\n  b\r\n", 1)], GOOD),
    "line feeds only": Way(lambda a: [head(200, Content_Length=len(a.body())).replace(b"\r\n", b"\n") + a.body()], GOOD),
    "no content type": Way(lambda a: [page(200, a.body(), None)], GOOD),
    "the wrong content type": Way(lambda a: [page(200, a.body(), "text/html; charset=latin-1")], GOOD),
    "a content type of raw bytes": Way(lambda a: [page(200, a.body(), "\xff\xfe\x01")], ENDS),
    "the other form than asked for": Way(lambda a: [page(200, b"".join(a.message(calls(content=WORDS), not a.stream)))], GOOD),
    "a cookie": Way(lambda a: [a.good(Set_Cookie="a=b")], GOOD),
    "a greeting of ssh": Way(lambda a: [b"SSH-2.0-OpenSSH_9.6\r\n", HOLD], FAILS("did not answer", "HTTP")),
    "a page without a head": Way(lambda a: [b"<html>hello</html>", CLOSE], FAILS("did not answer", "HTTP")),
    "an alert of tls": Way(lambda a: [b"\x15\x03\x01\x00\x02\x02\x46", CLOSE], FAILS("did not answer", "HTTP")),
    "a frame of HTTP 2": Way(lambda a: [b"\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x64\0\4\0\x10\0\0\0\6\0\0\x40\0", CLOSE], FAILS("did not answer", "HTTP")),
    "a status line of words": Way(lambda a: [b"HTTP/1.1 fine thanks\r\n\r\n", HOLD], FAILS("did not answer")),
    "an icecast line": Way(lambda a: [b"ICY 200 OK\r\n\r\n" + a.body(), CLOSE], FAILS("did not answer", "HTTP")),
    "zeros": Way(lambda a: [bytes(4096), CLOSE], FAILS("did not answer", "HTTP")),
}

# --- the events of a stream, the document of an answer

WAYS |= {
    "nothing": Way(lambda a: [page(200)], FAILS("answer was empty"), requests=1),
    "blanks only": Way(lambda a: [page(200, b" \r\n\n")], FAILS("answer was empty")),
    "comments between": Way(lambda a: [a.sent(b": hello\n\n: x\r\n".join(a.events()))], GOOD, only="stream"),
    "comments only": Way(lambda a: [a.sent(b": hello\n\n" * 9)], FAILS(CUT), only="stream"),
    "retry, ids and fields nobody knows": Way(lambda a: [a.sent(b"".join(b"retry: 1\nid: 7\nmood: good\n" + e for e in a.events()))], GOOD, only="stream"),
    "no end mark": Way(lambda a: [a.sent(b"".join(a.events()[:-1]))], GOOD, only="stream"),
    "neither a stop reason nor an end mark": Way(lambda a: [a.sent(b"".join(a.events()[:-3]))], FAILS(CUT), only="stream"),
    "the end mark alone": Way(lambda a: [a.sent(a.events()[-1])], FAILS("no message"), only="stream"),
    "two end marks and more behind them": Way(lambda a: [a.sent(a.body() + a.events()[-1] + a.delta(b"more") + b"garbage")], GOOD, only="stream"),
    "each event twice": Way(lambda a: [a.sent(b"".join(e + e for e in a.events()))], ANSWERS("fine,fine, thank thank you you"), only="stream"),
    "the stop before the words": Way(lambda a: [a.sent(b"".join([*a.events()[:1], *a.events()[-3:-1], *a.events()[1:-3], a.events()[-1]]))], ENDS, only="stream"),
    "events backwards": Way(lambda a: [a.sent(b"".join(reversed(a.events())))], ENDS, only="stream"),
    "the first event missing": Way(lambda a: [a.sent(b"".join(a.events()[1:]))], GOOD, only="stream"),
    "no usage": Way(lambda a: [a.sent(a.body(usage=None))], GOOD),
    "usage of words": Way(lambda a: [a.sent(a.body().replace(b'tokens": 10', b'tokens": "ten"').replace(b'tokens": 5', b'tokens": -5'))], GOOD),
    "usage without end": Way(lambda a: [a.sent(a.body().replace(b'tokens": 10', b'tokens": 18446744073709551615').replace(b'tokens": 5', b'tokens": 1e400'))], ENDS),
    "a byte that is not UTF-8": Way(lambda a: [a.sent(a.with_words(b"a\xffb"))], ANSWERS("a\ufffdb")),
    "half a character": Way(lambda a: [a.sent(a.with_words(b"a\xe2\x82"))], ANSWERS("a\ufffd\ufffd")),
    "half a surrogate": Way(lambda a: [a.sent(a.with_words(b"a\\ud83db"))], ANSWERS("a\ufffdb")),
    "a NUL": Way(lambda a: [a.sent(a.with_words(b"a\\u0000b"))], ANSWERS("a\ufffdb")),
    "a bare NUL": Way(lambda a: [a.sent(a.with_words(b"a\0b"))], FAILS("JSON")),
    "a byte order mark": Way(lambda a: [a.sent(b"\xef\xbb\xbf" + a.body())], GOOD),
    "UTF-16": Way(lambda a: [a.sent(a.body().decode().encode("utf-16"))], FAILS()),
    "carriage returns": Way(lambda a: [a.sent(a.body().replace(b"\n", b"\r"))], GOOD),
    "no blank lines": Way(lambda a: [a.sent(a.body().replace(b"\n\n", b"\n"))], ENDS, only="stream"),
    "lines without data:": Way(lambda a: [a.sent(a.body().replace(b"data: ", b""))], ENDS, only="stream"),
    "an event that is cut JSON": Way(lambda a: [a.sent(b"".join(a.events()[:3]) + b'data: {"choices":[{"del\n\n')], FAILS("not JSON"), only="stream"),
    "a document that is cut JSON": Way(lambda a: [page(200, a.document()[:-20])], FAILS("cut off or is not JSON")),
    "a number": Way(lambda a: [page(200, b"data: 42\n\n" if a.stream else b"[42]")], FAILS()),
    "an object of nothing": Way(lambda a: [page(200, b"{}")], FAILS()),
    "a null": Way(lambda a: [page(200, b"[null]")], FAILS()),
    "no choices": Way(lambda a: [page(200, b'{"choices":[],"content":[],"type":"message"}')], ENDS),
    "a message of the wrong types": Way(lambda a: [page(200, b'{"type":7,"choices":[{"message":[],"finish_reason":{}}],"content":{"a":1}}')], FAILS()),
    "words that are numbers": Way(lambda a: [a.sent(a.with_words(b"@").replace(b'"@"', b"42"))], ENDS),
    "20 000 brackets": Way(lambda a: [page(200, b"[" * 20000)], FAILS()),
    "20 000 brackets around the answer": Way(lambda a: [page(200, a.document()[:-1] + b',"x":' + b"[" * 20000 + b"]" * 20000 + b"}")], ENDS),
    "the answer of the other protocol": Way(lambda a: [(setattr(a, "is_openai", not a.is_openai), a.good())[1]], FAILS()),
}

# --- errors inside a 200

WAYS |= {
    "an error in the stream": Way(lambda a: [a.sent(b"".join(a.events()[:3]) + event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}))], FAILS("Overloaded"), only="stream"),
    "an error event": Way(lambda a: [a.sent(b"".join(a.events()[:3]) + b"event: error\n" + event({"message": "out of memory"}))], FAILS("out of memory"), only="stream"),
    "an error line": Way(lambda a: [a.sent(b"".join(a.events()[:3]) + b'error: {"message": "gone"}\n\n')], FAILS("gone"), only="stream"),
    "an error with a status in the stream": Way(lambda a: [a.sent(event({"error": {"code": 429, "message": "slow down"}}))], FAILS("429", "slow down"), only="stream"),
    "an error as a string": Way(lambda a: [page(200, b'{"error":"model is loading"}')], FAILS("model is loading")),
    "an error in a 200": Way(lambda a: [page(200, words("no credit"))], FAILS("no credit")),
    "a context error in a 200": Way(lambda a: [page(200, words("maximum context length is 8"))], FAILS("too long for the model")),
    "an error and a stream behind it": Way(lambda a: [a.sent(event({"error": {"message": "busy"}}) + a.body())], FAILS("busy"), only="stream"),
}

# --- too much

WAYS |= {
    "100 MB of words": Way(lambda a: [a.begun(), *a.events()[: a.n_begin()], repeat(a.delta(b"w" * 4000), 100 * MIB)], FAILS("limit", "8388608"), only="stream"),
    "100 MB in one event": Way(lambda a: [a.begun(), b"data: ", repeat(b"x", 100 * MIB)], FAILS("one event of the answer is longer than"), only="stream"),
    "100 MB of comments": Way(lambda a: [a.begun(), repeat(b": ping ping ping\n", 100 * MIB)], FAILS("too-large", "egress.answer_bytes"), only="stream"),
    "100 MB of empty events": Way(lambda a: [a.begun(), repeat(a.delta(b""), 100 * MIB)], FAILS("too-large"), only="stream"),
    "100 MB in one document": Way(lambda a: [a.begun() + a.document()[:40], repeat(b" ", 100 * MIB)], FAILS("longer than 16777216"), only="whole"),
    "15 MB of zeros in a list": Way(lambda a: [a.begun() + a.document()[:-1] + b',"x":[', repeat(b"0,", 15 * MIB), b"0]}", CLOSE], ENDS, only="whole"),
    "15 MB that are not UTF-8": Way(lambda a: [a.begun() + a.document()[:-1] + b',"x":"', repeat(b"\xff", 15 * MIB), b'"}', CLOSE], ENDS, only="whole"),
    "3 MB of zeros in a list, in each of ten events": Way(lambda a: [a.begun(), *([b'data: {"type":"ping","x":[', repeat(b"0,", 3 * MIB), b"0]}\n\n"] * 10), a.body(), CLOSE], GOOD, only="stream"),
    "a name of 1 MB": Way(first_calls(("n" * MIB, {})), FAILS("limit")),
    "arguments of 5 MB": Way(first_calls(("echo", {"message": "x" * (5 * MIB)})), FAILS("limit")),
    "1 000 calls": Way(first_calls(*[("echo", {"message": "x"})] * 1000), FAILS("more than 128 tool calls")),
}

# --- calls of tools, then an answer

WAYS |= {
    "a call without a name": Way(first_calls(("", {})), GOOD, times=1, requests=2),
    "a tool nobody has": Way(first_calls(("ecoh", {"message": "x"})), GOOD, times=1, requests=2),
    "arguments that are cut": Way(first_calls(("echo", '{"message": "x'), ), GOOD, times=1, requests=2, only="openai"),
    "arguments that are words": Way(first_calls(("echo", "please")), GOOD, times=1, requests=2, only="openai"),
    "the same id for two calls": Way(lambda a: [a.sent(b"".join(a.message(calls(("echo", {"message": "1"}), ("echo", {"message": "2"})))).replace(b"_1_1", b"_1_0"))], GOOD, times=1, requests=2, tools=2),
    "the same call's beginning twice": Way(lambda a: [a.sent(b"".join(e * (1 + (b'"name"' in e)) for e in a.message(calls(("echo", {"message": "x"})))))], GOOD, times=1, requests=2, tools=1, only="stream"),
    "a stop for calls without calls": Way(lambda a: [a.sent(a.body(finish="tool_calls"))], GOOD, requests=1),
    "a stop nobody knows": Way(lambda a: [a.sent(a.body(finish="moonrise"))], GOOD),
    "the length is reached": Way(lambda a: [a.sent(a.body(finish="length"))], GOOD),
    "the filter": Way(lambda a: [a.sent(a.body(finish="content_filter"))], GOOD),
}
