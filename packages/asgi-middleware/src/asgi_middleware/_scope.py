"""Scopes are copied before they are written to, and what routing wrote in the copy is handed back out."""

from __future__ import annotations

from typing import Any

from .types import ASGIApp, Receive, Scope, Send


def copy_scope(scope: Scope, **keys: Any) -> dict[str, Any]:
    """A shallow copy with `keys` added: the `state` of the lifespan stays the same object."""
    return {**scope, **keys}


def copy_back(inner: Scope, outer: Scope) -> None:
    """Write what routing wrote into a copied scope to the scope it came from, for whoever stands further out."""
    if "route" in inner:
        outer["route"] = inner["route"]
    if "endpoint" in inner:
        outer["endpoint"] = inner["endpoint"]
    if "path_params" in inner:
        outer["path_params"] = inner["path_params"]


def has_lasting_headers(scope: Scope) -> bool:
    """Whether the headers can be read more than once; ASGI allows any iterable, a generator among them."""
    return isinstance(scope.get("headers", ()), (list, tuple))


async def call_with_lasting_headers(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Call `app` with a copy of the scope whose headers are a list, so that it and its application can both read it."""
    inner = copy_scope(scope, headers=list(scope["headers"]))
    try:
        await app(inner, receive, send)
    finally:
        copy_back(inner, scope)
