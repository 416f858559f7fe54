"""A request: its body as bytes, chunks, JSON or form, read once for every Request over the same `receive`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

from .._awaitable import AwaitableOrContextManager
from .._bodies import BODY_KEY, Delivery, Recall, Replay, shared_body
from .._body import MISSING, UNKNOWN, SharedBody
from .._json import CODEC_KEY, load_json_of
from ..exceptions import ClientDisconnect
from ..multidict import FormData
from ..types import Message, Receive, Scope, Send
from ._ahead import early_hint_message, push_message
from ._channels import empty_receive, empty_send
from ._forms import parse_form
from .connection import HTTPConnection, StateT

if TYPE_CHECKING:
    from datetime import datetime

    from ..parts import PartLimits, PartReader

T = TypeVar("T")


class Request(HTTPConnection[StateT]):
    """An HTTP request; its body is read when asked for, once, and shared by every Request over the same `receive`.

    A body that another Request has streamed to its end is empty. A middleware that changes the body passes a `receive`
    of its own.
    """

    _form: FormData | None = None
    _source: SharedBody | None = None  # where the whole body was read
    # Code written for Starlette reads these two.
    _stream_consumed = False
    _is_disconnected = False

    response_started = False
    """True if a response has been started with the `send` of this request, which a program may pass to one."""

    def __init__(self, scope: Scope, receive: Receive = empty_receive, send: Send = empty_send) -> None:
        assert scope["type"] == "http"
        self.scope = scope
        self._receive = receive
        self._given_send = send

    async def _send(self, message: Message) -> None:
        # Code written for Starlette sends its own responses through this attribute, and `response_started` must know.
        if message["type"] == "http.response.start":
            self.response_started = True
        await self._given_send(message)

    @property
    def method(self) -> str:
        """The method, as it was sent."""
        method: str = self.scope["method"]
        return method

    @property
    def receive(self) -> Receive:
        """The `receive` of this request: what a disconnect poll has read ahead, then the rest."""
        return Delivery(shared_body(self.scope, self._receive), self._receive)

    def _shared(self) -> SharedBody:
        """Return what is read through `receive`, or what an inner Request has read of what was passed on."""
        receive = self._receive
        # Request(scope) without `receive`, as handlers of exceptions make it: the body that was read inside.
        if receive is empty_receive and BODY_KEY in self.scope:
            receive = self.scope[BODY_KEY].recall(receive)
        shared = shared_body(self.scope, receive)
        if shared.taker is UNKNOWN:
            return self.scope[BODY_KEY].read_inside(shared) or shared
        return shared

    async def _wait_for_reader(self, shared: SharedBody) -> SharedBody:
        """Wait while another reader has the body, or the beginning of it, and return what to read from then."""
        while shared.is_claimed:
            await shared.change()
            # Looked up again: an inner Request may have read meanwhile what was passed on unread.
            shared = self._shared()
        return shared

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Iterate over the body in chunks and an empty one at the end; in one piece where it has been read.

        Raises ClientDisconnect, and RuntimeError where the body has been streamed or is being streamed elsewhere.
        """
        body = getattr(self, "_body", None)
        if body is None:
            shared, late = self._shared(), isinstance(self._receive, Recall)
            if shared.is_claimed:
                shared, late = await self._wait_for_reader(shared), True
            body = shared.body
        if body is not None:
            yield body
        elif self._stream_consumed:
            raise RuntimeError("Stream consumed")
        elif shared.has_rest_for(self, late=late):
            shared.begin_stream(self)
            try:
                while (chunk := await shared.next_chunk()) is not None:
                    yield chunk
            except ClientDisconnect:
                self._is_disconnected = True
                raise
            finally:
                shared.end_stream()
        self._stream_consumed = True
        yield b""

    async def body(self) -> bytes:
        """Return the whole body, or what this request's own stream has left of it.

        Raises ClientDisconnect, and RuntimeError where the body has been streamed.
        """
        body: bytes | None = getattr(self, "_body", None)
        if body is None:
            if self._streams_in_its_own_way():
                body = b"".join([chunk async for chunk in self.stream()])
            else:
                body = await self._read()
            self._body = body
        return body

    async def _read(self, max_size: int | None = None) -> bytes:
        shared, late = self._shared(), isinstance(self._receive, Recall)
        if shared.is_claimed:
            shared, late = await self._wait_for_reader(shared), True
        if self._stream_consumed and shared.body is None:
            raise RuntimeError("Stream consumed")
        try:
            body = await shared.read(self, max_size, late=late)
        except ClientDisconnect:
            self._is_disconnected = True
            raise
        self._stream_consumed = True
        self._source = shared
        return body

    def _streams_in_its_own_way(self) -> bool:
        return getattr(self.stream, "__func__", None) is not _STREAM

    @overload
    async def json(self) -> Any: ...

    @overload
    async def json(self, *, type: type[T]) -> T: ...

    @overload
    async def json(self, *, type: Any) -> Any: ...

    async def json(self, *, type: Any = None) -> Any:
        """Return the body as JSON; raises InvalidJSON, which answers 400, and what `body()` raises.

        With `type`, return it as that type, a class of pydantic or msgspec or whatever they read; raises
        UnprocessableContent, which answers 422, where it does not fit, and RuntimeError where neither is installed.
        """
        if type is not None:
            from ._typed import typed_json

            return await typed_json(self, type)
        if not hasattr(self, "_json"):
            body = await self.body()
            shared = self._source or self._shared()
            codec = self.scope.get(CODEC_KEY)
            # A subclass with a `body` or `stream` of its own has other bytes than the Requests that share this one's.
            if shared.body is not body:
                self._json = load_json_of(self.scope, body)
            # The value is shared between Requests, but not with an application that has another codec.
            elif shared.json is MISSING or shared.json_codec is not codec:
                self._json = shared.json = load_json_of(self.scope, body)
                shared.json_codec = codec
            else:
                self._json = shared.json
        return self._json

    def json_lines(self, *, max_line: int = 1024 * 1024) -> AsyncGenerator[Any, None]:
        """Iterate over the values of a body of JSON Lines as they arrive; lines have at most `max_line` bytes.

        Raises InvalidJSONLine, which answers 400, HTTPException (413) for a longer line, and what `stream()` raises.
        """
        from ..jsonlines import read_json_lines

        return read_json_lines(self.stream(), max_line, partial(load_json_of, self.scope))

    @overload
    def form(
        self, *, max_files: int | float = ..., max_fields: int | float = ..., max_part_size: int = ...
    ) -> AwaitableOrContextManager[FormData]: ...

    @overload
    def form(
        self, *, type: type[T], max_files: int | float = ..., max_fields: int | float = ..., max_part_size: int = ...
    ) -> AwaitableOrContextManager[T]: ...

    @overload
    def form(
        self, *, type: Any, max_files: int | float = ..., max_fields: int | float = ..., max_part_size: int = ...
    ) -> AwaitableOrContextManager[Any]: ...

    def form(
        self,
        *,
        type: Any = None,
        max_files: int | float = 1000,
        max_fields: int | float = 1000,
        max_part_size: int = 1024 * 1024,
    ) -> AwaitableOrContextManager[Any]:
        """Return the form, to await, or to enter so that its files are closed at the end; sizes are in bytes.

        The limits of the first call count. Raises MultiPartException, an HTTPException, for a form that is malformed
        (400) or beyond a limit (413), and RuntimeError where the body has been streamed.

        With `type`, return the fields as that type, as `json()` does; raises HTTPException (415) for other media.
        """
        coroutine: Any = self._get_form(max_files=max_files, max_fields=max_fields, max_part_size=max_part_size)
        if type is not None:
            from ._typed import typed_form

            coroutine = typed_form(self, coroutine, type)
        return AwaitableOrContextManager(coroutine, self.close)

    def parts(self, *, limits: PartLimits | None = None) -> PartReader:
        """Return the parts of a multipart form, to iterate over as they arrive: no file is kept, in memory or on disk.

        Nothing is received before it is asked for. The iteration raises what `stream()` and `form()` raise, and
        HTTPException (415) for another media type.
        """
        from ..parts import PartReader

        return PartReader(self.headers, self.stream(), limits)

    async def _get_form(
        self, *, max_files: int | float = 1000, max_fields: int | float = 1000, max_part_size: int = 1024 * 1024
    ) -> FormData:
        if self._form is None:
            self._form = await parse_form(self, (max_files, max_fields, max_part_size))
        return self._form

    async def close(self) -> None:
        """Close the files of the form, if it was read; another Request may parse it again from a body in memory."""
        if self._form is not None:
            await self._form.close()
            shared = self._shared()
            if shared.form is self._form and shared.body is not None:
                shared.form = None

    def check_preconditions(
        self,
        *,
        etag: str | None = None,
        last_modified: datetime | float | None = None,
        exists: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Raise HTTPException, 304 or 412, where the client's conditions call for it (RFC 9110 §13.2.2).

        `etag` has its quotes, `last_modified` is a datetime with a time zone or seconds since 1970; both are headers of
        the answer, as are `headers`: those that the 200 would have, such as Cache-Control (§15.4.5). `exists=False` is
        for a resource that is still to be made: `If-None-Match: *` lets it pass then. Raises ValueError for an `etag`
        without quotes, or a date without a time zone.
        """
        from ..files.preconditions import check_preconditions

        check_preconditions(self.scope, etag, last_modified, exists, headers)

    async def is_disconnected(self) -> bool:
        """Return whether the client is known to have left; what it sent before stays to be read.

        Looks past at most 64 KiB of a body that has not been read yet.
        """
        if not self._is_disconnected:
            self._is_disconnected = await shared_body(self.scope, self._receive).disconnected()
        return self._is_disconnected

    async def replay(self, *, max_size: int = 1024 * 1024) -> Receive:
        """Return a `receive` for another application: the body, read here and kept, then what the server sends next.

        `max_size` is in bytes; raises HTTPException (413) for a larger body, and what `body()` raises.
        """
        await self._read(max_size)
        return Replay(self._shared(), self._receive)

    async def send_push_promise(self, path: str) -> None:
        """Have the server push a path (RFC 9113 §8.4), where it offers to; raises ValueError for CR, LF or NUL."""
        if "http.response.push" in (self.scope.get("extensions") or ()):
            await self._send(push_message(path, self.headers))

    async def send_early_hints(self, link: str, /, *additional_links: str) -> None:
        """Send Link header values ahead of the response (103, RFC 8297), where the server offers to.

        Raises ValueError for CR, LF or NUL in one.
        """
        if "http.response.early_hint" in (self.scope.get("extensions") or ()):
            await self._send(early_hint_message((link, *additional_links)))


# Compared with what an instance has, so that a replaced `stream` is called; another one may have replaced it here.
_STREAM = Request.stream
