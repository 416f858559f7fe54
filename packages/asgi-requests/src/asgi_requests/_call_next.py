"""The application behind a `dispatch` function: one task for each call of it, and one place where its messages go.

Rule: `Run.outlet` is where the messages of the application go once its response has begun, and the application waits
until there is one. It is the server's `send` where the response is sent as it is, a stream where its body is read,
nothing where it is dropped.
"""

from __future__ import annotations

import contextvars
from collections.abc import AsyncIterator
from typing import Any

import anyio

from ._bodies import Replay, shared_body
from ._body import MISSING
from .background import BackgroundTask
from .requests import Request
from .responses import Response
from .types import ASGIApp, Message, Receive, Scope, Send


class Dropped(OSError):
    """Raised by the `send` of an application whose streamed response has been dropped."""


class CallNext:
    """The `call_next` of one request through a BaseHTTPMiddleware, and the runs of the application it has started."""

    tasks: anyio.abc.TaskGroup
    raised: Exception | None = None
    failure: Exception | None = None

    def __init__(self, app: ASGIApp, request: Request, send: Send) -> None:
        self.app = app
        self.request = request
        self.send = send
        self.runs: list[Run] = []

    async def __call__(self, request: Any) -> Response:
        """Run the application until its response begins; raises what it raises, RuntimeError if it sends none.

        Anything that is not a Request stands for the one of dispatch, which is what Starlette always takes.
        """
        run = Run(self.app, request if isinstance(request, Request) else self.request, self.send)
        self.runs.append(run)
        self.tasks.start_soon(run.main)
        try:
            await run.begun.wait()
        # A dispatch that is cancelled while it waits must not leave the application running behind it.
        except BaseException:
            run.cancel_scope.cancel()
            raise
        run.propagate_context()
        try:
            run.raise_error()
        except Exception as exc:
            self.raised = exc
            raise
        if run.start is None:
            raise RuntimeError("No response returned.")
        return ForwardedResponse(run, run.start)

    async def finish(self) -> None:
        """Let every run come to its end; a response that was not sent is dropped."""
        # All are dropped before any is awaited: one may wait for what another does when it ends.
        for run in self.runs:
            run.drop()
        for run in self.runs:
            await run.ended.wait()
            run.raise_error()

    def close(self) -> None:
        """Set the context variables that the application has set last, and raise what the request has failed with."""
        for run in self.runs:
            run.close()
            run.propagate_context()
        failure, self.failure, self.raised = self.failure, None, None
        if failure is not None:
            try:
                raise failure
            finally:
                # Avoid a reference cycle through the traceback.
                del failure


