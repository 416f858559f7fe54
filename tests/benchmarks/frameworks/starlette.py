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
    "starlette.responses": ["FileResponse", "JSONResponse", "PlainTextResponse", "StreamingResponse"],
    "starlette.routing": ["Mount", "Route", "WebSocketRoute"],
    "starlette.staticfiles": ["StaticFiles"],
}


def application(case: str):
    from starlette.applications import Starlette
    from starlette.middleware.base import BaseHTTPMiddleware

    class Native(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            return await call_next(request)

    names = {name: getattr(import_module(module), name) for module, names in NAMES.items() for name in names}
    return _starlette_names.application(case, SimpleNamespace(App=Starlette, Native=Native, **names))
