"""A site behind ProxyHeaders, CSRF and SecurityHeaders.

It says who asked, takes a form, has two inline scripts, an event stream that waits for a request to go on, and a WebSocket.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from asgi_framework import (
    App,
    HTMLResponse,
    JSONResponse,
    Request,
    Response,
    Route,
    StreamingResponse,
    WebSocket,
    WebSocketRoute,
)
from asgi_middleware import Middleware
from asgi_middleware.csrf import CSRFMiddleware
from asgi_middleware.proxy_headers import ProxyHeadersMiddleware
from asgi_middleware.security_headers import NONCE, SELF, SecurityHeadersMiddleware, csp_nonce

FORM = '<form method="post" action="{action}"><button>Transfer</button></form>'


async def who(request: Request) -> JSONResponse:
    scope = request.scope
    originals = scope.get("asgi_middleware.proxy_headers", {})
    return JSONResponse(
        {
            "client": scope["client"][0],
            "scheme": scope["scheme"],
            "url": str(request.url),
            "peer": originals.get("client", [None])[0],
            "forwarded": sorted(name for name in request.headers if "forwarded" in name),
        }
    )


async def page(request: Request) -> HTMLResponse:
    """Both scripts set a mark; only one has the nonce of the page."""
    nonce = csp_nonce(request.scope)
    return HTMLResponse(
        f'<title>Scripts</title><script nonce="{nonce}">window.good = true</script><script>window.bad = true</script>'
    )


async def form(request: Request) -> HTMLResponse:
    action = request.query_params.get("action", "/transfer")
    return HTMLResponse("<title>Form</title>" + FORM.format(action=action))


async def transfer(request: Request) -> HTMLResponse:
    return HTMLResponse("<title>Transferred</title>")


asked = asyncio.Event()


async def events(request: Request) -> StreamingResponse:
    async def stream() -> AsyncIterator[str]:
        yield "data: one\n\n"
        await asked.wait()
        asked.clear()
        yield "data: two\n\n"

    headers = {"x-accel-buffering": "no"} if "unbuffered" in request.query_params else None
    return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)


async def go_on(request: Request) -> Response:
    asked.set()
    return Response(status_code=204)


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json([websocket.client[0], websocket.url.scheme, await websocket.receive_text()])
    await websocket.close()


policy = {"default-src": SELF, "script-src": [SELF, NONCE], "form-action": ["http:"]}
app = App(
    routes=[
        Route("/who", who),
        Route("/page", page),
        Route("/form", form),
        Route("/transfer", transfer, methods=["POST"]),
        Route("/events", events),
        Route("/go-on", go_on, methods=["POST"]),
        WebSocketRoute("/socket", socket),
    ],
    middleware=[
        Middleware(ProxyHeadersMiddleware, trusted=["127.0.0.1"]),
        Middleware(SecurityHeadersMiddleware, content_security_policy=policy),
        Middleware(CSRFMiddleware),
    ],
)
