"""A request: its body as bytes, chunks, JSON or form, read once for every Request over the scope."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, NoReturn, cast

from .._awaitable import AwaitableOrContextManager
from .._body import BODY_KEY, MISSING, Replay, SharedBody, shared_body
from .._fields import encode_value, refuse_control_characters
from .._json import load_json
from .._urlencoded import FormParser
from ..exceptions import ClientDisconnect
from ..multidict import FormData
from ..types import Message, Receive, Scope, Send
from .connection import HTTPConnection, StateT

SERVER_PUSH_HEADERS_TO_COPY = {"accept", "accept-encoding", "accept-language", "cache-control", "user-agent"}


async def empty_receive() -> NoReturn:
    """The `receive` of a request that was given none; raises RuntimeError."""
    raise RuntimeError("Receive channel has not been made available")


async def empty_send(message: Message) -> NoReturn:
    """The `send` of a request that was given none; raises RuntimeError."""
    raise RuntimeError("Send channel has not been made available")


class Request(HTTPConnection[StateT]):
    """An HTTP request; its body is read when asked for, once, and shared by every Request over the scope.

    A middleware that changes the body takes the key `asgi_requests.body` out of the scope it hands on.
    """

    _form: FormData | None = None
    _streaming = False

    def __init__(self, scope: Scope, receive: Receive = empty_receive, send: Send = empty_send) -> None:
        assert scope["type"] == "http"
        self.scope = scope
        self._receive = receive
        self._send = send

    @property
    def method(self) -> str:
        """The method, as it was sent."""
        return cast("str", self.scope["method"])

    @property
    def receive(self) -> Receive:
        """The next message, beginning with those that a look for a disconnect has come upon."""
        return self._next_message

    async def _next_message(self) -> Message:
        return await shared_body(self.scope).hand_out(self._receive)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body in chunks and an empty one at the end; the body in one piece where it has been read.

        Raises ClientDisconnect, and RuntimeError where the body has been streamed or is being streamed elsewhere.
        """
        shared = shared_body(self.scope)
        body = getattr(self, "_body", None)
        if body is None:
            while shared.reading not in (None, self):
                await shared.change()
            body = shared.body
        if body is not None:
            yield body
        else:
            if not self._streaming or shared.consumed:
                shared.refuse_streamed()
            shared.streamed = self._streaming = True
            while not shared.consumed:
                message = await shared.message(self._receive)
                if message["type"] == "http.request":
                    shared.consumed = not message.get("more_body", False)
                    if chunk := message.get("body", b""):
                        yield chunk
                elif message["type"] == "http.disconnect":
                    raise ClientDisconnect()
        yield b""

    async def body(self) -> bytes:
        """The whole body, or what this request's own stream has left of it.

        Raises ClientDisconnect, and RuntimeError where the body has been streamed.
        """
        body: bytes | None = getattr(self, "_body", None)
        if body is None:
            if self._streaming or type(self).stream is not Request.stream:
                body = b"".join([chunk async for chunk in self.stream()])
            else:
                body = await shared_body(self.scope).read(self._receive)
            self._body = body
        return body

    async def json(self) -> Any:
        """The body as JSON; raises InvalidJSON, a json.JSONDecodeError that answers 400, and what `body()` raises."""
        if not hasattr(self, "_json"):
            body = await self.body()
            shared: SharedBody | None = self.scope.get(BODY_KEY)
            if shared is None or shared.body is not body:
                self._json = load_json(body)
            elif shared.json is MISSING:
                self._json = shared.json = load_json(body)
            else:
                self._json = shared.json
        return self._json

    def form(
        self, *, max_files: int | float = 1000, max_fields: int | float = 1000, max_part_size: int = 1024 * 1024
    ) -> AwaitableOrContextManager[FormData]:
        """The form, to await, or to enter so that its files are closed at the end; sizes are in bytes.

        The limits of the first to ask hold. Raises MultiPartException, an HTTPException (400), for a form that is
        malformed or beyond a limit, and RuntimeError where the body has been streamed.
        """
        coroutine = self._get_form(max_files=max_files, max_fields=max_fields, max_part_size=max_part_size)
        return AwaitableOrContextManager(coroutine, self.close)

    async def _get_form(
        self, *, max_files: int | float = 1000, max_fields: int | float = 1000, max_part_size: int = 1024 * 1024
    ) -> FormData:
        if self._form is None:
            shared = shared_body(self.scope)
            own: bytes | None = getattr(self, "_body", None)
            if type(self).stream is not Request.stream or (own is not None and own is not shared.body):
                self._form = await self._parse_form(max_files, max_fields, max_part_size)
            else:
                self._form = await self._shared_form(shared, max_files, max_fields, max_part_size)
        return self._form

    async def _shared_form(
        self, shared: SharedBody, max_files: int | float, max_fields: int | float, max_part_size: int
    ) -> FormData:
        while shared.reading is not None:
            await shared.change()
        if shared.form is None:
            if shared.body is None:
                shared.refuse_streamed()
            shared.reading = self
            try:
                shared.form = await self._parse_form(max_files, max_fields, max_part_size)
            finally:
                shared.reading = None
                shared.wake()
        return shared.form

    async def _parse_form(self, max_files: int | float, max_fields: int | float, max_part_size: int) -> FormData:
        content_type = self.headers.get("content-type", "").partition(";")[0].strip(" \t").lower()
        if content_type == "multipart/form-data":
            from ..forms import MultiPartParser

            return await MultiPartParser(
                self.headers,
                self.stream(),
                max_files=max_files,
                max_fields=max_fields,
                max_part_size=max_part_size,
            ).parse()
        if content_type == "application/x-www-form-urlencoded":
            return await FormParser(
                self.headers, self.stream(), max_fields=max_fields, max_part_size=max_part_size
            ).parse()
        return FormData()

    async def close(self) -> None:
        """Close the files of the form, if it was read; another Request may parse it anew from a body in memory."""
        if self._form is not None:
            await self._form.close()
            shared = shared_body(self.scope)
            if shared.form is self._form and shared.body is not None:
                shared.form = None

    async def is_disconnected(self) -> bool:
        """Whether the client is known to have left; what it sent before stays to be read.

        Looks past at most 64 KiB of a body that nobody has read yet.
        """
        return await shared_body(self.scope).disconnected(self._receive)

    async def replay(self, *, max_size: int = 1024 * 1024) -> Receive:
        """A `receive` to hand to another application: the body, read here and kept, then what the server has to say.

        `max_size` is in bytes; raises HTTPException (413) for a larger body, and what `body()` raises.
        """
        body = await shared_body(self.scope).read(self._receive, max_size)
        return replay_receive(body, self.receive)

    async def send_push_promise(self, path: str) -> None:
        """Have the server push a path (RFC 9113 §8.4), where it offers to; raises ValueError for CR, LF or NUL."""
        if "http.response.push" in (self.scope.get("extensions") or ()):
            refuse_control_characters(path)
            headers = [
                (name.encode("latin-1"), value.encode("latin-1"))
                for name in sorted(SERVER_PUSH_HEADERS_TO_COPY)
                for value in self.headers.getlist(name)
            ]
            await self._send({"type": "http.response.push", "path": path, "headers": headers})

    async def send_early_hints(self, link: str, /, *additional_links: str) -> None:
        """Send Link header values ahead of the response (103, RFC 8297), where the server offers to.

        Raises ValueError for CR, LF or NUL in one.
        """
        if "http.response.early_hint" in (self.scope.get("extensions") or ()):
            links = [encode_value(value) for value in (link, *additional_links)]
            await self._send({"type": "http.response.early_hint", "links": links})


def replay_receive(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands out `body` in one message and from then on is `receive`; it invents no disconnect."""
    return Replay(body, receive)
