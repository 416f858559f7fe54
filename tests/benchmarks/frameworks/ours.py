"""Ourselves: the framework with its default stack."""

from __future__ import annotations

from types import SimpleNamespace

from . import _starlette_names

NAMES = [
    "App",
    "CORSMiddleware",
    "FileResponse",
    "GZipMiddleware",
    "HTTPException",
    "JSONResponse",
    "Middleware",
    "Mount",
    "PlainTextResponse",
    "Request",
    "Response",
    "Route",
    "Router",
    "SessionMiddleware",
    "StaticFiles",
    "StreamingResponse",
    "WebSocket",
    "WebSocketRoute",
]


def application(case: str):
    import asgi_framework

    @asgi_framework.around_http
    async def native(scope):
        yield

    names = {name: getattr(asgi_framework, name) for name in NAMES}
    if case.startswith("alone_router"):
        import asgi_routing

        names |= {"Route": asgi_routing.Route, "Router": asgi_routing.Router}
    options = {"json": asgi_framework.msgspec_codec()} if case.endswith("_msgspec") else {}
    return _starlette_names.application(case, SimpleNamespace(Native=native, options=options, **names))
