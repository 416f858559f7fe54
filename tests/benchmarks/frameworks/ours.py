"""Ourselves: the framework with its default stack."""

from __future__ import annotations

from types import SimpleNamespace

from . import _starlette_names


def application(case: str):
    from asgi_framework import (
        Middleware,
        around_http,
    )

    @around_http
    async def native(scope):
        yield

    names = SimpleNamespace(**locals() | {"native": Middleware(native)})
    return _starlette_names.application(case, names)
