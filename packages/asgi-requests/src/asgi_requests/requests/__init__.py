"""A connection and a request, read from an ASGI scope and its `receive` when asked, and not before.

    from asgi_requests.requests import Request

    async def app(scope, receive, send):
        request = Request(scope, receive)
        body = f"{request.method} {request.url.path} {await request.json()}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

A body is read once, for every Request over the same `receive`.
"""

from __future__ import annotations

from .._json import InvalidJSON
from ..cookies import cookie_parser
from ..exceptions import ClientDisconnect
from ._ahead import SERVER_PUSH_HEADERS_TO_COPY
from ._channels import empty_receive, empty_send, replay_receive
from .connection import HTTPConnection, StateT
from .request import Request

__all__ = [
    "SERVER_PUSH_HEADERS_TO_COPY",
    "ClientDisconnect",
    "HTTPConnection",
    "InvalidJSON",
    "Request",
    "StateT",
    "cookie_parser",
    "empty_receive",
    "empty_send",
    "replay_receive",
]
