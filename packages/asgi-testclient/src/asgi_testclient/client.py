"""The test clients.

    from asgi_testclient import TestClient

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"hello"})

    client = TestClient(app)
    response = client.get("/")
    assert (response.status_code, response.text) == (200, "hello")

TestClient is an `httpx.Client`, AsyncTestClient an `httpx.AsyncClient`: of httpx2 where that is installed, of httpx
otherwise. `asgi_testclient.httpx` and `asgi_testclient.httpx2` name one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .httpx import AsyncTestClient, TestClient, WebSocketDenialResponse
else:
    from ._preferred import preferred

    AsyncTestClient = preferred.AsyncTestClient
    TestClient = preferred.TestClient
    WebSocketDenialResponse = preferred.WebSocketDenialResponse

__all__ = ["AsyncTestClient", "TestClient", "WebSocketDenialResponse"]
