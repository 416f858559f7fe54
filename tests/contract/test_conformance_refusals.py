"""The conformance suite, for answers a middleware gives itself: whole, once, and in words that a WebSocket's server knows."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from contract.conformance.cases import row
from contract.conformance.exchange import Linted, acting_scope, socket_scope
from contract.conformance.subjects import Refused, Subject
from raw_asgi import Reply, body_messages, run


def answers(subject: Subject) -> bool:
    return subject.refusal is not None


def refuses_sockets(subject: Subject) -> bool:
    return subject.refuses_sockets


class Refusing:
    """An application that reads its request, sends one message of a response perhaps, and raises."""

    def __init__(self, *messages: Any) -> None:
        self.messages = messages

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await receive()
        for message in self.messages:
            await send(message)
        raise Refused


def refused_scope(subject: Subject, **extra: Any) -> dict:
    changes = {key: value for key, value in (subject.refusal or {}).items() if key != "raises"}
    return acting_scope(subject, *changes.pop("headers", ()), **changes.pop("extra", {}), **extra) | changes


async def refused(subject: Subject, scope: dict, app: Any = None) -> Reply:
    """The answer of the middleware itself to a request that it refuses, or whose application raises."""
    linted = Linted(subject, app or Refusing())
    reply = Reply()
    with suppress(Refused):
        await run(linted, scope, body_messages(b""), reply=reply)
    linted.assert_clean()
    return reply


@row("C24", only=answers)
async def test_an_answer_of_its_own_is_whole(subject: Subject) -> None:
    reply = await refused(subject, refused_scope(subject))
    assert reply.types == ["http.response.start", "http.response.body"]
    assert int(reply.header("content-length") or 0) == len(reply.body)
    assert len({name for name, _ in reply.headers}) == len(reply.headers)


def answers_get(subject: Subject) -> bool:
    return answers(subject) and not subject.safe_methods and (subject.refusal or {}).get("method") != "OPTIONS"


@row("C23", only=answers_get)
async def test_an_answer_of_its_own_to_head_has_no_body(subject: Subject) -> None:
    get = await refused(subject, refused_scope(subject) | {"method": "GET"})
    head = await refused(subject, refused_scope(subject) | {"method": "HEAD"})
    assert (head.status, head.body) == (get.status, b"")
    assert sorted(head.headers) == sorted(get.headers) or subject.variant == "debug"


@row("C29", only=lambda subject: answers(subject) and (subject.refusal or {}).get("raises", False))
async def test_no_second_answer_follows_a_started_one(subject: Subject) -> None:
    start = {"type": "http.response.start", "status": 200, "headers": []}
    reply = Reply()
    with pytest.raises((Refused, RuntimeError)) as caught:
        await run(subject.make(Refusing(start)), refused_scope(subject), body_messages(b""), reply=reply)
    assert isinstance(caught.value.__cause__ or caught.value, Refused)
    assert reply.messages[:1] != []
    assert reply.types == ["http.response.start"]


@row("C27", only=answers)
async def test_an_answer_of_its_own_needs_no_optional_keys(subject: Subject) -> None:
    minimal = {"type", "asgi", "http_version", "method", "path", "query_string", "headers"}
    scope = {key: value for key, value in refused_scope(subject).items() if key in minimal}
    reply = await refused(subject, scope | {"http_version": "1.0"})
    assert reply.types[:2] == ["http.response.start", "http.response.body"]
    assert reply.types[2:] in ([], ["http.response.body"])  # a 413 may end when the rest of the body has been read
    assert int(reply.header("content-length") or 0) == len(reply.body)


FOREIGN = [(b"host", b"evil.example"), (b"origin", b"https://other.example"), (b"authorization", b"wrong")]


@row("C03", only=refuses_sockets)
@pytest.mark.parametrize(
    "offered", [{"websocket.http.response": {}}, {}, None], ids=["denial", "close", "no extensions"]
)
async def test_a_websocket_is_refused_in_words_its_server_knows(subject: Subject, offered: dict | None) -> None:
    connected = []

    async def send(message: Any) -> None:
        assert connected, "refused before websocket.connect was received"
        reply.messages.append(message)

    async def receive() -> Any:
        connected.append(True)
        return {"type": "websocket.connect"}

    reply = Reply()
    linted = Linted(subject, Refusing())
    with suppress(Refused):
        await linted(socket_scope(subject, *FOREIGN, extensions=offered), receive, send)
    linted.assert_clean()
    assert connected == [True]
    if offered:
        assert reply.types == ["websocket.http.response.start", "websocket.http.response.body"]
        assert 400 <= reply.status < 600
        assert int(reply.header("content-length") or 0) == len(reply.body)
    else:
        assert reply.types == ["websocket.close"]


@row("C03", only=refuses_sockets)
async def test_nothing_is_said_to_a_client_that_left_before_it_was_refused(subject: Subject) -> None:
    linted = Linted(subject, Refusing())
    reply = Reply()
    with suppress(Refused):
        scope = socket_scope(subject, *FOREIGN)
        await run(subject.make(linted.inner), scope, [{"type": "websocket.disconnect", "code": 1006}], reply=reply)
    assert reply.messages == []


@row("C03", only=refuses_sockets)
async def test_an_application_that_has_accepted_is_closed_and_not_denied(subject: Subject) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        raise Refused

    linted = Linted(subject, app)
    reply = Reply()
    with suppress(Refused):
        await run(linted, socket_scope(subject), [{"type": "websocket.connect"}], reply=reply)
    linted.assert_clean()
    assert reply.types[0] == "websocket.accept"
    assert reply.types[1:] in ([], ["websocket.close"])
