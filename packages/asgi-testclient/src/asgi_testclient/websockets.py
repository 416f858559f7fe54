"""The client's side of a WebSocket.

from asgi_testclient import TestClient

async def echo(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    message = await receive()
    await send({"type": "websocket.send", "text": message["text"]})
    await send({"type": "websocket.close", "code": 1000})

with TestClient(echo).websocket_connect("/") as websocket:
    websocket.send_text("hello")
    assert websocket.receive_text() == "hello"
    assert list(websocket) == []
"""

# ruff: noqa: ASYNC109 - the limits are ours, so that their errors can tell where the application waits

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from functools import partial
from types import TracebackType
from typing import Any, Literal, Self

from ._runs import TaskRun, ThreadRun, settle
from ._types import Message, Scope
from ._websocket import CHANNEL, WebSocketExchange

__all__ = ["AsyncWebSocketTestSession", "WebSocketDenied", "WebSocketDisconnect", "WebSocketTestSession"]

GONE = "the application returned without websocket.close"
Mode = Literal["text", "binary"]
Limit = float | Literal["client"] | None


class WebSocketDisconnect(Exception):
    """The application closed the WebSocket, with this `code` and `reason`."""

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        Exception.__init__(self, code, reason)
        self.code = code
        self.reason = reason or ""


class WebSocketDenied(WebSocketDisconnect):
    """The application refused the handshake. `response` is the HTTP response a client would see.

    `code` is that of the websocket.close, or the status of the denial response.
    """

    def __init__(self, code: int = 1000, reason: str | None = None, response: Any = None) -> None:
        super().__init__(code, reason)
        self.response = response


class Denial(WebSocketDenied):
    """What makes a response of httpx an exception too."""

    @classmethod
    def of(cls, response: Any, body: Any) -> Self:
        """The same response once more, with the undecoded stream of its body."""
        denial: Any = cls.__new__(cls)
        denial.__init__(response.status_code, headers=response.headers, stream=body, request=response.request)
        denial.read()
        denial.code, denial.reason = response.status_code, response.reason_phrase
        return denial  # type: ignore[no-any-return]

    def __str__(self) -> str:
        return f"the handshake was denied: {self.code} {self.reason}"

    @property
    def response(self) -> Any:
        """This very response."""
        return self


JOINED: dict[tuple[type[Any], type[Any]], type[Any]] = {}


def joined(ours: type[Any], theirs: type[Any]) -> type[Any]:
    """One exception that both an `except` of ours and one of theirs catch."""
    if issubclass(ours, theirs):
        return ours
    if (ours, theirs) not in JOINED:
        JOINED[ours, theirs] = type(ours.__name__, (ours, theirs), {"__module__": ours.__module__})
    return JOINED[ours, theirs]


def disconnect_types(wanted: type[BaseException]) -> list[type[BaseException]]:
    """The class a client is told to raise, and Starlette's, where that is in use: its tests expect it."""
    starlette: Any = sys.modules.get("starlette.websockets")
    return [wanted] if starlette is None else [wanted, starlette.WebSocketDisconnect]


