"""Starlette, the yardstick."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

from . import _starlette_names

NAMES = {
    "starlette.exceptions": ["HTTPException"],
    "starlette.middleware": ["Middleware"],
    "starlette.middleware.cors": ["CORSMiddleware"],
    "starlette.middleware.gzip": ["GZipMiddleware"],
    "starlette.middleware.sessions": ["SessionMiddleware"],
    "starlette.requests": ["Request"],
    "starlette.responses": ["FileResponse", "JSONResponse", "PlainTextResponse", "Response", "StreamingResponse"],
    "starlette.routing": ["Mount", "Route", "Router", "WebSocketRoute"],
    "starlette.staticfiles": ["StaticFiles"],
    "starlette.websockets": ["WebSocket"],
}


def application(case: str):
    from starlette.applications import Starlette
    from starlette.middleware.base import BaseHTTPMiddleware

    class Native(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            return await call_next(request)

    names = {name: getattr(import_module(module), name) for module, names in NAMES.items() for name in names}
    if case == "json_msgspec":
        import msgspec

        names["JSONResponse"] = type(
            "MsgspecResponse", (names["JSONResponse"],), {"render": staticmethod(msgspec.json.Encoder().encode)}
        )
    return _starlette_names.application(case, SimpleNamespace(App=Starlette, Native=Native, options={}, **names))
