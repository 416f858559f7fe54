"""The conformance suite, along the response: what an application sends arrives, in order, at once, and never changed in place."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import anyio

from contract.conformance.cases import row
from contract.conformance.exchange import (
    Linted,
    acting_scope,
    call,
    decoded,
    page,
    received_so_far,
    sending,
    socket_scope,
    tokens,
    touching,
    visit,
)
from contract.conformance.subjects import Subject
from raw_asgi import Reply, http_scope, run

CLIENTS: list[list[tuple[bytes, bytes]]] = [
    [(b"accept-encoding", b"gzip")],
    [],
    [(b"origin", b"https://a.example")],
    [(b"origin", b"https://b.example"), (b"accept-encoding", b"identity")],
    [(b"cookie", b"session=broken")],
]


@row("C05")
async def test_an_application_may_reuse_its_messages_forever(subject: Subject) -> None:
    body = b"x" * 1000
    start, last = page(body, headers=[(b"vary", b"X-A"), (b"etag", b'"a"')])
    before = copy.deepcopy((start, last))
    headers = start["headers"]
    linted = Linted(subject, touching(subject, sending(start, last)))
    for client in CLIENTS * 2:
        reply = await call(linted, http_scope(headers=[(b"host", b"testserver"), *client], **subject.scope))
        assert decoded(reply) == body
        assert int(reply.header("content-length") or 0) == len(reply.body)
        wants_gzip = (b"accept-encoding", b"gzip") in client
        assert reply.header("content-encoding") in ((None, "gzip") if wants_gzip else (None,))
    assert (start, last) == before
    assert start["headers"] is headers


@row("C05")
async def test_a_last_message_may_be_a_constant(subject: Subject) -> None:
    last = {"type": "http.response.body"}  # as Falcon's
    start = page(b"", length=False)[0]
    chunk = {"type": "http.response.body", "body": b"x" * 1000, "more_body": True}
    for _ in range(3):
        reply = await visit(subject, start, chunk, chunk, last)
        assert decoded(reply) == b"x" * 2000
    assert last == {"type": "http.response.body"}
    assert chunk == {"type": "http.response.body", "body": b"x" * 1000, "more_body": True}


CONTAINERS: dict[str, Callable[[list[tuple[bytes, bytes]]], Any]] = {
    "/tuples": list,
    "/lists": lambda pairs: [list(pair) for pair in pairs],
    "/tuple": tuple,
    "/generator": lambda pairs: (pair for pair in pairs),
    "/items": lambda pairs: dict(pairs).items(),
}


@row("C06")
async def test_the_headers_of_a_response_may_be_any_iterable(subject: Subject) -> None:
    pairs = [(b"content-type", b"text/plain"), (b"content-length", b"1000"), (b"x-a", b"1")]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        subject.touch(scope)
        start = {"type": "http.response.start", "status": 200, "headers": CONTAINERS[scope["path"]](pairs)}
        await sending(start, {"type": "http.response.body", "body": b"x" * 1000})(scope, receive, send)

    for container in CONTAINERS:
        reply = await run(subject.make(app), acting_scope(subject, path=container))
        reply.start["headers"] = list(reply.start["headers"])
        assert (reply.header("x-a"), reply.header("content-type")) == ("1", "text/plain"), container
        assert decoded(reply) == b"x" * 1000, container
        assert int(reply.header("content-length") or 0) == len(reply.body), container


@row("C06")
async def test_a_response_may_have_no_headers(subject: Subject) -> None:
    start = {"type": "http.response.start", "status": 200}
    reply = await visit(subject, start, {"type": "http.response.body", "body": b"x" * 1000})
    assert decoded(reply) == b"x" * 1000


@row("C07")
async def test_names_in_title_case_are_the_same_names(subject: Subject) -> None:
    body = b"not really brotli" * 100
    names = [(b"Content-Encoding", b"br"), (b"Vary", b"Accept-Encoding"), (b"Set-Cookie", b"a=1"), (b"X-A", b"1")]
    reply = await visit(subject, *page(body, headers=names, length=False), ignore=["W01"])
    assert (reply.body, reply.header("content-encoding")) == (body, "br")
    reply = await visit(
        subject,
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"Content-Length", b"1000"),
                (b"Vary", b"Accept-Encoding, Origin"),
                (b"ETag", b'"a"'),
                (b"Access-Control-Allow-Origin", b"https://a.example"),
                (b"Strict-Transport-Security", b"max-age=1"),
            ],
        },
        {"type": "http.response.body", "body": b"x" * 1000},
        ignore=["W01"],
    )
    assert int(reply.header("content-length") or 0) == len(reply.body)
    assert decoded(reply) == b"x" * 1000
    for name in ("vary", "etag", "access-control-allow-origin", "strict-transport-security"):
        assert reply.header(name) is not None


@row("C08")
async def test_repeated_and_odd_headers_survive(subject: Subject) -> None:
    odd = [
        (b"set-cookie", b"a=1"),
        (b"x-empty", b""),
        (b"set-cookie", b"b=2; Path=/"),
        (b"x-bytes", bytes(range(0x80, 0x100))),
        (b"link", b"</a>; rel=preload"),
        (b"link", b"</b>; rel=preload"),
        (b"x-tab", b"a\tb"),
    ]
    reply = await visit(subject, *page(b"x" * 1000, headers=odd))
    kept = [pair for pair in reply.headers if pair in odd]
    assert kept == odd


BODIES: dict[str, list[dict[str, Any]]] = {
    "no body": [{}],
    "no more_body": [{"body": b"x" * 1000}],
    "no body but more": [{"more_body": True}, {"body": b"x" * 1000}],
    "empty chunks": [{"body": b"", "more_body": True}, {"body": b"x" * 1000, "more_body": True}, {"body": b""}],
    "two messages": [{"body": b"x" * 1000, "more_body": True}, {"body": b"", "more_body": False}],
    "many chunks": [{"body": b"%d\n" % number, "more_body": number < 999} for number in range(1000)],
    "large": [{"body": b"x" * 200_000, "more_body": True}, {"body": b"y" * 200_000}],
    "memoryview": [{"body": memoryview(b"x" * 1000), "more_body": True}, {"body": memoryview(b"x" * 1000)}],
    "bytearray": [{"body": bytearray(b"x" * 1000)}],
}


@row("C09")
async def test_a_body_may_come_in_any_shape(subject: Subject) -> None:
    for shape, pieces in BODIES.items():
        messages = [{"type": "http.response.body", **piece} for piece in pieces]
        reply = await visit(subject, page(b"", length=False)[0], *messages)
        assert decoded(reply) == b"".join(piece.get("body", b"") for piece in pieces), shape
        assert not reply.messages[-1].get("more_body", False), shape


START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")], "x-key": "kept"}
BODY = {"type": "http.response.body", "body": b"x" * 1000, "x-key": "kept"}
PART = BODY | {"more_body": True}
HINT = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]}
EXTENSIONS: dict[str, list[dict[str, Any]]] = {
    "trailers": [
        START | {"trailers": True},
        PART,
        BODY,
        {"type": "http.response.trailers", "headers": [(b"x-a", b"1")], "more_trailers": True},
        {"type": "http.response.trailers", "headers": [(b"x-b", b"2")], "more_trailers": False},
    ],
    "pathsend": [START, {"type": "http.response.pathsend", "path": str(Path(__file__).resolve())}],
    "zerocopysend": [START, {"type": "http.response.zerocopysend", "file": 0, "count": 10}],
    "zerocopysend parts": [
        START,
        {"type": "http.response.zerocopysend", "file": 0, "count": 10, "more_body": True},
        {"type": "http.response.zerocopysend", "file": 0, "offset": 10},
    ],
    "push": [START, {"type": "http.response.push", "path": "/a.css", "headers": []}, BODY],
    "hint before": [HINT, START, BODY],
    "hint after": [START, HINT, PART, BODY],
    "debug": [{"type": "http.response.debug", "info": {"template": "a.html"}}, START, BODY],
    "future": [
        {"type": "http.response.x-future", "x": 1},
        START,
        PART,
        {"type": "http.response.x-future", "x": 2},
        BODY,
    ],
}
OFFERED = {
    f"http.response.{name}": {}
    for name in ("trailers", "pathsend", "zerocopysend", "push", "early_hint", "debug", "x-future")
}


@row("C10")
async def test_the_messages_of_extensions_pass_in_order(subject: Subject) -> None:
    for extension in EXTENSIONS:
        await relay(subject, extension)


async def relay(subject: Subject, extension: str) -> None:
    messages = copy.deepcopy(EXTENSIONS[extension])
    reply = await visit(subject, *messages, extensions=OFFERED, ignore=["E02"])
    assert reply.types == [message["type"] for message in messages]
    for sent, message in zip(reply.messages, messages, strict=True):
        if message["type"] == "http.response.start":
            assert sent | {"headers": []} == message | {"headers": []}
            assert message["headers"][0] in map(tuple, sent["headers"])
        elif message["type"] == "http.response.body":
            assert sent | {"body": b""} == message | {"body": b""}
        else:
            assert sent == message
    assert messages == EXTENSIONS[extension]
    assert decoded(reply) == b"".join(message.get("body", b"") for message in messages)


@row("C11")
async def test_the_start_of_a_page_is_not_held_back(subject: Subject) -> None:
    assert await seen_after_the_start(subject, b"text/plain") == ["http.response.start"]


@row("C11")
async def test_the_start_of_an_event_stream_is_not_held_back(subject: Subject) -> None:
    assert await seen_after_the_start(subject, b"text/event-stream") == ["http.response.start"]


async def seen_after_the_start(subject: Subject, content_type: bytes) -> list[str]:
    """The types that have reached the server when an application has sent its start and nothing else."""
    seen: list[str] = []
    reply = Reply()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        subject.touch(scope)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type)]})
        await anyio.wait_all_tasks_blocked()
        seen.extend(reply.types)
        await send({"type": "http.response.body", "body": b"data: x\n\n" * 100})

    await call(Linted(subject, app), acting_scope(subject), reply=reply)
    return seen


@row("C12")
async def test_each_chunk_arrives_before_the_next_is_made(subject: Subject) -> None:
    reply = Reply()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        subject.touch(scope)
        await send(page(b"", length=False)[0])
        for number in range(1, 6):
            await send({"type": "http.response.body", "body": b"chunk %d\n" % number, "more_body": True})
            assert received_so_far(reply).count(b"\n") == number
        await send({"type": "http.response.body"})

    await call(Linted(subject, app), acting_scope(subject), reply=reply)
    assert decoded(reply).count(b"\n") == 5


@row("C13")
async def test_a_slow_client_slows_the_application(subject: Subject) -> None:
    progress = []
    gates = [anyio.Event() for _ in range(3)]
    reply = Reply()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        subject.touch(scope)
        await send(page(b"", length=False)[0])
        for number in range(3):
            await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": number < 2})
            progress.append(number)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await gates[len(progress)].wait()
        reply.messages.append(message)

    async def receive() -> Any:
        return await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Linted(subject, app), acting_scope(subject), receive, send)
        for number, gate in enumerate(gates):
            await anyio.wait_all_tasks_blocked()
            assert len(progress) == number
            gate.set()
    assert decoded(reply) == b"x" * 3000


@row("C20")
async def test_the_last_message_arrives_before_the_application_returns(subject: Subject) -> None:
    for pieces in (1, 2):
        await last_in_time(subject, pieces)


async def last_in_time(subject: Subject, pieces: int) -> None:
    reply = Reply()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        subject.touch(scope)
        await send(page(b"", length=False)[0])
        for number in range(pieces):
            await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": number + 1 < pieces})
        assert decoded(reply) == b"x" * 1000 * pieces
        assert not reply.messages[-1].get("more_body", False)
        await anyio.sleep(0)

    await call(Linted(subject, app), acting_scope(subject), reply=reply)


@row("C22")
async def test_twice_is_as_good_as_once(subject: Subject) -> None:
    for length in (True, False):
        await doubled(subject, length)


async def doubled(subject: Subject, length: bool) -> None:
    app = touching(subject, sending(*page(b"x" * 1000, headers=[(b"vary", b"X-A")], length=length)))
    once = await call(Linted(subject, app), acting_scope(subject))
    twice = await call(Linted(subject, subject.make(app)), acting_scope(subject))
    names = [name for name, _ in twice.headers]
    assert len(names) == len(set(names)), f"repeated: {names}"
    assert decoded(twice) == decoded(once) == b"x" * 1000
    assert sorted(tokens(twice, "vary")) == sorted(tokens(once, "vary"))
    assert sorted(names) == sorted(name for name, _ in once.headers)


@row("C22")
async def test_twice_around_a_websocket_is_as_good_as_once(subject: Subject) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        subject.touch(scope)
        await send({"type": "websocket.accept", "headers": []})

    linted = Linted(subject, subject.make(app))
    reply = await run(linted, socket_scope(subject), [{"type": "websocket.connect"}])
    linted.assert_clean()
    names = [name for name, _ in reply.messages[0].get("headers", ())]
    assert reply.types == ["websocket.accept"]
    assert len(names) == len(set(names)), f"repeated: {names}"


@row("C23")
async def test_what_has_no_body_gets_none(subject: Subject) -> None:
    for method, status in [("GET", 204), ("GET", 304), ("GET", 205), ("POST", 204), ("HEAD", 204)]:
        for bodies in ([{}], [{"more_body": True}, {}]):
            start = {"type": "http.response.start", "status": status, "headers": [(b"etag", b'"a"')]}
            messages = [{"type": "http.response.body", **piece} for piece in bodies]
            reply = await visit(subject, start, *messages, method=method)
            assert (reply.status, reply.body) == (status, b"")
            assert reply.header("content-encoding") is None
            assert reply.header("content-length") is None
            assert reply.header("etag") in ('"a"', 'W/"a"' if status == 304 else '"a"')


@row("C23")
async def test_head_is_answered_with_the_head_of_get(subject: Subject) -> None:
    """RFC 9110 §9.3.2; a Content-Length is that of the content that GET would send, or missing (§8.6)."""
    start, last = page(b"x" * 1000, headers=[(b"etag", b'"a"')])
    got = await visit(subject, start, last)
    for bodies in ([{}], [{"more_body": True}, {}]):
        messages = [{"type": "http.response.body", **piece} for piece in bodies]
        reply = await visit(subject, start, *messages, method="HEAD")
        assert (reply.status, reply.body) == (200, b"")
        for name in ("etag", "content-encoding", "vary"):
            assert reply.header(name) == got.header(name)
        assert reply.header("content-length") in (None, str(len(got.body)))


@row("C24")
async def test_the_length_is_the_length_of_the_body(subject: Subject) -> None:
    for size, length in product([0, 1, 499, 500, 4096, 70_000], [True, False]):
        body = b"x" * size
        start, last = page(body, length=length)
        for messages in ([last], [last | {"more_body": True}, {"type": "http.response.body", "body": b""}]):
            reply = await visit(subject, start, *messages)
            declared = reply.header("content-length")
            assert declared is None or int(declared) == len(reply.body)
            assert decoded(reply) == body


VARY = [
    [],
    [b"Origin, Accept-Encoding, Cookie, X-Tag"],
    [b"*"],
    [b"Accept-Encoding,origin", b"X-A , COOKIE"],
    [b"X-A", b"*"],
]


@row("C25")
async def test_vary_is_merged(subject: Subject) -> None:
    for lines in VARY:
        await varied(subject, lines)


async def varied(subject: Subject, lines: list[bytes]) -> None:
    reply = await visit(subject, *page(b"x" * 1000, headers=[(b"vary", line) for line in lines]))
    named = tokens(reply, "vary")
    given = [token.strip().lower().decode() for line in lines for token in line.split(b",")]
    if "*" in given:
        assert named in (["*"], given)
        assert named == given or reply.header("vary") == "*"
    else:
        assert sorted({*named}) == sorted(named), "a name stands twice"
        assert {*given} <= {*named}
    if set(named) - set(given):
        assert reply.header("vary") is not None, "what it adds goes into the one line"


LINES = b"a\r\nx-injected: 1\0"
HOSTILE: dict[str, list[tuple[bytes, bytes]]] = {
    "long": [(name, b"a" * 65536) for name in (b"origin", b"cookie", b"accept-encoding", b"authorization", b"accept")],
    "commas": [
        (name, b",".join([b"a;q=0.5"] * 10_000)) for name in (b"accept-encoding", b"accept", b"cookie", b"vary")
    ],
    "semicolons": [(name, b"session=a; " * 10_000) for name in (b"cookie", b"accept-encoding", b"accept")],
    "blanks": [(name, b"gzip" + b" " * 65536 + b"x") for name in (b"accept-encoding", b"accept", b"cookie", b"origin")],
    "many": [(b"cookie", b"session=%d" % number) for number in range(10_000)],
    "lines": [(name, LINES) for name in (b"origin", b"cookie", b"accept-encoding", b"x-forwarded-proto", b"accept")],
    "preflight": [
        (b"origin", b"https://a.example"),
        (b"access-control-request-method", b"GET"),
        (b"access-control-request-headers", b",".join([b"x-a"] * 10_000) + LINES),
    ],
    "host": [(b"host", LINES)],
    "long host": [(b"host", b"a." * 32768)],
    "long length": [(b"content-length", b"9" * 65536)],
    "not latin": [(name, "☃".encode()) for name in (b"origin", b"cookie", b"accept-encoding", b"accept")],
}


@row("C26")
async def test_hostile_requests_put_nothing_into_the_answer(subject: Subject) -> None:
    for request_headers in HOSTILE:
        await attack(subject, request_headers)


async def attack(subject: Subject, request_headers: str) -> None:
    own = [(b"X-Own", b"1")]
    app = touching(subject, sending(*page(b"x" * 1000, headers=own)))
    given = HOSTILE[request_headers]
    evil = "/a\r\nb/%0d%0a//evil.example?\0"
    for method, path, scheme in (("GET", "/", "http"), ("OPTIONS", evil, "https"), ("GET", evil, "http")):
        scope = acting_scope(subject, *given, method=method, path=path) | {"scheme": scheme}
        scope |= {"query_string": LINES, "raw_path": path.encode()}
        reply = await run(subject.make(app), scope, [{"type": "http.request", "body": b""}])
        for name, value in reply.headers:
            assert name == name.lower() or (name, value) in own, request_headers
            assert not {*b"\r\n\0"} & {*value}, f"{request_headers}: {name!r} has a line break: {value!r}"
        assert len(reply.headers) == len({name.lower() for name, _ in reply.headers}), request_headers
