"""Any stack of middlewares around an application, against the application alone: the same, but for what is added."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from anyio.lowlevel import checkpoint

from contract.conformance.subjects import SUBJECTS, Subject
from fuzz.harness import chunked, fuzz
from raw_asgi import Reply, body_messages, http_scope, run

CHANGED = {b"content-length", b"vary", b"etag", b"accept-ranges", b"set-cookie"}
"""Headers that a middleware may change; they are looked at one by one."""
HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"Content-Type", b"image/png"),
    (b"Set-Cookie", b"a=1; Path=/"),
    (b"set-cookie", b"b=\xff"),
    (b"ETag", b'"v1"'),
    (b"etag", b'W/"v1"'),
    (b"Vary", b"Accept, Cookie"),
    (b"vary", b"*"),
    (b"cache-control", b"no-transform"),
    (b"Content-Encoding", b"identity"),
    (b"X-A", b""),
    (b"x-a", b"again"),
    (b"access-control-allow-origin", b"https://other.example"),
]


class Boom(Exception):
    """An exception that no middleware knows."""


@dataclass
class Script:
    """The behaviour of an application."""

    status: int
    headers: list[Any]
    chunks: list[bytes]
    reads: bool
    fails: str
    paused: bool
    received: bytes | None = None

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)


def random_script(random: Random, method: str) -> Script:
    status = random.choice([200, 200, 200, 201, 206, 304, 204, 404, 500])
    body = random.choice([b"", b"tiny", b"hello, world! " * 60, bytes(range(256)) * 20, b"x" * 70_000])
    chunks = [b""] if method == "HEAD" or status in (204, 304) else chunked(random, body)
    headers: Any = random.sample(HEADERS, random.randint(0, 5))
    if random.random() < 0.6 and status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(body)))
    if random.random() < 0.2:
        headers = [[*pair] for pair in headers]
    fails = random.choice(["", "", "", "", "before", "within", "after"])
    return Script(status, headers, chunks, random.random() < 0.6, fails, random.random() < 0.3)


def application(script: Script, subjects: list[Subject], error: Boom) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for subject in subjects:
            subject.touch(scope)
        if script.reads:
            script.received, more = b"", True
            while more:
                message = await receive()
                assert message["type"] == "http.request"
                script.received += message.get("body", b"")
                more = message.get("more_body", False)
        if script.fails == "before":
            raise error
        await send({"type": "http.response.start", "status": script.status, "headers": script.headers})
        for index, chunk in enumerate(script.chunks):
            if script.paused:
                await checkpoint()
            if script.fails == "within":
                raise error
            last = index == len(script.chunks) - 1
            await send({"type": "http.response.body", "body": chunk, "more_body": not last})
        if script.fails == "after":
            raise error

    return app


@fuzz(1200)
async def test_a_stack_of_middlewares_adds_and_takes_nothing_else(random: Random) -> None:
    subjects = random.sample(SUBJECTS, random.randint(1, 6))
    method = random.choice(["GET", "GET", "HEAD", "POST"])
    script, error = random_script(random, method), Boom("boom")
    app = application(script, subjects, error)
    for subject in subjects:
        app = subject.make(app)
    asked = dict([(b"host", b"testserver"), *(pair for subject in subjects for pair in subject.headers)])
    body = random.choice([b"", b"a body" * random.randint(1, 2000)]) if method == "POST" else b""
    scope = http_scope(method, headers=list(asked.items()), scheme="https")
    reply, names = Reply(), [subject.id for subject in subjects]
    try:
        await run(app, scope, body_messages(chunked(random, body)), reply=reply)
        caught = None
    except Boom as exc:
        caught = exc
    assert caught is (error if script.fails else None), names
    assert script.received in (None, body), names
    if not script.fails:
        assert_same(reply, script, method, names)
    elif not reply.messages:
        assert script.fails == "before", names
    elif script.fails == "before":
        assert reply.status in (409, 500), names  # the handlers of the conformance suite say 409
        assert reply.types[1:] == ["http.response.body"], names
    else:
        assert reply.status == script.status, names
        assert script.body.startswith(decoded(reply, script)), names


def decoded(reply: Reply, script: Script) -> bytes:
    if (b"content-encoding", b"gzip") not in reply.headers or not reply.body:
        return reply.body
    return zlib.decompressobj(31).decompress(reply.body)


def assert_same(reply: Reply, script: Script, method: str, names: list[str]) -> None:
    assert reply.status == script.status, names
    assert reply.types[0] == "http.response.start", names
    assert set(reply.types[1:]) == {"http.response.body"}, names
    assert [m.get("more_body", False) for m in reply.messages[1:]].index(False) == len(reply.messages) - 2, names
    assert decoded(reply, script) == script.body, names
    sent = [(name.lower(), value) for name, value in reply.headers]
    given = [(bytes(name).lower(), bytes(value)) for name, value in script.headers]
    for name, value in given:
        if name == b"cache-control":  # what is made for one visitor is marked so
            lines = [line for other, line in sent if other == name]
            assert any(value in line or line == b"no-store" for line in lines), (lines, names)
        elif name not in CHANGED and not name.startswith(b"access-control-"):
            assert (name, value) in sent, (name, names)
    cookies = [value for name, value in given if name == b"set-cookie"]
    assert [value for name, value in sent if name == b"set-cookie"][: len(cookies)] == cookies, names
    lengths = [int(value) for name, value in sent if name == b"content-length"]
    if method != "HEAD" and script.status not in (204, 304):
        assert lengths in ([], [len(reply.body)]), names
    tags = [value for name, value in sent if name == b"etag"]
    for tag, before in zip(tags, [value for name, value in given if name == b"etag"], strict=True):
        assert tag in (before, b"W/" + before), names
    varying = {part.strip().lower() for name, value in sent if name == b"vary" for part in value.split(b",")}
    for name, value in given:
        if name == b"vary":
            assert b"*" in varying or {part.strip().lower() for part in value.split(b",")} <= varying, names


@pytest.fixture(autouse=True)
def quiet_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
