"""An application with a body limit in front, for tests of what clients see of a 413: /read reads, /ignore does not.

Below /wsgi/ are the same two as a WSGI application.
"""

from __future__ import annotations

from typing import Any

from asgi_middleware.body_limit import RequestBodyLimitMiddleware
from asgi_middleware.wsgi import WSGIMiddleware


async def answer(scope: Any, receive: Any, send: Any) -> None:
    size, more = 0, scope["path"] == "/read"
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"%d" % size
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await limited_wsgi.app(scope, receive, send)
    else:
        await (limited_wsgi if scope["path"].startswith("/wsgi/") else limited)(scope, receive, send)


def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    size = len(environ["wsgi.input"].read()) if environ["PATH_INFO"] == "/wsgi/read" else 0
    start_response("200 OK", [])
    return [b"%d" % size]


limited = RequestBodyLimitMiddleware(answer, 100_000)
limited_wsgi = RequestBodyLimitMiddleware(WSGIMiddleware(wsgi), 100_000)
