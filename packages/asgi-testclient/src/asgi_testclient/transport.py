"""The transports, for those who bring an httpx client of their own.

    import httpx

    from asgi_testclient.httpx import ASGITransport

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    with httpx.Client(transport=ASGITransport(app), base_url="http://testserver") as client:
        assert client.get("/").status_code == 204

Here they are those of the httpx the package prefers: httpx2 where that is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .httpx import ASGITransport, AsyncASGITransport
else:
    from ._preferred import preferred

    ASGITransport = preferred.ASGITransport
    AsyncASGITransport = preferred.AsyncASGITransport

__all__ = ["ASGITransport", "AsyncASGITransport"]
