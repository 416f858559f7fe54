"""The rows of the conformance suite that WSGIMiddleware has, around a WSGI application: the others speak of an ASGI one inside."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from asgi_middleware.wsgi import ClientGone, WSGIMiddleware
from asgi_testclient import Lint
from raw_asgi import Reply, body_messages, http_scope, run, websocket_scope

HEADERS = [
    ("Set-Cookie", "a=1"),
    ("X-Empty", ""),
    ("Set-Cookie", "b=2"),
    ("X-Bytes", bytes(range(0xA0, 0x100)).decode("latin-1")),
]


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answers with what was sent to it, in two pieces."""
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), *HEADERS])
    return [body[:5], body[5:]]


async def call(app: Any, scope: dict, body: Any = b"") -> Reply:
    lint = Lint(WSGIMiddleware(app), strict="all", ignore=["W06", "W07"])
    reply = await run(lint, scope, body_messages(body))
    lint.assert_clean()
    return reply


async def test_c01_the_lifespan_is_answered_for_it() -> None:
    lint = Lint(WSGIMiddleware(echo))
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    reply = await run(lint, scope, [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    lint.assert_clean()
    assert reply.types == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize("offered", [{"websocket.http.response": {}}, {}])
async def test_c03_websockets_are_refused(offered: dict) -> None:
    lint = Lint(WSGIMiddleware(echo))
    reply = await run(lint, websocket_scope(extensions=offered), [{"type": "websocket.connect"}])
    lint.assert_clean()
    assert reply.types[0] == ("websocket.http.response.start" if offered else "websocket.close")


async def test_c04_the_callers_scope_stays_as_it_was() -> None:
    scope = http_scope("POST", headers=[(b"content-length", b"5")])
    before = copy.deepcopy(scope)
    assert (await call(echo, scope, b"hello")).body == b"hello"
    assert scope == before


@pytest.mark.parametrize("kind", [list, tuple, iter])
async def test_c06_request_headers_may_be_any_iterable(kind: Any) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["HTTP_X_A"].encode()]

    scope = http_scope() | {"headers": kind([(b"x-a", b"1"), (b"X-A", b"2")])}
    assert (await run(WSGIMiddleware(app), scope, body_messages(b""))).body == b"1,2"


async def test_c08_repeated_and_odd_headers_survive_in_lower_case() -> None:
    reply = await call(echo, http_scope("POST"), b"hello world")
    assert [pair for pair in reply.headers if pair[0] not in (b"content-type", b"content-length")] == [
        (name.lower().encode(), value.encode("latin-1")) for name, value in HEADERS
    ]


async def test_c09_bodies_come_and_go_in_any_shape() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b""
        yield from iter(environ["wsgi.input"].readline, b"")

    lines = [b"line %d\n" % number for number in range(100)]
    assert (await call(app, http_scope("POST"), lines)).body == b"".join(lines)
    assert (await call(app, http_scope("POST"), [b"", b"a\nb", b"", b"c"])).body == b"a\nbc"


async def test_c12_c13_a_chunk_waits_for_the_one_before() -> None:
    made: list[int] = []
    gate = anyio.Event()

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for number in range(3):
            made.append(number)
            yield b"x"

    reply = Reply()

    async def send(message: Any) -> None:
        if message.get("body"):
            await gate.wait()
            assert len(made) <= reply.body.count(b"x") + 1
        reply.messages.append(message)

    async def receive() -> Any:
        return await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(WSGIMiddleware(app), http_scope(), receive, send)
        await anyio.sleep(0.05)
        assert len(made) <= 1
        gate.set()
    assert reply.body == b"xxx"


@pytest.mark.parametrize("started", [False, True])
async def test_c14_an_exception_passes_unchanged(started: bool) -> None:
    error = LookupError("broken")

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        if started:
            yield b"x"
        raise error

    with pytest.raises(LookupError) as caught:
        await run(WSGIMiddleware(app), http_scope(), body_messages(b""))
    assert caught.value is error


async def test_c15_the_application_learns_that_the_client_has_left() -> None:
    caught: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except ClientGone as exc:
            caught.append(exc)
            raise
        return []

    messages = [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}]
    assert (await run(WSGIMiddleware(app), http_scope("POST"), messages)).messages == []
    assert len(caught) == 1


async def test_c16_cancellation_leaves_no_thread_behind() -> None:
    ended = threading.Event()

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            environ["wsgi.input"].read()  # nothing ever comes
        finally:
            ended.set()
        return []

    with anyio.move_on_after(0.05) as cancelled:
        await run(WSGIMiddleware(app), http_scope("POST"))
    assert cancelled.cancelled_caught
    assert ended.wait(10)


async def test_c21_requests_at_a_time_share_nothing() -> None:
    lint = Lint(WSGIMiddleware(echo))
    replies: dict[int, Reply] = {}

    async def one(number: int) -> None:
        replies[number] = await run(lint, http_scope("POST"), body_messages(b"number %d" % number))

    async with anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(one, number)
    assert {number: reply.body for number, reply in replies.items()} == {n: b"number %d" % n for n in range(100)}
    lint.assert_clean()


async def test_c23_c24_head_has_no_body_and_lengths_are_right() -> None:
    assert (await call(echo, http_scope("HEAD"), b"hello")).body == b""
    reply = await call(echo, http_scope("POST"), b"hello")
    assert reply.header("content-length") == "5"


async def test_c26_hostile_headers_put_nothing_into_the_answer() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("X-A", "a\r\nx-injected: 1")])
        return []

    reply = Reply()
    with pytest.raises(ValueError, match="has a control character"):
        await run(WSGIMiddleware(app), http_scope(), body_messages(b""), reply=reply)
    assert reply.messages == []


async def test_c27_optional_keys_may_be_missing() -> None:
    minimal = ("type", "asgi", "http_version", "method", "path", "query_string", "headers")
    scope = http_scope("POST")
    assert (await call(echo, {key: scope[key] for key in minimal}, b"hello")).body == b"hello"
    assert (await call(echo, scope | {"server": None, "client": None}, b"hello")).body == b"hello"


async def test_c29_a_response_never_starts_twice() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"x"
        start_response("500 Oops", [], None)

    reply = Reply()
    with pytest.raises(Exception, match=r"start_response|headers|once|twice|second"):
        await run(WSGIMiddleware(app), http_scope(), body_messages(b""), reply=reply)
    assert reply.types.count("http.response.start") == 1
