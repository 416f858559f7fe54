"""The base class of responses: a status, headers and a body in one piece."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

from ._fields import LENGTHS, WITHOUT_BODY, encode_name, encode_value, framed_without_body, length_field
from ._text import encode_text
from .background import BackgroundTask
from .headers import MutableHeaders
from .types import Message, Receive, Scope, Send

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from ._setcookie import SameSite
    from ._trailers import TrailerValue

Field = tuple[bytes, bytes]
RawHeaders = list[Field]

# Names and content types come from the program, but some programs take them from a client: neither table may grow
# without limit, in entries or in bytes.
_LONGEST_REMEMBERED = 128
_encode_name = lru_cache(maxsize=512)(encode_name)
_MAX_TYPES = 256
_TYPES: dict[str | None, Field] = {}
"""The Content-Type field of each media type, in UTF-8."""


class Response:
    """An HTTP response with its body in one piece, and the ASGI application that sends it.

    A subclass overrides `media_type`, `charset`, `render` or `init_headers`. On a WebSocket that is not accepted it is
    a denial response where the server offers them, otherwise a close. A HEAD request gets no body, nor does any request
    where the status allows none (1xx, 204, 205, 304). Raises ValueError for an invalid header (RFC 9110 §5).
    """

    media_type: str | None = None
    charset = "utf-8"

    status_code: int
    body: bytes
    background: BackgroundTask | None
    raw_headers: RawHeaders

    def __init__(
        self,
        content: Any = None,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        self.status_code = status_code
        self.background = background
        if media_type is not None:
            self.media_type = media_type
        body: Any = self.render(content)
        if body.__class__ is not bytes:
            body = self._as_bytes(body)
        self.body = body
        if (
            headers is None
            and (status_code == 200 or _takes_length(status_code))
            and self.__class__.init_headers is _INIT_HEADERS
        ):
            # The headers of most responses, without a call; a patched or overridden init_headers is still called.
            size = len(body)
            field = _TYPES.get(self.media_type)
            if field is not None and self.charset == "utf-8":
                self.raw_headers = [LENGTHS[size] if size < 1024 else length_field(size), field]
                return
            if self.media_type is None:
                self.raw_headers = [length_field(size)]
                return
        self.init_headers(headers)

    def render(self, content: Any) -> bytes | memoryview:
        """Return the content as bytes: None is empty, text is encoded in `charset`."""
        if isinstance(content, str):
            try:
                return content.encode(self.charset)
            except UnicodeEncodeError:
                return encode_text(content, self.charset)
        if isinstance(content, bytes):
            return content
        if content is None:
            return b""
        if isinstance(content, bytearray | memoryview):
            return bytes(content)
        raise AttributeError(
            f"{type(self).__name__} takes str or bytes, not {type(content).__name__}; JSONResponse takes other objects"
        )

    def _as_bytes(self, body: object) -> bytes:
        # Never bytes() of anything: bytes(7) is seven NULs.
        if isinstance(body, bytes | bytearray | memoryview):
            return bytes(body)
        raise TypeError(f"{type(self).__name__}.render must return bytes, not {type(body).__name__}: {body!r:.100}")

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Fill `raw_headers` with the given headers, then content-length and content-type unless they are given.

        Without a `body`, or with None there, it leaves content-length out, as it does for the statuses that forbid one
        (1xx, 204, 304; RFC 9110 §8.6). Raises TypeError for a header or status of another type.
        """
        raw: RawHeaders = []
        media_type = self.media_type
        body = getattr(self, "body", None)
        if self.status_code != 200 and not _takes_length(self.status_code):
            body = None
        if headers is not None:
            for name, value in headers.items():
                is_long = name.__class__ is str and len(name) > _LONGEST_REMEMBERED
                key = (encode_name if is_long else _encode_name)(name)
                plain = type(value) is str and value.isprintable()
                raw.append((key, value.encode("latin-1") if plain else encode_value(value, name)))
                # A length that is given stays: that of a HEAD may be known without making the content (RFC 9110 §8.6).
                if key == b"content-length":
                    body = None
                elif key == b"content-type":
                    media_type = None
        if body is not None:
            raw.append(length_field(len(body)))
        if media_type is not None:
            raw.append(_content_type(media_type, self.charset))
        self.raw_headers = raw

    @property
    def headers(self) -> MutableHeaders:
        """The headers, to read and to change: changes are made to `raw_headers`."""
        return MutableHeaders.from_raw(self.raw_headers)

    def with_vary(self, *names: str) -> Self:
        """Return the response itself, with names of request headers merged into Vary (RFC 9110 §12.5.5)."""
        self.headers.add_vary_header(", ".join(names))
        return self

    def with_trailers(self, trailers: Mapping[str, TrailerValue]) -> Response:
        """Return a response that sends this one, then trailers (RFC 9110 §6.5); what is set on either counts for both.

        A value is text, or a function, sync or async, that is called once the body has been sent. Trailers are left out
        where the server does not send any, where the client did not ask for them (`TE: trailers`), and where there is
        no body (HEAD, 204, 304). Raises ValueError for a field that has no meaning behind the content (§6.5.1).
        """
        from ._trailers import ResponseWithTrailers

        return ResponseWithTrailers(self, trailers)

    def set_cookie(
        self,
        key: str,
        value: str = "",
        max_age: float | timedelta | None = None,
        expires: datetime | str | int | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: SameSite | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Add a Set-Cookie header (RFC 6265 §4.1); `max_age` and a number in `expires` are seconds from now.

        A value outside latin-1 is sent as the octets of its UTF-8. Raises ValueError for an invalid name, an attribute
        with a control character or `;`, and a partitioned cookie that is not secure; warns of other cookies that
        browsers drop.
        """
        from ._setcookie import format_cookie

        cookie = format_cookie(key, value, max_age, expires, path, domain, secure, httponly, samesite, partitioned)
        self.raw_headers.append((b"set-cookie", cookie))

    def delete_cookie(
        self,
        key: str,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: SameSite | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Make the browser forget a cookie; path and domain must be those it was set with."""
        self.set_cookie(
            key,
            max_age=0,
            expires=0,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )

    def start_message(self) -> Message:
        """Return the message that starts the response, with a list of headers of its own."""
        status = self.status_code
        if status in WITHOUT_BODY:
            headers = framed_without_body(status, self.raw_headers)
            return {"type": "http.response.start", "status": status, "headers": headers}
        return {"type": "http.response.start", "status": status, "headers": [*self.raw_headers]}

    def messages(self, scope: Scope) -> tuple[Message, Message]:
        """Return the two messages of the response; there is no body for HEAD and for a status that allows none."""
        status = self.status_code
        if status in WITHOUT_BODY:
            return self.start_message(), {"type": "http.response.body", "body": b""}
        # HEAD has the headers that a GET would have, Content-Length included (RFC 9110 §9.3.2).
        body = b"" if scope.get("method") == "HEAD" else self.body
        return (
            {"type": "http.response.start", "status": status, "headers": [*self.raw_headers]},
            {"type": "http.response.body", "body": body},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, then run the background task."""
        if scope["type"] != "http":
            send = denial_send(scope, send)
        start, body = self.messages(scope)
        await send(start)
        await send(body)
        if self.background is not None:
            await self.background()


_INIT_HEADERS = Response.init_headers


def _takes_length(status: int) -> bool:
    if not isinstance(status, int):
        raise TypeError(f"status_code is an int, not {type(status).__name__}: {status!r}")
    return status not in WITHOUT_BODY


def _content_type(media_type: str, charset: str) -> Field:
    if charset == "utf-8" and media_type in _TYPES:
        return _TYPES[media_type]
    value = media_type
    # Only text has the parameter: JSON is UTF-8 without one (RFC 8259 §8.1, §11). Names of parameters have any case.
    if value.startswith("text/") and "charset=" not in value.lower():
        value = f"{value}; charset={charset}"
    field = b"content-type", encode_value(value)
    if charset == "utf-8" and len(_TYPES) < _MAX_TYPES and len(media_type) <= _LONGEST_REMEMBERED:
        _TYPES[media_type] = field
    return field


def denial_send(scope: Scope, send: Send) -> Send:
    """Return a `send` that turns a response into a denial of the WebSocket, or into a close without that extension."""
    if scope["type"] != "websocket":
        raise RuntimeError(f"A response answers http and websocket scopes, not {scope['type']!r}")
    offered = "websocket.http.response" in (scope.get("extensions") or ())

    async def send_denial(message: Message) -> None:
        if offered:
            await send({**message, "type": "websocket." + message["type"]})
        elif message["type"] == "http.response.start":
            # Servers answer a close before the accept with 403 (ASGI, websocket.close); its code reaches no client.
            await send({"type": "websocket.close", "code": 1000, "reason": ""})

    return send_denial
