"""An App without middleware serves a WebSocket in one coroutine: what its client and its server get is what they get of its parts."""

from __future__ import annotations

import pytest

from asgi_framework import (
    App,
    ClientDisconnect,
    HTTPException,
    Middleware,
    Mount,
    PlainTextResponse,
    WebSocket,
    WebSocketDisconnect,
    WebSocketException,
    WebSocketRoute,
)
from asgi_framework.middleware import ExceptionMiddleware, ServerErrorMiddleware
from raw_asgi import Reply, garbage_of, run, websocket_scope

CONNECT = {"type": "websocket.connect"}
LEFT = {"type": "websocket.disconnect", "code": 1001}
DENIALS = {"websocket.http.response": {}}


class Conflict(Exception):
    pass


class Nothing:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


async def at_once(websocket):
    pass


async def connected(websocket):
    await websocket.receive()


async def accepted(websocket):
    await websocket.accept()


async def closed(websocket):
    await websocket.accept()
    await websocket.close(4000)


async def refused(websocket):
    await websocket.close()


async def left(websocket):
    await websocket.accept()
    with pytest.raises(WebSocketDisconnect):
        await websocket.receive_text()


async def denying(websocket):
    await websocket.receive()
    await websocket.send({"type": "websocket.http.response.start", "status": 403, "headers": []})


async def denied(websocket):
    await denying(websocket)
    await websocket.send({"type": "websocket.http.response.body", "body": b"no"})


async def echoing(websocket):
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())


async def closing(websocket, exc):
    await websocket.close(4009)


HANDLERS = {
    "none": {},
    "response": {Conflict: lambda websocket, exc: PlainTextResponse("conflict", 409)},
    "raises": {Conflict: lambda websocket, exc: 1 / 0},
    "another": {Conflict: lambda websocket, exc: (_ for _ in ()).throw(WebSocketException(4004, "another"))},
    "closes": {Conflict: closing},
}


async def served(app, extensions, messages):
    """The messages that were sent, the type of what came out, and the keys that stay in the scope."""
    scope, reply = websocket_scope(path="/", extensions=extensions), Reply()
    try:
        await run(app, scope, messages, reply=reply)
    except Exception as exc:
        return reply.messages, type(exc), "asgi_middleware.exceptions" in scope
    return reply.messages, None, "asgi_middleware.exceptions" in scope


@pytest.mark.parametrize("handlers", HANDLERS)
@pytest.mark.parametrize(
    "exc",
    [
        None,
        Conflict(),
        ValueError(),
        HTTPException(404, "gone"),
        WebSocketException(4001, "no"),
        WebSocketDisconnect(1001),
    ],
    ids=lambda exc: type(exc).__name__,
)
@pytest.mark.parametrize("begin", [at_once, connected, accepted, closed, refused, left, denying, denied, echoing])
async def test_an_exception_is_answered_as_by_the_middlewares_one_by_one(begin, exc, handlers):
    async def endpoint(websocket):
        await begin(websocket)
        if exc is not None:
            raise exc

    class Application:
        async def __call__(self, scope, receive, send):
            await endpoint(WebSocket(scope, receive, send))

    text = {"type": "websocket.receive", "text": "a"}
    messages = [CONNECT, LEFT] if begin is left else [CONNECT, text, LEFT]
    for served_by in (endpoint, Application()):
        routes = [WebSocketRoute("/", served_by)]
        alone = App(routes=routes, exception_handlers=HANDLERS[handlers])
        parts = App(routes=routes, exception_handlers=HANDLERS[handlers], middleware=[Middleware(Nothing)])
        for extensions in ({}, DENIALS):
            assert await served(alone, extensions, messages) == await served(parts, extensions, messages)


async def test_a_server_that_refuses_a_message_is_not_sent_another():
    calls = []

    async def endpoint(websocket):
        await websocket.accept()
        await websocket.send_text("a")

    async def receive():
        return CONNECT

    async def send(message):
        calls.append(message["type"])
        if message["type"] == "websocket.send":
            raise OSError("gone")

    with pytest.raises(WebSocketDisconnect):
        await App(routes=[WebSocketRoute("/", endpoint)])(websocket_scope(), receive, send)
    assert calls == ["websocket.accept", "websocket.send"]


@pytest.mark.parametrize("patched", [ServerErrorMiddleware, ExceptionMiddleware])
async def test_a_patched_middleware_is_called_for_a_websocket(monkeypatch, patched):
    app, calls, original = App(routes=[WebSocketRoute("/", echoing)]), [], patched.__call__

    async def noted(self, scope, receive, send):
        calls.append(scope["type"])
        await original(self, scope, receive, send)

    text = {"type": "websocket.receive", "text": "a"}
    for expected in ([], ["websocket"]):
        reply = await run(app, websocket_scope(), [CONNECT, text])
        assert [message["type"] for message in reply.messages] == ["websocket.accept", "websocket.send"]
        assert calls == expected
        monkeypatch.setattr(patched, "__call__", noted)


async def test_a_mounted_application_leaves_exceptions_to_its_own_handlers_and_the_key_as_it_was():
    seen = []

    async def endpoint(websocket):
        await websocket.accept()
        raise Conflict

    async def around(scope, receive, send):
        await inner(scope, receive, send)
        seen.append(scope["asgi_middleware.exceptions"])

    inner = App(routes=[WebSocketRoute("/", endpoint)], exception_handlers={Conflict: closing})
    outer = App(routes=[Mount("/", around)])
    reply = await run(outer, websocket_scope(), [CONNECT])
    assert reply.messages[1:] == [{"type": "websocket.close", "code": 4009, "reason": ""}]
    assert len(seen) == 1


async def test_nothing_is_left_for_the_garbage_collector():
    async def endpoint(websocket):
        await websocket.accept()
        raise Conflict

    app = App(routes=[WebSocketRoute("/", endpoint)], exception_handlers={Conflict: closing})
    assert await garbage_of(lambda: run(app, websocket_scope(), [CONNECT])) == 0


async def test_a_client_that_has_left_during_an_upload_is_not_an_error():
    async def endpoint(websocket):
        await websocket.accept()
        raise ClientDisconnect

    reply = await run(App(routes=[WebSocketRoute("/", endpoint)]), websocket_scope(), [CONNECT])
    assert reply.types == ["websocket.accept", "websocket.close"]


async def test_a_route_that_fails_closes_the_handshake():
    def fails(scope):
        raise Conflict

    app = App(routes=[WebSocketRoute("/", echoing, when=fails)])
    reply = Reply()
    with pytest.raises(Conflict):
        await run(app, websocket_scope(extensions={}), [CONNECT], reply=reply)
    assert reply.messages == [{"type": "websocket.close", "code": 1011, "reason": ""}]