class Session:
    """What a session knows of its WebSocket; both kinds of session are one."""

    def __init__(self, client: Any, request: Any, options: dict[str, Any]) -> None:
        self.response: Any = None
        self._client = client
        self._request = request
        self._options = options
        self._exchange: WebSocketExchange
        self._owner: Any
        self._closed_here = False

    @property
    def app(self) -> Any:
        """The application."""
        return self._client.app

    @property
    def scope(self) -> Scope:
        """The scope the application was called with."""
        return self._exchange.scope

    @property
    def accepted_subprotocol(self) -> str | None:
        """The subprotocol the application chose."""
        subprotocol: str | None = (self._exchange.answer or {}).get("subprotocol")
        return subprotocol

    @property
    def extra_headers(self) -> list[tuple[bytes, bytes]]:
        """The raw headers of websocket.accept."""
        return self._exchange.headers

    @property
    def headers(self) -> Any:
        """The headers of the handshake's response."""
        return self.response.headers

    @property
    def denial(self) -> Any:
        """The response the handshake was refused with, or None."""
        return None if self.response is None or self._exchange.accepted else self.response

    @property
    def messages(self) -> list[tuple[str, Message]]:
        """What passed, in order: ("receive" or "send", message)."""
        return list(self._exchange.messages)

    @property
    def closed(self) -> bool:
        """Whether either side has closed, or the application has returned."""
        return self._closed_here or self._exchange.end is not None or self._exchange.done

    @property
    def close_code(self) -> int | None:
        """The code of the close, from whichever side; 1006 where there was none; None while it is open."""
        if self._exchange.end is not None:
            return self._exchange.end[0]
        return 1006 if self._exchange.done else None

    @property
    def close_reason(self) -> str | None:
        """The reason of the close; None while it is open."""
        if self._exchange.end is not None:
            return self._exchange.end[1]
        return GONE if self._exchange.done else None

    def _seconds(self, timeout: Limit) -> float | None:
        if timeout != "client":
            return timeout
        seconds: float | None = self._owner.seconds_of(self._request)
        return seconds

    def _opened(self, response: Any) -> tuple[Any, Any]:
        """Take over what the transport made; the run and whether the application accepted."""
        self.response = response
        self._exchange, run, self._owner = response.extensions[CHANNEL]
        return run, self._exchange.accepted

    def _disconnected(self, code: int, reason: str) -> BaseException:
        kind: type[Any] = self._client.websocket_disconnect
        for other in disconnect_types(kind):
            kind = joined(kind, other)
        exc: BaseException = kind(code, reason)
        return exc

    def _refusal(self) -> BaseException:
        kind: type[Any] = self._client.denial_response if self._exchange.is_denial else WebSocketDenied
        for other in disconnect_types(self._client.websocket_disconnect):
            kind = joined(kind, other)
        if not self._exchange.is_denial:
            code, reason = self._exchange.end or (1006, GONE)
            refusal: BaseException = kind(code, reason, self.response)
            return refusal
        body = self._client.httpx.ByteStream(b"".join(self._exchange.denial))
        denial: BaseException = kind.of(self.response, body)
        return denial

    def _taken(self) -> Message:
        """The next message, once there is one or the application has returned."""
        exchange = self._exchange
        if exchange.outbox:
            return exchange.outbox.popleft()
        self._owner.raise_failure(exchange)
        if exchange.exception is not None and exchange.end is None:
            raise self._disconnected(1011, "the application raised an exception")
        code, reason = exchange.end or (1006, GONE)
        raise self._disconnected(code, reason)

    def _data(self, message: Message) -> Message:
        """The message, if it is one of data; its disconnect otherwise."""
        if message["type"] == "websocket.close":
            code, reason = self._exchange.end or (1000, "")
            raise self._disconnected(code, reason)
        return message

    def _expectation(self) -> str:
        return self._exchange.expectation()

    def _closing(self, code: int, reason: str | None) -> Callable[[], None]:
        self._closed_here = True
        return partial(self._exchange.hang_up, code, reason or "")


def _text(message: Message) -> str:
    text: str | None = message.get("text")
    if text is None:
        size = len(message.get("bytes") or b"")
        raise AssertionError(f"a text message was expected, the application sent {size} bytes: use receive_bytes()")
    return text


def _bytes(message: Message) -> bytes:
    content: bytes | None = message.get("bytes")
    if content is None:
        raise AssertionError(
            f"a binary message was expected, the application sent the text {message.get('text')!r}: use receive_text()"
        )
    return content


def _json(message: Message, mode: Mode) -> Any:
    return json.loads(_text(message) if _checked(mode) == "text" else _bytes(message).decode())


def _framed(data: Any, mode: Mode) -> Message:
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    if _checked(mode) == "text":
        return {"type": "websocket.receive", "text": text}
    return {"type": "websocket.receive", "bytes": text.encode()}


def _checked(mode: Mode) -> Mode:
    if mode not in ("text", "binary"):
        raise ValueError(f"mode is 'text' or 'binary', not {mode!r}")
    return mode


class WebSocketTestSession(Session):
    """One WebSocket of a TestClient: open inside its `with` block, closed with 1000 when that is left.

    Each `receive` waits `timeout` seconds, by default as long as the client does, and raises AppTimeout after that.
    """

    _run: ThreadRun

    def __enter__(self) -> Self:
        self._run, accepted = self._opened(self._client.send(self._request, **self._options))
        if not accepted:
            self._finish()
            raise self._refusal()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        problem: BaseException | None = None
        try:
            if not self.closed:
                self.close()
            self._finish()
        except BaseException as raised:
            problem = raised
        try:
            settle(problem, exc)
        finally:
            problem = None

    def _finish(self) -> None:
        try:
            self._run.leave()
        finally:
            self._owner.forget(self._run)
        self._owner.raise_failure(self._exchange)

    def send(self, message: Message) -> None:
        """Send a raw message: websocket.receive, or websocket.disconnect to close."""
        if message.get("type") == "websocket.disconnect":
            self.close(message.get("code") or 1005, message.get("reason"))
        else:
            self._run.tell(partial(self._exchange.give, {**message}))

    def send_text(self, data: str) -> None:
        """Send a text message."""
        self.send({"type": "websocket.receive", "text": data})

    def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        self.send({"type": "websocket.receive", "bytes": data})

    def send_json(self, data: Any, mode: Mode = "text") -> None:
        """Send JSON, as text or as bytes."""
        self.send(_framed(data, mode))

    def receive(self, timeout: Limit = "client") -> Message:
        """The next raw message: websocket.send, or websocket.close once."""
        self._run.wait(self._exchange.readable, self._seconds(timeout), self._expectation, self._exchange.advice)
        return self._taken()

    def receive_text(self, timeout: Limit = "client") -> str:
        """The next message, which is text. Raises WebSocketDisconnect where the application has closed."""
        return _text(self._data(self.receive(timeout)))

    def receive_bytes(self, timeout: Limit = "client") -> bytes:
        """The next message, which is binary. Raises WebSocketDisconnect where the application has closed."""
        return _bytes(self._data(self.receive(timeout)))

    def receive_json(self, mode: Mode = "text", timeout: Limit = "client") -> Any:
        """The next message, parsed. Raises WebSocketDisconnect where the application has closed."""
        return _json(self._data(self.receive(timeout)), mode)

    def receive_nothing(self, seconds: float = 0.1) -> bool:
        """Whether the application sends nothing, and does not close or return, for so many seconds."""
        return not self._run.caller.until(self._exchange.readable, seconds)

    def __iter__(self) -> Iterator[str | bytes]:
        """The data of each message, until the WebSocket is closed."""
        while True:
            try:
                message = self._data(self.receive())
            except self._client.websocket_disconnect:
                return
            text = message.get("text")
            yield _bytes(message) if text is None else text

    def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close from the client's side."""
        self._run.tell(self._closing(code, reason))

    def disconnect(self, code: int = 1006) -> None:
        """Drop the connection without a close."""
        self._run.tell(self._closing(code, None))

    def wait_closed(self, timeout: Limit = "client") -> None:
        """Wait until the application has returned, and raise what it raised."""
        self._run.wait(self._run.done, self._seconds(timeout), lambda: "the application has not returned")
        self._owner.raise_failure(self._exchange)


