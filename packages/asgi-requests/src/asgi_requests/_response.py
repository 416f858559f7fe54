"""The response all others are made from: a status, headers, a body in one piece."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ._fields import LENGTHS, encode_name, encode_value
from ._setcookie import SameSite, format_cookie
from .background import BackgroundTask
from .headers import MutableHeaders
from .types import Message, Receive, Scope, Send

if TYPE_CHECKING:
    from datetime import datetime

Field = tuple[bytes, bytes]
RawHeaders = list[Field]

_UNKNOWN: Field = (b"", b"")
_WITHOUT_BODY = frozenset({204, 304})
_encode_name = lru_cache(maxsize=512)(encode_name)
# Content types come from the program, except where it takes them from a client: then the table must not grow.
_MAX_TYPES = 256
_TYPES: dict[str, dict[str, tuple[bytes, bytes]]] = {"utf-8": {}}


class Response:
    """An HTTP answer, and the ASGI application that sends it.

    A subclass overrides `media_type`, `charset`, `render` or `init_headers`; the first two are read once where the
    others are ours. On a WebSocket that is not accepted it is a denial response where the server offers them,
    otherwise a close. A HEAD request gets no body. Raises ValueError for a header that is none (RFC 9110 §5).
    """

    media_type: str | None = None
    charset = "utf-8"

    # The Content-Type of a class that lets nothing of its own decide about it; learned from its first response.
    _field: Field | None = _UNKNOWN

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._field = _UNKNOWN

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
        body = self.render(content)
        self.body = body if type(body) is bytes else bytes(body)
        if headers is None and media_type is None and status_code == 200:  # in place what most are, for speed
            field = self._field
            if field is _UNKNOWN:
                field = _learn_field(type(self))
            if field is not None:
                size = len(self.body)
                self.raw_headers = [LENGTHS[size] if size < 1024 else (b"content-length", b"%d" % size), field]
                return
        self.init_headers(headers)

    def render(self, content: Any) -> bytes | memoryview:
        """The content as bytes: None is empty, text is encoded in `charset`."""
        if isinstance(content, str):
            return content.encode(self.charset)
        if isinstance(content, bytes):
            return content
        if content is None:
            return b""
        if isinstance(content, bytearray | memoryview):
            return bytes(content)
        raise AttributeError(
            f"{type(self).__name__} takes str or bytes, not {type(content).__name__}; JSONResponse takes other objects"
        )

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Fill `raw_headers`: what is given, then content-length and content-type unless given.

        Answers without a body by definition (1xx, 204, 304) get no content-length (RFC 9110 §8.6).
        """
        status, media_type = self.status_code, self.media_type
        raw: RawHeaders = []
        wants_length = status == 200 or (status > 200 and status not in _WITHOUT_BODY)
        if headers is not None:
            for name, value in headers.items():
                key = _encode_name(name)
                raw.append((key, value.encode("latin-1") if value.isprintable() else encode_value(value)))
                if key == b"content-length":
                    wants_length = False
                elif key == b"content-type":
                    media_type = None
        if wants_length:
            try:
                size = len(self.body)
                raw.append(LENGTHS[size] if size < 1024 else (b"content-length", b"%d" % size))
            except AttributeError:  # a stream has none
                pass
        if media_type is not None:
            try:
                raw.append(_TYPES[self.charset][media_type])
            except KeyError:
                raw.append(_content_type(media_type, self.charset))
        self.raw_headers = raw

    @property
    def headers(self) -> MutableHeaders:
        """The headers to read and change; changes are made to `raw_headers`."""
        return MutableHeaders(raw=self.raw_headers)

    def set_cookie(
        self,
        key: str,
        value: str = "",
        max_age: int | None = None,
        expires: datetime | str | int | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: SameSite | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Add a Set-Cookie header (RFC 6265 §4.1); `max_age` and a number in `expires` are seconds from now.

        A value outside latin-1 is sent as the octets of its UTF-8. Raises ValueError for a name that is no token,
        an attribute with a control character or `;`, and a `__Host-` or `__Secure-` name whose promise is not kept.
        """
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
        """Tell the browser to forget a cookie; path, domain and prefix must be those it was set with."""
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, then run the background task."""
        if scope["type"] != "http":
            send = denial_send(scope, send)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers.copy()})
        body = b"" if "method" in scope and scope["method"] == "HEAD" else self.body
        await send({"type": "http.response.body", "body": body})
        if self.background is not None:
            await self.background()


PLAIN: set[Any] = {Response.__init__, Response.render, Response.init_headers}
"""Methods that use the class's `media_type` and `charset` as they are."""


def _learn_field(cls: type[Response]) -> Field | None:
    own = {cls.__init__, cls.render, cls.init_headers} - PLAIN
    if isinstance(vars(cls).get("render"), staticmethod):
        own.discard(cls.render)
    plain = not own and isinstance(cls.media_type, str) and isinstance(cls.charset, str)
    cls._field = _content_type(cls.media_type or "", cls.charset) if plain else None
    return cls._field


def _content_type(media_type: str, charset: str) -> tuple[bytes, bytes]:
    value = media_type
    if value.startswith("text/") and "charset=" not in value.lower():
        value = f"{value}; charset={charset}"
    field = b"content-type", encode_value(value)
    if len(types := _TYPES.get(charset, {})) < _MAX_TYPES:
        types[media_type] = field
    return field


def denial_send(scope: Scope, send: Send) -> Send:
    """A `send` that turns the messages of a response into a denial, or into a close where that is all there is."""
    if scope["type"] != "websocket":
        raise RuntimeError(f"A response answers http and websocket scopes, not {scope['type']!r}")
    offered = "websocket.http.response" in (scope.get("extensions") or ())

    async def send_denial(message: Message) -> None:
        if offered:
            await send({**message, "type": "websocket." + message["type"]})
        elif message["type"] == "http.response.start":
            await send({"type": "websocket.close", "code": 1000, "reason": ""})

    return send_denial
