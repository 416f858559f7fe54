"""GZipMiddleware against zlib: every prefix of a stream can be read, nothing is encoded twice, heads tell the truth."""

from __future__ import annotations

import zlib
from random import Random
from typing import Any

from asgi_middleware.gzip import GZipMiddleware
from fuzz.harness import chunked, fuzz
from raw_asgi import Reply, http_scope, run

CODINGS = [
    "gzip",
    "GZIP;q=0.5",
    "identity;q=0",
    "br, gzip;q=0",
    "*",
    "*;q=0",
    "identity, gzip;q=0.1",
    "",
    "deflate",
    "x-gzip",
]
ACCEPTING = {"gzip", "GZIP;q=0.5", "*", "x-gzip"}
TYPES = [
    b"text/html",
    b"TEXT/HTML; charset=utf-8",
    b"image/png",
    b"video/mp4",
    b"application/grpc+proto",
    b"text/event-stream",
    b"",
]
EXCLUDED = {b"image/png", b"video/mp4", b"application/grpc+proto", b"text/event-stream"}
OPT_OUTS = [
    (b"content-encoding", b"br"),
    (b"Content-Encoding", b"identity"),
    (b"cache-control", b"no-transform"),
    (b"content-range", b"bytes 0-1/2"),
    (b"repr-digest", b"sha-256=:a:"),
]


def body_of(random: Random) -> bytes:
    return random.choice(
        [b"", b"a", b"text " * random.randint(1, 400), random.randbytes(random.randint(1, 2000)), b"x" * 5000]
    )


@fuzz(3000)
async def test_a_client_reads_what_was_sent_as_it_arrives(random: Random) -> None:
    body, status = body_of(random), random.choice([200, 200, 404, 206, 500])
    chunks = chunked(random, body)
    kind, opt_out = random.choice(TYPES), random.choice([None, None, None, *OPT_OUTS])
    headers = [(b"content-type", kind)] if kind else []
    headers += [opt_out] if opt_out else []
    headers += [(b"ETag", b'"v"'), (b"accept-ranges", b"bytes")] if random.random() < 0.5 else []
    headers += [(b"Content-Length", b"%d" % len(body))] if random.random() < 0.5 else []
    coding, minimum = random.choice(CODINGS), random.choice([0, 10, 500])
    trailers = random.random() < 0.1
    messages = [{"type": "http.response.body", "body": chunk, "more_body": True} for chunk in chunks]
    messages[-1]["more_body"] = random.random() < 0.2
    if messages[-1]["more_body"]:
        messages.append({"type": "http.response.body"})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": trailers})
        for message in messages:
            await send(message)

    options = {"minimum_size": minimum, "max_random_bytes": random.choice([0, 0, 50])}
    app_in = GZipMiddleware(app, **options)
    stack = GZipMiddleware(app_in, minimum_size=0) if random.random() < 0.3 else app_in
    reply = await run(stack, http_scope(headers=[(b"accept-encoding", coding.encode())]))
    encoded = reply.header("content-encoding") == "gzip"
    may = coding in ACCEPTING and status != 206 and opt_out is None and kind not in EXCLUDED
    assert may or not encoded
    assert read(reply, encoded) == [message.get("body", b"") for message in messages] or len(messages) == 1
    assert b"".join(read(reply, encoded)) == body
    declared = (b"Content-Length", b"%d" % len(body)) in headers
    known = declared or len(messages) == 1 or whole(headers, messages)
    stacked = 0 if stack is not app_in else minimum
    small = known and len(body) < max(min(minimum, stacked), 1)
    assert encoded is (may and not small)
    if encoded:
        assert reply.header("accept-ranges") is None
        assert reply.header("etag") in (None, 'W/"v"')
        assert trailers is (reply.header("content-length") is None) or len(messages) > 1
    elif opt_out is None and status != 206 and kind not in EXCLUDED and len(body) >= max(minimum, 500):
        assert reply.header("vary") == "Accept-Encoding"
    assert reply.header("content-length") in (None, str(len(reply.body)))
    assert encoded <= (reply.header("vary") == "Accept-Encoding")


def whole(headers: list[Any], messages: list[Any]) -> bool:
    return (b"Content-Length", b"%d" % len(messages[0]["body"])) in headers


def read(reply: Reply, encoded: bool) -> list[bytes]:
    """Return the text that a client can read after each message."""
    pieces = [message.get("body", b"") for message in reply.messages[1:]]
    if not encoded:
        return pieces
    reader = zlib.decompressobj(31)
    texts = [reader.decompress(piece) for piece in pieces]
    assert reader.eof
    assert not reader.unused_data
    return texts


@fuzz(1500)
async def test_head_and_304_tell_of_the_response_to_get(random: Random) -> None:
    kind, body, etag = random.choice(TYPES), random.choice([b"tiny", b"text " * 300]), random.choice([b'"v"', b'W/"v"'])
    headers = [(b"content-type", kind), (b"etag", etag), (b"content-length", b"%d" % len(body))]
    asked = [(b"accept-encoding", random.choice(CODINGS).encode())]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if any(name == b"if-none-match" for name, _ in scope["headers"]):
            await send({"type": "http.response.start", "status": 304, "headers": headers[1:2]})
            return await send({"type": "http.response.body"})
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    gzip = GZipMiddleware(app)
    got = await run(gzip, http_scope(headers=asked))
    head = await run(gzip, http_scope("HEAD", headers=asked))
    for name in ("etag", "vary", "content-encoding", "content-type"):
        assert head.header(name) == got.header(name)
    assert head.header("content-length") in (None, str(len(got.body)))
    held = (b"if-none-match", (got.header("etag") or "").encode())
    again = await run(gzip, http_scope(headers=[*asked, held]))
    assert (again.status, again.header("etag")) == (304, got.header("etag"))
