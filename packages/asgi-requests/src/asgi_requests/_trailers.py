"""Trailers: headers that follow the body, whose values may be known only then (RFC 9110 §6.5).

Rule: only this file decides when trailers are sent, and which fields they may be.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ._fields import WITHOUT_BODY, RawHeaders, encode_name, encode_value, find_all, scope_headers
from ._response import Response
from .types import Message, Receive, Scope, Send

TrailerValue = str | Callable[[], str | Awaitable[str]]

# What decides how the message, its connection or its content is read, or must be known before it (§6.5.1).
_FRAMING = ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
_AUTHENTICATION = ("authorization", "proxy-authenticate", "proxy-authorization", "set-cookie", "www-authenticate")
_CONTROL = ("age", "cache-control", "date", "expires", "location", "pragma", "retry-after", "vary", "warning")
_OF_REQUESTS = ("accept", "cookie", "expect", "host", "max-forwards", "range")
_FORBIDDEN = frozenset((*_FRAMING, *_AUTHENTICATION, *_CONTROL, *_OF_REQUESTS))
_LAST = frozenset({"http.response.pathsend", "http.response.zerocopysend", "http.response.body"})


def check_trailers(trailers: Mapping[str, TrailerValue]) -> dict[bytes, TrailerValue]:
    """Return the trailers by lower-case name.

    Raises ValueError for a field that may not be a trailer and for an invalid name or value, TypeError for a value that
    is neither text nor a function.
    """
    checked: dict[bytes, TrailerValue] = {}
    for name, value in trailers.items():
        key = encode_name(name)
        field = key.decode()
        # Content-Digest was made for it (RFC 9530 §2); other fields of the content say how to read it.
        if field in _FORBIDDEN or (field.startswith("content-") and field != "content-digest"):
            raise ValueError(f"{name} may not be a trailer (RFC 9110 §6.5.1): send it as a header")
        if not callable(value):
            encode_value(value, name)
        checked[key] = value
    return checked


def takes_trailers(scope: Scope) -> bool:
    """Return whether the server sends trailers and the client has asked for them (`TE: trailers`, RFC 9110 §10.1.4).

    HTTP/1.0 has no chunks, and without them no trailers (RFC 9112 §6.1).
    """
    if scope["type"] != "http" or "http.response.trailers" not in (scope.get("extensions") or ()):
        return False
    if scope.get("method") == "HEAD" or scope.get("http_version") == "1.0":
        return False
    # The keyword stands alone among the transfer codings, and has no weight.
    codings = b",".join(find_all(scope_headers(scope), b"te")).lower().split(b",")
    return any(coding.strip(b" \t") == b"trailers" for coding in codings)


def _of_response(name: str) -> Any:
    def get(self: ResponseWithTrailers) -> Any:
        return getattr(self.response, name)

    def put(self: ResponseWithTrailers, value: Any) -> None:
        setattr(self.response, name, value)

    return property(get, put, doc=f"The `{name}` of the response.")


class ResponseWithTrailers(Response):
    """A response of any kind and the trailers that follow its body; made by `Response.with_trailers`.

    Status, headers, body and background task are those of `response`, to read and to change.
    """

    status_code = _of_response("status_code")
    raw_headers = _of_response("raw_headers")
    body = _of_response("body")
    background = _of_response("background")

    def __init__(self, response: Response, trailers: Mapping[str, TrailerValue]) -> None:
        self.response = response
        self._trailers = check_trailers(trailers)

    def with_trailers(self, trailers: Mapping[str, TrailerValue]) -> Response:
        """Return the response itself, with these trailers too; the value of one that it has is replaced."""
        self._trailers |= check_trailers(trailers)
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, then the trailers, then run the background task."""
        if self._trailers and takes_trailers(scope):
            send = _TrailerSend(self._trailers, scope, send).send
        await self.response(scope, receive, send)


class _TrailerSend:
    """The `send` of one response: announces the trailers at its start, and sends them behind its body."""

    def __init__(self, trailers: dict[bytes, TrailerValue], scope: Scope, send: Send) -> None:
        self._trailers = trailers
        self._keeps_length = not str(scope.get("http_version", "")).startswith("1")
        self._send = send
        # Whether the response has trailers of its own, which follow: one that `call_next` has returned may.
        self._more = False
        self._announced = False

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start" and message["status"] not in WITHOUT_BODY:
            self._announced, self._more = True, message.get("trailers", False)
            message = {**message, "headers": self._announce(message.get("headers", ())), "trailers": True}
        await self._send(message)
        if self._announced and kind in _LAST and not message.get("more_body", False):
            headers = [(name, await _value_of(name, value)) for name, value in self._trailers.items()]
            await self._send({"type": "http.response.trailers", "headers": headers, "more_trailers": self._more})

    def _announce(self, headers: Any) -> RawHeaders:
        # In HTTP/1.1 trailers follow chunks, and a body in chunks has no length (RFC 9112 §6.2, §7.1.2).
        kept = [field for field in headers if self._keeps_length or field[0].lower() != b"content-length"]
        return [*kept, (b"trailer", b", ".join(self._trailers))]


async def _value_of(name: bytes, value: TrailerValue) -> bytes:
    made: Any = value() if callable(value) else value
    if inspect.isawaitable(made):
        made = await made
    return encode_value(made, name.decode())
