"""Answers after a failure: knowing what has been sent, and speaking to a WebSocket in words it understands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import MethodType
from typing import TYPE_CHECKING, Any, ClassVar

from ._marked import marked_async
from .types import ASGIApp, Message, Receive, Scope, Send

SCOPE_KEY = "asgi_middleware.exceptions"

ExceptionHandler = Callable[[Scope, Any], ASGIApp | Awaitable[ASGIApp]]
"""`handler(scope, exc)`: returns the ASGI application that answers, or an awaitable of it."""


async def respond(handler: ExceptionHandler, exc: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    """Call a handler, await what it returns where that is an awaitable, and let the application it made answer."""
    answer: Any = handler(scope, exc)
    if hasattr(answer, "__await__"):
        answer = await answer
    await answer(scope, receive, send)


class Answering:
    """What ExceptionMiddleware is to a neighbour outside that does its work as well, in one coroutine instead of two.

    It stands in the scope while `app` is called, and what `app` raises is given to `answer`.
    """

    app: ASGIApp
    own_call: ClassVar[Any]

    if TYPE_CHECKING:

        async def answer(
            self, exc: Exception, scope: Scope, receive: Receive, send: Send, *, started: bool = False
        ) -> bool: ...

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


def entered_in_place(app: ASGIApp) -> Answering | None:
    """The application, if it is one that answers and neither a subclass nor an instrumentation changed its call."""
    return app if isinstance(app, Answering) and type(app).__call__ is type(app).own_call else None


def leave(scope: Scope, outer: Answering | None) -> None:
    """Put what was in force outside back into the scope."""
    if outer is None:
        del scope[SCOPE_KEY]
    else:
        scope[SCOPE_KEY] = outer


class Started:
    """Watches one HTTP exchange for the start of its response: `started` is all there is to know.

    `send` is a plain function that hands on the awaitable of the server's own, which saves a coroutine per message.
    Neighbours share one, which the `send` they are given is bound to; a subclass does more to the messages.
    """

    __slots__ = ("_send", "started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    @marked_async
    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.started = True
        send = self._send  # read by itself: a slot is slow to call
        return send(message)


class Handshake:
    """Watches one WebSocket: whether its connect was received, whether it was accepted, answered or left."""

    __slots__ = ("_receive", "_send", "accepted", "connected", "ended", "started")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.connected = self.accepted = self.started = self.ended = False

    async def receive(self) -> Message:
        receive = self._receive  # read by itself: a slot is slow to call
        message = await receive()
        kind = message["type"]
        if kind == "websocket.disconnect":
            self.ended = True
        elif kind == "websocket.connect":
            self.connected = True
        return message

    @marked_async
    def send(self, message: Message) -> Awaitable[None]:
        kind = message["type"]
        if kind == "websocket.accept":
            self.accepted = True
        elif kind == "websocket.close":
            self.ended = True
        elif kind == "websocket.http.response.start":
            self.started = True
        send = self._send
        return send(message)

    async def answer(self, app: ASGIApp, scope: Scope, close_code: int) -> None:
        """Let `app` have the last word: a denial response before the accept, where the server offers it, or a close.

        The connect is awaited first, and `app` still receives it. `close_code` closes where an HTTP answer cannot
        be given; nothing is sent to a client that has left.
        """
        if not self.connected and not self.ended:
            await self.receive()
        if not self.ended:
            last_word = _LastWord(self, "websocket.http.response" in (scope.get("extensions") or ()), close_code)
            await app(scope, last_word.receive, last_word.send)


def watch_handshake(receive: Receive, send: Send) -> Handshake:
    """The watcher whose `receive` and `send` these are, or a new one around them."""
    if type(receive) is MethodType and type(send) is MethodType:
        watcher = receive.__self__
        if type(watcher) is Handshake and send.__self__ is watcher:
            return watcher
    return Handshake(receive, send)


class _LastWord:
    """The receive and send of an answer: the connect once more, and HTTP messages turned into what can be sent."""

    __slots__ = ("close_code", "handshake", "may_deny", "replay")

    def __init__(self, handshake: Handshake, offered: bool, close_code: int) -> None:
        self.handshake = handshake
        self.may_deny = offered and not handshake.accepted
        self.close_code = close_code
        self.replay = True

    async def receive(self) -> Message:
        if self.replay:
            self.replay = False
            return {"type": "websocket.connect"}
        return await self.handshake.receive()

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if self.handshake.ended:
            return
        if "http.response." not in kind:
            await self.handshake.send(message)
        elif self.may_deny:
            await self.handshake.send(
                message if kind.startswith("websocket.") else {**message, "type": f"websocket.{kind}"}
            )
        elif kind.endswith(".start"):
            await self.handshake.send({"type": "websocket.close", "code": self.close_code, "reason": ""})
