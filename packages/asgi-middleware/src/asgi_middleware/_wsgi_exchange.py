"""One request to a WSGI application: what the event loop does for its thread, and the thread for the application."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, TypeVar

from ._environ import build_environ
from ._headers import first_value
from .types import Message, Receive, Scope, Send

if TYPE_CHECKING:
    from anyio import CapacityLimiter

Result = TypeVar("Result")
Headers = list[tuple[str, str]]
Write = Callable[[bytes], object]
WSGIApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


class ClientGone(OSError):
    """Raised in the application's thread when it reads from or writes to a client that has left."""


_NO_FAILURE = (ClientGone, CancelledError)
"""The client has left, or the request is cancelled, which anyio may tell a thread in these words."""


def _encoded(name: str, value: str) -> tuple[bytes, bytes]:
    """A header as ASGI has it; ValueError for what would begin another (PEP 3333, "The start_response() Callable").

    Django's cookies begin with a space, which HTTP/2 forbids (RFC 9113 §8.2.1).
    """
    if "\r" in value or "\n" in value or "\0" in value:
        raise ValueError(f"the value of {name!r} has a CR, LF or NUL: {value!r}")
    return name.lower().encode("latin-1"), value.strip(" \t").encode("latin-1")


class FileWrapper:
    """`wsgi.file_wrapper`: a file in blocks of `block_size` bytes, or sent by the server where it can do that."""

    def __init__(self, file: Any, block_size: int = 64 * 1024) -> None:
        self.file = file
        self.block_size = block_size

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.file.read(self.block_size), b"")

    def close(self) -> None:
        """Close the file, if it can be."""
        if hasattr(self.file, "close"):
            self.file.close()


