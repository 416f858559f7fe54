"""A request: its body as bytes, chunks, JSON or form, read once for every Request over the same `receive`."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast, overload

from .._awaitable import AwaitableOrContextManager
from .._bodies import BODY_KEY, Delivery, Recall, Replay, shared_body
from .._body import MISSING, UNKNOWN, SharedBody
from .._fields import encode_value, refuse_control_characters
from .._json import CODEC_KEY, load_json_of
from .._urlencoded import FormParser
from ..exceptions import ClientDisconnect, HTTPException
from ..headers import Headers
from ..multidict import FormData
from ..types import Message, Receive, Scope, Send
from .connection import HTTPConnection, StateT

if TYPE_CHECKING:
    from datetime import datetime

    from ..parts import PartLimits, PartReader

T = TypeVar("T")

_FORM_TYPE = re.compile(r"(application/x-www-form-urlencoded|multipart/form-data)[ \t]*(;|$)", re.IGNORECASE).match
SERVER_PUSH_HEADERS_TO_COPY = {"accept", "accept-encoding", "accept-language", "cache-control", "user-agent"}


async def empty_receive() -> NoReturn:
    """Raise RuntimeError: the `receive` of a request that was given none."""
    raise RuntimeError("Receive channel has not been made available")


async def empty_send(message: Message) -> NoReturn:
    """Raise RuntimeError: the `send` of a request that was given none."""
    raise RuntimeError("Send channel has not been made available")


class Request(HTTPConnection[StateT]):
    """An HTTP request; its body is read when asked for, once, and shared by every Request over the same `receive`.

    A body that another Request has streamed to its end is empty. A middleware that changes the body passes a `receive`
    of its own.
    """

    _form: FormData | None = None
    # Known to code that looks into Starlette's requests.
    _stream_consumed = False
    _is_disconnected = False

    response_started = False
    """Whether a response has been started with the `send` of this request, which a program may pass to one."""

    def __init__(self, scope: Scope, receive: Receive = empty_receive, send: Send = empty_send) -> None:
        assert scope["type"] == "http"
        self.scope = scope
        self._receive = receive
        self._given_send = send

    async def _send(self, message: Message) -> None:
        # Known by this name to code that has a response of its own sent: here it is seen.
        if message["type"] == "http.response.start":
            self.response_started = True
        await self._given_send(message)

    @property
    def method(self) -> str:
        """The method, as it was sent."""
        return cast("str", self.scope["method"])

    @property
    def receive(self) -> Receive:
        """The `receive` of this request: what a disconnect poll has read ahead, then the rest."""
        return Delivery(shared_body(self.scope, self._receive), self._receive)

    def _shared(self) -> SharedBody:
        """Return what is read through `receive`, or what an inner Request has read of what was passed on."""
        receive = self._receive
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
        return body

    def _streams_in_its_own_way(self) -> bool:
        return getattr(self.stream, "__func__", None) is not _STREAM

    @overload
    async def json(self) -> Any: ...

    @overload
    async def json(self, *, type: type[T]) -> T: ...

    @overload
    async def json(self, *, type: Any) -> Any: ...

    async def json(self, *, type: Any = None) -> Any:  # noqa: A002
        """Return the body as JSON; raises InvalidJSON, which answers 400, and what `body()` raises.

        With `type`, return it as that type, a class of pydantic or msgspec or whatever they read; raises
        UnprocessableContent, which answers 422, where it does not fit, and RuntimeError where neither is installed.
        """
        if type is not None:
            return await self._typed_json(type)
        if not hasattr(self, "_json"):
            body = await self.body()
            shared = self._shared()
            codec = self.scope.get(CODEC_KEY)
            if shared.body is not body:
                self._json = load_json_of(self.scope, body)
            elif shared.json is MISSING or shared.json_codec is not codec:
                self._json = shared.json = load_json_of(self.scope, body)
                shared.json_codec = codec
            else:
                self._json = shared.json
        return self._json

    async def _typed_json(self, kind: Any) -> Any:
        from ..jsoncodec import reads_plain_json
        from ..typed import convert_json

        value, text = await self.json(), await self.body()
        return convert_json(value, text if reads_plain_json(self.scope.get(CODEC_KEY)) else None, kind)

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
        type: Any = None,  # noqa: A002
        max_files: int | float = 1000,
        max_fields: int | float = 1000,
        max_part_size: int = 1024 * 1024,
    ) -> AwaitableOrContextManager[Any]:
        """Return the form, to await, or to enter so that its files are closed at the end; sizes are in bytes.

        The limits of the first to ask hold. Raises MultiPartException, an HTTPException, for a form that is malformed
        (400) or beyond a limit (413), and RuntimeError where the body has been streamed.

        With `type`, return the fields as that type, as `json()` does; raises HTTPException (415) for other media.
        """
        coroutine: Any = self._get_form(max_files=max_files, max_fields=max_fields, max_part_size=max_part_size)
        if type is not None:
            coroutine = self._typed_form(coroutine, type)
        return AwaitableOrContextManager(coroutine, self.close)

    async def _typed_form(self, coroutine: Coroutine[Any, Any, FormData], kind: Any) -> Any:
        from ..typed import convert_fields

        form = await coroutine
        if not form and not _FORM_TYPE(self.headers.get("content-type", "")):
            raise HTTPException(415, headers={"Accept": "application/x-www-form-urlencoded, multipart/form-data"})
        try:
            return convert_fields(form, kind, "field")
        except BaseException:
            await self.close()
            raise

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
            content_type = self.headers.get("content-type", "")
            if content_type != "application/x-www-form-urlencoded":
                content_type = content_type.partition(";")[0].strip(" \t").lower()
            if content_type == "application/x-www-form-urlencoded":
                parser: Any = partial(FormParser, max_fields=max_fields, max_part_size=max_part_size)
            elif content_type == "multipart/form-data":
                from ..forms import MultiPartParser

                parser = partial(
                    MultiPartParser, max_files=max_files, max_fields=max_fields, max_part_size=max_part_size
                )
            else:
                self._form = FormData()
                return self._form
            self._form = await self._parse_form(parser)
        return self._form

    async def _parse_form(self, parser: Callable[[Headers, AsyncIterator[bytes]], Any]) -> FormData:
        """Parse the form, or take the one that another Request has parsed."""
        shared, late = self._shared(), isinstance(self._receive, Recall)
        if shared.is_claimed:
            shared, late = await self._wait_for_reader(shared), True
        own: bytes | None = getattr(self, "_body", None)
        if self._streams_in_its_own_way() or (own is not None and own is not shared.body):
            form: FormData = await parser(self.headers, self.stream()).parse()
            return form
        if shared.form is None:
            if shared.body is None:
                if self._stream_consumed:
                    raise RuntimeError("Stream consumed")
                # Not even this request's own stream may have begun: the rest of a form is another form.
                if not shared.has_rest_for(None, late=late):
                    return FormData()
            shared.exclusive = True
            try:
                shared.form = await parser(self.headers, shared.chunks(self)).parse()
            except BaseException:
                # What the parser has taken is lost: the rest must not pass for the body.
                if shared.taker is self:
                    shared.taker = UNKNOWN
                raise
            finally:
                shared.release()
        self._stream_consumed = True
        return shared.form

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


# Compared with what an instance has, so that a replaced `stream` is called; another one may have replaced it here.
_STREAM = Request.stream


def replay_receive(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives `body` in one message and then is `receive`; it invents no disconnect."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
