"""One request to a generator and the application inside: it resumes the generator at the head and at the end."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from .._marked import marked_async
from .._watch import ResponseWatcher
from ..types import ASGIApp, Message, Receive, Scope, Send
from ._response_start import ResponseStart

_BODY_MESSAGES = ("http.response.body", "http.response.pathsend", "http.response.zerocopysend")
ENDED = object()
"""A marker for a generator that has ended."""


def application_of(generator: Any, value: Any) -> ASGIApp:
    """Return the application that a generator has yielded. Raises TypeError for any other value."""
    if not callable(value):
        raise TypeError(f"{generator.__qualname__} yielded {value!r}, which is not an ASGI application")
    application: ASGIApp = value
    return application


class GeneratorCall(ResponseWatcher):
    """A `send` that resumes an async generator; `generator` is None once it has nothing left to do."""

    __slots__ = ("_has_trailers", "generator")

    def __init__(self, generator: Any, send: Send) -> None:
        self._send = send
        self.started = False
        self.generator = generator

    @marked_async
    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message to the outer `send`; resume the generator at the head and after the last message."""
        generator = self.generator
        if not self.started:
            if message["type"] == "http.response.start":
                self.started = True
                self.generator = None  # until it waits again: it may end or fail at the head
                if generator is not None:
                    return self._send_head(generator, message)
        elif generator is not None and not message.get("more_body", False) and self._ends(message):
            return self._send_last(generator, message)
        return self._send(message)

    async def _send_head(self, generator: Any, message: Message) -> None:
        start = ResponseStart(message)
        try:
            await generator.asend(start)
            self._wait_for_the_end(generator, message)
        except StopAsyncIteration:
            pass  # a generator with one `yield` does not want the end
        await self._send(start.changed_message())

    def _wait_for_the_end(self, generator: Any, message: Message) -> None:
        self.generator = generator
        self._has_trailers: bool = message.get("trailers", False)

    def _ends(self, message: Message) -> bool:
        """Return whether this message is the last of the response; the caller has checked `more_body`."""
        kind = message["type"]
        if kind == "http.response.trailers":
            return not message.get("more_trailers", False)
        return not self._has_trailers and kind in _BODY_MESSAGES

    async def _send_last(self, generator: Any, message: Message) -> None:
        await self._send(message)
        self.generator = None
        if await self._next(generator) is not ENDED:
            await self._close(generator)

    async def recover(self, exc: Exception, scope: Scope, receive: Receive) -> bool:
        """Raise the application's exception at the generator's `yield`; return False if it propagates.

        A generator that catches it may yield an application, which answers if no response has started.
        """
        generator, self.generator = self.generator, None
        traceback = exc.__traceback__
        try:
            app = await self._throw(generator, exc)
        except Exception as raised:
            if raised is exc:
                return False
            raise
        finally:
            exc.__traceback__ = traceback  # without this frame, which refers to `exc`: avoid a reference cycle
        if app is ENDED:
            return True
        self.generator = generator
        if app is not None and not self.started:
            await application_of(generator, app)(scope, receive, self.send)
        return True

    async def close(self) -> None:
        """Close a generator that still waits at a `yield`."""
        await self._close(self.generator)

    async def _next(self, generator: Any) -> Any:
        return await anext(generator, ENDED)

    async def _throw(self, generator: Any, exc: Exception) -> Any:
        try:
            return await generator.athrow(exc)
        except StopAsyncIteration:
            return ENDED

    async def _close(self, generator: Any) -> None:
        await generator.aclose()


class PlainGeneratorCall(GeneratorCall):
    """A `send` that resumes a plain generator, which needs no coroutine at the head."""

    __slots__ = ()

    def _send_head(self, generator: Any, message: Message) -> Awaitable[None]:  # type: ignore[override]
        start = ResponseStart(message)
        try:
            generator.send(start)
            self._wait_for_the_end(generator, message)
        except StopIteration:
            pass
        return self._send(start.changed_message())

    async def _next(self, generator: Any) -> Any:
        return next(generator, ENDED)

    async def _throw(self, generator: Any, exc: Exception) -> Any:
        try:
            return generator.throw(exc)
        except StopIteration:
            return ENDED

    async def _close(self, generator: Any) -> None:
        generator.close()