class Exchange:
    """One request: what the loop does for the application's thread, and what the thread does for the application."""

    def __init__(self, app: WSGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        from anyio import Event

        self.app = app
        self.scope = scope
        self._receive = receive
        self._send = send
        self.early = b""
        self.body_over = False
        self.readable = Event()
        self.whole_body_read = Event()
        self.gone = False
        self.head: Message | None = None
        self.headless_body = scope["method"] == "HEAD"
        self.single = False
        self.started = False
        self.ended = False
        self.expected: int | None = None
        self.written = 0

    async def run(self, limiter: CapacityLimiter) -> None:
        """Run the application in a thread and, where nobody else reads, watch beside it for the client to leave."""
        from anyio import create_task_group, to_thread

        failure: Exception | None = None
        async with create_task_group() as tasks:
            tasks.start_soon(self._watch)
            try:
                await to_thread.run_sync(self.respond, limiter=limiter)
                await self._end()
            except Exception as exc:
                failure = exc  # raised below: within the task group it would come out in an ExceptionGroup
            finally:
                self.gone = True
                tasks.cancel_scope.cancel()
        if failure is not None and not isinstance(failure, _NO_FAILURE):
            raise failure

    async def _watch(self) -> None:
        """Read what comes after the body, and the first piece where the head declares no body at all."""
        try:
            if not _declares_body(self.scope):
                self.early = await self._next_body()
            self.readable.set()
            await self.whole_body_read.wait()
            while (await self._receive())["type"] != "http.disconnect":
                pass
        except Exception:  # noqa: S110 - whatever the server raises here, the client has left
            pass
        finally:
            self.gone = True
            self.readable.set()

    async def _next_body(self) -> bytes:
        """The next bytes of the request; none at its end."""
        while not self.body_over and not self.gone:
            message = await self._receive()
            self.gone = message["type"] == "http.disconnect"
            if not self.gone and not message.get("more_body", False):
                self.body_over = True
                self.whole_body_read.set()
            if body := message.get("body", b""):
                return bytes(body)
        return b""

    async def read(self) -> bytes:
        """The next bytes for the application; raises ClientGone, since the end of a part is not the end of the body."""
        await self.readable.wait()
        body, self.early = self.early or await self._next_body(), b""
        if not body and not self.body_over:
            raise ClientGone("the client left before the end of its request")
        return body

    async def _begin(self) -> None:
        if self.gone:
            raise ClientGone("the client has left")
        if not self.started and self.head is not None:
            self.started = True
            await self._send(self.head)

    async def send_chunk(self, chunk: bytes) -> None:
        """Send a piece of the body, after the head if it is the first."""
        await self._begin()
        self.ended = self.single
        await self._send({"type": "http.response.body", "body": chunk, "more_body": not self.single})

    async def send_path(self, path: str) -> None:
        """Have the server send a file."""
        await self._begin()
        self.ended = True
        await self._send({"type": "http.response.pathsend", "path": path})

    async def _end(self) -> None:
        if self.ended:
            return
        if self.expected is not None and self.written < self.expected and not self.headless_body:
            raise RuntimeError(f"the body has {self.written} bytes and its Content-Length says {self.expected}")
        await self._begin()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def respond(self) -> None:
        """Call the application and send what it returns; its `close()` is called whatever happens."""
        body = io.BufferedReader(_RequestBody(self), 64 * 1024)
        environ = build_environ(self.scope, body)
        environ["wsgi.file_wrapper"] = FileWrapper
        result = self.app(environ, self.start_response)
        try:
            self._send_all(result)
        finally:
            if hasattr(result, "close"):
                result.close()

    def _send_all(self, result: Iterable[bytes]) -> None:
        if isinstance(result, FileWrapper) and (path := self._sendable_path(result.file)):
            return _in_loop(self.send_path, path)
        self.single = isinstance(result, (list, tuple)) and len(result) == 1 and not self.started
        for chunk in result:
            if chunk:
                self.write(chunk)
        if self.head is None:
            raise RuntimeError("the application returned without having called start_response()")
        return None

    def _sendable_path(self, file: Any) -> str | None:
        """The path of a file that the server can send by itself, whole, as the application would have."""
        if self.head is None or self.started or self.headless_body:
            return None
        if "http.response.pathsend" not in (self.scope.get("extensions") or ()):
            return None
        try:
            path = os.path.abspath(file.name)
            opened = os.fstat(file.fileno())
            whole = file.tell() == 0 and self.expected in (None, opened.st_size)
            return path if whole and os.path.samestat(opened, os.stat(path)) else None
        except (AttributeError, OSError, TypeError, ValueError):
            return None

    def start_response(self, status: str, headers: Headers, exc_info: Any = None) -> Write:
        """Keep the head of the response until its first byte; with `exc_info` it may be replaced until then."""
        if exc_info:
            try:
                if self.started:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self.head is not None:
            raise AssertionError("start_response() was called a second time without exc_info")
        code = int(status.split(" ", 1)[0])
        raw = [_encoded(name, value) for name, value in headers]
        length = first_value(raw, b"content-length")
        self.expected = None if length is None else int(length)
        self.headless_body = self.scope["method"] == "HEAD" or code < 200 or code in (204, 304)
        self.head = {"type": "http.response.start", "status": code, "headers": raw}
        return self.write

    def write(self, chunk: bytes) -> None:
        """Send a piece of the body and wait until the server has taken it."""
        if self.head is None:
            raise AssertionError("write() was called before start_response()")
        if self.headless_body:
            return
        self.written += len(chunk)
        if self.single and self.expected is None and not self.started:
            self.expected = len(chunk)
            self.head["headers"].append((b"content-length", b"%d" % len(chunk)))
        expected = self.written if self.expected is None else self.expected
        if self.written > expected or (self.single and self.written < expected):
            raise RuntimeError(f"the body has {self.written} bytes and its Content-Length says {self.expected}")
        _in_loop(self.send_chunk, chunk)


def _in_loop(function: Callable[..., Coroutine[Any, Any, Result]], *args: Any) -> Result:
    """Have the event loop of this thread's request run a coroutine function, and wait for it."""
    from anyio import from_thread

    return from_thread.run(function, *args)


class _RequestBody(io.RawIOBase):
    """`wsgi.input`, unbuffered: each read waits for what the client sends next."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if not self.rest:
            self.rest = memoryview(_in_loop(self.exchange.read))
        count = min(len(buffer), len(self.rest))
        buffer[:count] = self.rest[:count]
        self.rest = self.rest[count:]
        return count


def _declares_body(scope: Scope) -> bool:
    """Whether a head says that a body follows; where it does not, the first message tells."""
    return any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in scope.get("headers", ()))
