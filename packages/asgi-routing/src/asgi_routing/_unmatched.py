"""Serve what no route of a router matches fully: 405, a redirect for the last slash, or the router's `default`."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any

from ._lookup import IndexedRoute, Lookup
from ._replies import send_text
from ._slashes import other_slash, slash_redirect
from .routes import Mount
from .routes.base import PREFIX, UNMATCHED, serve_match
from .routes.route import ALLOWED_METHODS
from .types import Receive, Scope, Send

if TYPE_CHECKING:
    from .router import Router

Partial = Sequence[tuple[IndexedRoute, Any]]
"""The routes that match but for their method, with what `Lookup.find` gives for each."""


def serve_unmatched(
    router: Router, lookup: Lookup, path: str, partial: Partial, scope: Scope, receive: Receive, send: Send
) -> Awaitable[None]:
    """Return what serves the connection, to be awaited."""
    if partial:
        return _serve_partial(router, lookup, scope, receive, send, partial)
    if router.redirect_slashes and path != "/" and scope["type"] == "http" and lookup.may_match(other_slash(path)):
        location = slash_redirect(router, scope)
        if location is not None:
            return send_text(scope, send, router.redirect_status, headers=[(b"location", location)])
    return _serve_default(router, scope, receive, send)


def child_scope_of(indexed: IndexedRoute, found: Any, scope: Scope) -> Scope:
    """Return the scope keys of a match: those that its `matches` gave, or those that go with its parameters."""
    if indexed.extract is None:
        child_scope: Scope = found
        return child_scope
    endpoint = getattr(indexed.route, "endpoint", None)
    return {"endpoint": endpoint, "path_params": {**scope.get("path_params", {}), **found}}


async def _serve_default(router: Router, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve with `default`, and leave the scope as if the router had never seen it.

    An application may be a cascade: the next router that is tried with this scope is the first of its own.
    """
    route = scope.get("route")
    try:
        await router.default(scope, receive, send)
    finally:
        shown = scope.get("route")
        # `default` may be a router, too, and have found something; a mount says so itself.
        if shown is route and UNMATCHED in scope:
            scope[UNMATCHED] = True
        if scope.get("router") is router and (shown is route or isinstance(shown, Mount)):
            del scope["router"]


async def _serve_partial(
    router: Router, lookup: Lookup, scope: Scope, receive: Receive, send: Send, partial: Partial
) -> None:
    """Let the first route that matches but for its method answer; it finds the methods of all of them."""
    scope[ALLOWED_METHODS] = _allowed_methods(router, partial)
    try:
        if router.auto_options and scope["method"] == "OPTIONS":
            return await router.answer_options(scope, receive, send)
        indexed, found = partial[0]
        route: Any = indexed.route
        shown, child_scope = lookup.view(route, scope.get(PREFIX, "")), child_scope_of(indexed, found, scope)
        if indexed.extract is None:
            return await serve_match(route, shown, child_scope, router, scope, receive, send)
        scope.update(child_scope, route=shown)
        await route.handle(scope, receive, send)
    finally:
        del scope[ALLOWED_METHODS]


def _allowed_methods(router: Router, partial: Partial) -> tuple[str, ...]:
    if len(partial) == 1 and not router.auto_options:
        return partial[0][0].allowed
    allowed = {method for indexed, _ in partial for method in indexed.allowed}
    return tuple(sorted(allowed | {"OPTIONS"} if router.auto_options else allowed))
