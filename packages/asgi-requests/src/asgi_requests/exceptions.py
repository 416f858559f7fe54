"""Exceptions that end a request; HTTPException and WebSocketException are ASGI applications that answer it.

    from asgi_requests import HTTPException

    async def endpoint(request):
        raise HTTPException(401, "Log in first", {"WWW-Authenticate": "Basic"})

    async def app(scope, receive, send):                    # an exception is an application, too
        await HTTPException(503)(scope, receive, send)

A handler of a framework or a middleware may answer in their place.
"""

from __future__ import annotations

from collections.abc import Mapping

from ._close import check_close_code, check_reason, close_message, code_for_status
from ._fields import LENGTHS, WITHOUT_BODY, RawHeaders, encode_field, framed_without_body, length_field
from ._text import encode_text
from .types import Message, Receive, Scope, Send

__all__ = [
    "ClientDisconnect",
    "HTTPException",
    "MultiPartException",
    "RequestsDeprecationWarning",
    "UnexpectedFrame",
    "WebSocketDisconnect",
    "WebSocketDisconnected",
    "WebSocketException",
]

_PHRASES: dict[int, str] = {}
_PLAIN_TEXT = (b"content-type", b"text/plain; charset=utf-8")


class RequestsDeprecationWarning(UserWarning):
    """Warns of a name that a later version removes; shown by default, unlike DeprecationWarning."""


class HTTPException(Exception):
    """A response in place of the one the handler would have returned, and the ASGI application that sends it.

    `detail` is the plain-text body and defaults to the status code's phrase. On a WebSocket that is not accepted it is
    a denial response where the server offers them, otherwise a close; `close_message()` closes an accepted one.
    """

    def __init__(self, status_code: int, detail: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        self.status_code = status_code
        if detail is None:
            detail = _PHRASES[status_code] if status_code in _PHRASES else _phrase(status_code)
        self.detail = detail
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.status_code}: {self.detail}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(status_code={self.status_code!r}, detail={self.detail!r})"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response; raises ValueError for an invalid header (RFC 9110 §5)."""
        if scope["type"] == "websocket":
            await self._deny(scope, receive, send)
            return
        start, body = self.messages(scope)
        await send(start)
        await send(body)

    def messages(self, scope: Scope) -> tuple[Message, Message]:
        """Return the two messages of the response to a request; raises ValueError for an invalid header."""
        status, given, detail = self.status_code, self.headers, self.detail
        if given or status in WITHOUT_BODY or detail.__class__ is not str or not detail.isascii():
            headers, body = _parts(status, detail, given)
        else:  # what _parts does, without the calls
            body = detail.encode()
            size = len(body)
            headers = [LENGTHS[size] if size < 1024 else length_field(size), _PLAIN_TEXT]
        return (
            {"type": "http.response.start", "status": status, "headers": headers},
            {"type": "http.response.body", "body": b"" if scope.get("method") == "HEAD" else body},
        )

    def close_message(self) -> Message:
        """Return the message that closes an accepted WebSocket: 1011 for a 5xx, otherwise 1008, with the detail."""
        return close_message(code_for_status(self.status_code), f"{self.detail}")

    async def _deny(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if "websocket.http.response" not in (scope.get("extensions") or ()):
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        status = self.status_code
        headers, body = _parts(status, self.detail, self.headers)
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})


class WebSocketException(Exception):
    """A WebSocket that its handler closes, and the ASGI application that does.

    Raises ValueError for a code that may not be sent (RFC 6455 §7.4). A reason over 123 bytes is cut when it is sent.
    """

    def __init__(self, code: int, reason: str | None = None) -> None:
        self.code = check_close_code(code)
        self.reason = check_reason(reason)

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(code={self.code!r}, reason={self.reason!r})"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Close the connection, accepted or not."""
        await send(close_message(self.code, self.reason))


class UnexpectedFrame(KeyError, WebSocketException):
    """Raised for a binary message where text is read, or the reverse; left alone it closes with 1003 (RFC 6455 §7.4.1).

    A KeyError too: that is what Starlette raises, and what libraries catch that close with a code of their own.
    """

    def __init__(self, expected: str) -> None:
        WebSocketException.__init__(self, 1003, f"Expected a message of {expected}")
        self.expected = expected

    # That of KeyError shows the repr of its argument.
    __str__ = WebSocketException.__str__
    __repr__ = WebSocketException.__repr__


class ClientDisconnect(Exception):
    """Raised while a body is read or sent, when the client has left."""


class MultiPartException(HTTPException):
    """A form that is malformed or beyond a limit; left alone it answers 400."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)
        self.message = message

    # The message alone, as of Starlette's class, which derives from Exception.
    __str__ = Exception.__str__
    __repr__ = Exception.__repr__


class WebSocketDisconnect(Exception):
    """Raised when the client has left, by what receives or sends; `code` and `reason` are those of its close frame."""

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        self.code = code
        self.reason = reason or ""


class WebSocketDisconnected(RuntimeError):
    """Raised when the connection is used after its end: a programming error."""


def _parts(status: int, detail: object, given: Mapping[str, str] | None) -> tuple[RawHeaders, bytes]:
    """Return the headers and the body of a response: the given headers, and those of the body unless given."""
    headers = [encode_field(name, value) for name, value in given.items()] if given else []
    if status in WITHOUT_BODY:
        return framed_without_body(status, headers), b""
    body = encode_text(f"{detail}")  # it may quote a lone surrogate from a client's JSON
    names = {name for name, _ in headers}
    own = [length_field(len(body)), _PLAIN_TEXT]
    return headers + [field for field in own if field[0] not in names], body


def _phrase(status_code: int) -> str:
    """Return the phrase of a status code, "" for an unknown one."""
    from http import HTTPStatus

    try:
        phrase = _PHRASES[int(status_code)] = HTTPStatus(status_code).phrase
    except ValueError:
        return ""
    return phrase


def handled_above(scope: Scope) -> bool:
    """Return whether an outer middleware answers exceptions; another framework would not know ours."""
    return "asgi_middleware.exceptions" in scope