class Run:
    """One call of the application, in a task of its own."""

    outlet: Send | None = None
    start: Message | None = None
    error: Exception | None = None
    sent: anyio.Event | None = None
    _dropped = False
    _waiting: anyio.CancelScope | None = None
    _receiver: Any = None

    def __init__(self, app: ASGIApp, request: Request, send: Send) -> None:
        self.app = app
        self.scope: Scope = request.scope
        self.server_send = send
        self.cancel_scope = anyio.CancelScope()
        self.begun = anyio.Event()
        self.resumed = anyio.Event()
        self.ended = anyio.Event()
        self.context = self._seen = contextvars.copy_context()
        self.replay = self._replay(request)

    def _replay(self, request: Request) -> Replay:
        """Return what `receive` gives: the body as dispatch has read or replaced it, then what the server sends."""
        shared = request._shared()
        body = getattr(request, "_body", None)
        if body is not None and body is not shared.body:
            shared.body, shared.json, shared.form = body, MISSING, None
        if shared.form is not None or shared.json is not MISSING:
            inner = shared_body(self.scope, self.receive)
            inner.json, inner.form = shared.json, shared.form
        return Replay(shared, request._receive)

    async def main(self) -> None:
        """Call the application, and keep what it raises for the task that waits for it."""
        try:
            with self.cancel_scope:
                await self.app(self.scope, self.receive, self.send)
        except Exception as exc:
            # An exception raised by the drop itself is not the application's fault; frameworks wrap it in others.
            if not (self._dropped and _stems_from_a_drop(exc)):
                self.error = exc
        finally:
            # The task has its own context: whatever it has set is copied to the task of dispatch, which may log it.
            self.context = contextvars.copy_context()
            self.begun.set()
            self.ended.set()
            if self.sent is not None:
                self.sent.set()
            if self._receiver is not None:
                self._sender.close()

    def raise_error(self) -> None:
        """Raise what the application has raised, once."""
        error, self.error = self.error, None
        if error is not None:
            try:
                raise error
            finally:
                # Avoid a reference cycle through the traceback.
                del error

    def propagate_context(self) -> None:
        """Set the context variables that the application has set since the last time."""
        before, after = self._seen, self.context
        for variable, value in after.items():
            if before.get(variable, MISSING) is not value:
                variable.set(value)
        self._seen = after

    async def receive(self) -> Message:
        """Return the body as dispatch has read it, then what the server sends; a disconnect once it is dropped."""
        if not self._dropped:
            # Its own scope: a drop ends this wait and nothing else, and the application reads a disconnect.
            with anyio.CancelScope() as self._waiting:
                return await self.replay()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send a message to the outlet; what precedes the response passes at once."""
        if self.outlet is not None:
            await self.outlet(message)
        elif message["type"] == "http.response.start":
            self.start = message
            self.context = contextvars.copy_context()
            self.begun.set()
            await self.resumed.wait()
        else:
            await self.server_send(message)

    def resume(self, outlet: Send) -> None:
        """Let the application continue, with `outlet` for its messages."""
        self.outlet = outlet
        self.resumed.set()

    def drop(self) -> None:
        """Discard the rest of a response that was not sent to its end."""
        if self._receiver is None and self.outlet is not None:
            return
        self.close()
        self._dropped = True
        self.resume(self._discard)
        if self._waiting is not None:
            self._waiting.cancel()

    def close(self) -> None:
        """Close the stream from which the body is read."""
        if self._receiver is not None:
            self._receiver.close()

    async def _discard(self, message: Message) -> None:
        # An endless application that sends into nothing has to give way to other tasks, and to its cancellation.
        await anyio.lowlevel.checkpoint()
        if message.get("more_body", False):
            raise Dropped("the response is not sent: dispatch has returned another")

    def messages(self) -> Any:
        """Return a stream of the application's messages, each received before the next is sent."""
        if self._receiver is None:
            # No buffer: the application sends its next message when the last has been read, as to a slow client.
            self._sender, self._receiver = anyio.create_memory_object_stream[Message](0)
            self.resume(self._send_to_reader)
            if self.ended.is_set():
                self._sender.close()
        return self._receiver

    async def _send_to_reader(self, message: Message) -> None:
        try:
            await self._sender.send(message)
        # The reader has been closed before the body ended: from here on the rest is dropped.
        except anyio.BrokenResourceError:
            await self._discard(message)

    async def body(self) -> AsyncIterator[Any]:
        """Iterate over the chunks of the body, and messages of other kinds as they are."""
        async for message in self.messages():
            if message["type"] != "http.response.body":
                yield message
                continue
            if chunk := message.get("body", b""):
                yield chunk
            if not message.get("more_body", False):
                return
        self.raise_error()


class ForwardedResponse(Response):
    """The response of the application; its status, headers, `body_iterator` and background task can be changed."""

    def __init__(self, run: Run, start: Message) -> None:
        self.run = run
        self.start = start
        self.status_code = start["status"]
        self.raw_headers = list(start.get("headers", ()))
        self.background = None
        self.body_iterator = self._unread = run.body()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        run = self.run
        await send({**self.start, "status": self.status_code, "headers": self.raw_headers})
        background = self.background
        if self.body_iterator is not self._unread or run.outlet is not None:
            await self._send_read(send)
        elif background is None:
            run.resume(send)
        else:
            await self._send_before_background(background, send)
            background = None
        await run.ended.wait()
        run.raise_error()
        if background is not None:
            await background()

    async def _send_before_background(self, background: BackgroundTask, send: Send) -> None:
        """Send the response and run the background task; only then does the application go on to its own."""
        run = self.run
        sent = run.sent = anyio.Event()
        done = anyio.Event()

        async def send_and_hold(message: Message) -> None:
            await send(message)
            # Held at the end of the body: Starlette runs the task of dispatch before those of the application.
            if _ends_response(message, self.start):
                sent.set()
                await done.wait()

        run.resume(send_and_hold)
        if not run.ended.is_set():
            await sent.wait()
        try:
            await background()
        finally:
            done.set()

    async def _send_read(self, send: Send) -> None:
        """Send what the iterator gives, then the messages that follow the body of the application: trailers."""
        has_body = True
        async for chunk in self.body_iterator:
            if isinstance(chunk, dict):
                has_body = False
                await send(chunk)
            else:
                body = chunk.encode(self.charset) if isinstance(chunk, str) else chunk
                await send({"type": "http.response.body", "body": body, "more_body": True})
        if has_body:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        async for message in self.run.messages():
            await send(message)


def _ends_response(message: Message, start: Message) -> bool:
    if start.get("trailers", False):
        return message["type"] == "http.response.trailers" and not message.get("more_trailers", False)
    bodies = ("http.response.body", "http.response.pathsend", "http.response.zerocopysend")
    return message["type"] in bodies and not message.get("more_body", False)


def _stems_from_a_drop(exc: BaseException | None) -> bool:
    # A task group raises what its tasks raise as one group; another exception in it is a real failure.
    if isinstance(exc, BaseExceptionGroup):
        return all(_stems_from_a_drop(inner) for inner in exc.exceptions)
    while exc is not None and not isinstance(exc, Dropped):
        exc = exc.__cause__ or exc.__context__
    return exc is not None
