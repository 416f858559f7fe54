"""One request to a WSGI application, split between the event loop and the application's thread."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, TypeVar

from .._headers import encode_name, encode_value, first_value
from .._scope import unread
from ..types import Message, Receive, Scope, Send
from ._environ import build_environ
from ._streams import ClientGone, FileWrapper, RequestBody

if TYPE_CHECKING:
    from anyio import CapacityLimiter

Result = TypeVar("Result")
Headers = list[tuple[str, str]]
Write = Callable[[bytes], object]
WSGIApp = Callable[[dict[str, Any], Any], Iterable[bytes]]

# The client has left, or the request is cancelled, which anyio may report to a worker thread by CancelledError.
_NO_FAILURE = (ClientGone, CancelledError)


def _encoded(name: str, value: str) -> tuple[bytes, bytes]:
    """Return a header in bytes. Raises ValueError for one with a line break (PEP 3333, start_response)."""
    key = encode_name(name)
    # The values of Django's cookies begin with a space, which HTTP/2 forbids (RFC 9113 §8.2.1).
    return key, encode_value(name, value).strip(b" \t")


class WSGICall:
    """One request. Its coroutines run in the event loop; its other methods run in the application's thread."""

    def __init__(self, app: WSGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        from anyio import Event

        self.app = app
        self.scope = scope
        self._receive = unread(scope, receive)
        self._send = send
        self.early = b""
        self.body_over = False
        self.readable = Event()
        self.whole_body_read = Event()
        self.gone = False
        self.failure: Exception | None = None
        self.head: Message | None = None
        self.headless_body = scope["method"] == "HEAD"
        self.single = False
        self.started = False
        self.ended = False
        self.expected: int | None = None
        self.written = 0

    async def run(self, limiter: CapacityLimiter) -> None:
        """Run the application in a thread, and watch for the client to leave while nothing else reads."""
        from anyio import create_task_group, to_thread

        failure: Exception | None = None
        async with create_task_group() as tasks:
            tasks.start_soon(self._watch)
            try:
                await to_thread.run_sync(self.respond, limiter=limiter)
                await self._end()
            except Exception as exc:
                failure = exc  # raised below: the task group would wrap it in an ExceptionGroup
            finally:
                self.gone = True
                tasks.cancel_scope.cancel()
        self.failure = None  # its traceback refers to a frame of this object: avoid a reference cycle
        if failure is not None and not isinstance(failure, _NO_FAILURE):
            raise failure

    async def _watch(self) -> None:
        """Wait for the disconnect after the body, and first for the body itself if the head declares none.

        An exception of `receive()` is kept, and raised when the application reads: an outer body limit may have raised
        it, and still sends its answer. Servers raise OSError if the client has left.
        """
        try:
            if not _declares_body(self.scope):
                self.early = await self._next_body()
            self.readable.set()
            await self.whole_body_read.wait()
            while (await self._receive())["type"] != "http.disconnect":
                pass
            self.gone = True
        except OSError:
            self.gone = True
        except Exception as exc:
            self.failure = exc
        finally:
            self.readable.set()

    async def _next_body(self) -> bytes:
        """Return the next bytes of the request, or empty bytes at its end."""
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
        """Return the next bytes for the application, or empty bytes at the end of the body.

        Raises the exception of `receive()`, and ClientGone if the body is incomplete.
        """
        await self.readable.wait()
        body, self.early = self.early, b""
        if not body:
            if self.failure is not None and not self.body_over:
                raise self.failure
            body = await self._next_body()
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
        """Send a chunk of the body, after the head if it is the first."""
        await self._begin()
        self.ended = self.single
        await self._send({"type": "http.response.body", "body": chunk, "more_body": not self.single})

    async def send_path(self, path: str) -> None:
        """Let the server send a file."""
        await self._begin()
        self.ended = True
        await self._send({"type": "http.response.pathsend", "path": path})

    async def _end(self) -> None:
        if self.ended:
            return
        if self.expected is not None and self.written < self.expected and not self.headless_body:
            raise RuntimeError(f"the body has {self.written} bytes, but its Content-Length is {self.expected}")
        await self._begin()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def respond(self) -> None:
        """Call the application and send the response; `close()` of the iterable is always called (PEP 3333)."""
        body = io.BufferedReader(RequestBody(lambda: _in_loop(self.read)), 64 * 1024)
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
        # A single chunk is the whole body, so it gets a Content-Length if the application set none (PEP 3333,
        # "Handling the Content-Length Header").
        self.single = isinstance(result, (list, tuple)) and len(result) == 1 and not self.started
        for chunk in result:
            if chunk:
                self.write(chunk)
        if self.head is None:
            raise RuntimeError("the application returned without having called start_response()")
        return None

    def _sendable_path(self, file: Any) -> str | None:
        """Return the path of a file that the server may send instead of the application, or None.

        The file must be whole, still at that path, and as long as the Content-Length.
        """
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
        """Store the head of the response, which is sent with the first byte of the body (PEP 3333).

        Until then an error handler may replace it by calling again with `exc_info`.
        """
        if exc_info:
            try:
                if self.started:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # as in PEP 3333: its traceback refers to this frame
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
        """Send a chunk of the body, and wait until the server has accepted it."""
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
            raise RuntimeError(f"the body has {self.written} bytes, but its Content-Length is {self.expected}")
        _in_loop(self.send_chunk, chunk)


def _in_loop(function: Callable[..., Coroutine[Any, Any, Result]], *args: Any) -> Result:
    """Run a coroutine function in the event loop of this thread's request, and wait for its result."""
    from anyio import from_thread

    return from_thread.run(function, *args)


def _declares_body(scope: Scope) -> bool:
    """Return whether the head declares a body; HTTP/2 needs no field for that, so there the first message decides."""
    return any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in scope.get("headers", ()))
