"""An application with a body limit in front, for tests of what clients see of a 413: /read reads, /ignore does not."""

from __future__ import annotations

from typing import Any

from asgi_middleware.body_limit import RequestBodyLimitMiddleware


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
    if scope["type"] == "http":
        await limited(scope, receive, send)


limited = RequestBodyLimitMiddleware(answer, 100_000)
