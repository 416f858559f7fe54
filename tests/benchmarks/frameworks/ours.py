"""Ourselves: the framework with its default stack."""

from __future__ import annotations

from types import SimpleNamespace

from . import _starlette_names

NAMES = (
    "App CORSMiddleware FileResponse GZipMiddleware HTTPException JSONResponse Middleware Mount PlainTextResponse Route "
    "SessionMiddleware StaticFiles StreamingResponse WebSocketRoute"
).split()


def application(case: str):
    import asgi_framework

    @asgi_framework.around_http
    async def native(scope):
        yield

    names = {name: getattr(asgi_framework, name) for name in NAMES}
    return _starlette_names.application(case, SimpleNamespace(Native=native, **names))
