"""Starlette, the yardstick."""

from __future__ import annotations

from types import SimpleNamespace

from . import _starlette_names


def application(case: str):
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware

    if case == "session":
        pass

    class Native(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            return await call_next(request)

    names = SimpleNamespace(**locals() | {"App": Starlette, "native": Middleware(Native)})
    return _starlette_names.application(case, names)