class AsyncWebSocketTestSession(Session):
    """One WebSocket of an AsyncTestClient: `async with`, or awaited and closed by hand.

    The names are those of WebSocketTestSession; what waits there is awaited here.
    """

    _run: TaskRun

    def __await__(self) -> Generator[Any, Any, Self]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Self:
        self._run, accepted = self._opened(await self._client.send(self._request, **self._options))
        if not accepted:
            await self._finish()
            raise self._refusal()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        problem: BaseException | None = None
        try:
            if not self.closed:
                await self.close()
            await self._finish()
        except BaseException as raised:
            problem = raised
        try:
            settle(problem, exc)
        finally:
            problem = None

    async def _finish(self) -> None:
        try:
            await self._run.leave()
        finally:
            self._owner.forget(self._run)
        self._owner.raise_failure(self._exchange)

    async def send(self, message: Message) -> None:
        """Send a raw message: websocket.receive, or websocket.disconnect to close."""
        if message.get("type") == "websocket.disconnect":
            await self.close(message.get("code") or 1005, message.get("reason"))
        else:
            self._exchange.give({**message})

    async def send_text(self, data: str) -> None:
        """Send a text message."""
        await self.send({"type": "websocket.receive", "text": data})

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        await self.send({"type": "websocket.receive", "bytes": data})

    async def send_json(self, data: Any, mode: Mode = "text") -> None:
        """Send JSON, as text or as bytes."""
        await self.send(_framed(data, mode))

    async def receive(self, timeout: Limit = "client") -> Message:
        """The next raw message: websocket.send, or websocket.close once."""
        await self._run.wait(self._exchange.readable, self._seconds(timeout), self._expectation, self._exchange.advice)
        return self._taken()

    async def receive_text(self, timeout: Limit = "client") -> str:
        """The next message, which is text. Raises WebSocketDisconnect where the application has closed."""
        return _text(self._data(await self.receive(timeout)))

    async def receive_bytes(self, timeout: Limit = "client") -> bytes:
        """The next message, which is binary. Raises WebSocketDisconnect where the application has closed."""
        return _bytes(self._data(await self.receive(timeout)))

    async def receive_json(self, mode: Mode = "text", timeout: Limit = "client") -> Any:
        """The next message, parsed. Raises WebSocketDisconnect where the application has closed."""
        return _json(self._data(await self.receive(timeout)), mode)

    async def receive_nothing(self, seconds: float = 0.1) -> bool:
        """Whether the application sends nothing, and does not close or return, for so many seconds."""
        return not await self._run.caller.until(self._exchange.readable, seconds)

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """The data of each message, until the WebSocket is closed."""
        while True:
            try:
                message = self._data(await self.receive())
            except self._client.websocket_disconnect:
                return
            text = message.get("text")
            yield _bytes(message) if text is None else text

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close from the client's side."""
        self._closing(code, reason)()

    async def disconnect(self, code: int = 1006) -> None:
        """Drop the connection without a close."""
        self._closing(code, None)()

    async def wait_closed(self, timeout: Limit = "client") -> None:
        """Wait until the application has returned, and raise what it raised."""
        await self._run.wait(self._run.done, self._seconds(timeout), lambda: "the application has not returned")
        self._owner.raise_failure(self._exchange)
