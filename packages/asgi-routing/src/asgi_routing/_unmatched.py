"""Serve what no route of a router matches fully: 405, a redirect for the last slash, or the router's `default`."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any

from ._allow import AllowedMethods
from ._lookup import IndexedRoute, Lookup
from ._replies import send_text
from ._slashes import slash_redirect
from .routes import Mount, Route
from .routes.base import PREFIX, UNMATCHED, serve_match
from .routes.route import ALLOWED_METHODS
from .types import Receive, Scope, Send

if TYPE_CHECKING:
    from .router import Router

_OPTIONS = AllowedMethods(["OPTIONS"])
_HANDLE = Route.handle  # as it is written here: instrumentation may put a function of its own in its place

Partial = Sequence[tuple[IndexedRoute, Any]]
"""The routes that match but for their method, with what `Lookup.find` gives for each."""


def serve_unmatched(
    router: Router, lookup: Lookup, path: str, scope: Scope, receive: Receive, send: Send
) -> Awaitable[None]:
    """Return what serves a connection that no route matches, to be awaited."""
    # `may_redirect` first: most paths that are not found have no route with the other slash either.
    if router.redirect_slashes and path != "/" and scope["type"] == "http" and lookup.may_redirect(path):
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
        # `default` may be a router, too, and have found a route; a mount sets the key itself.
        if shown is route and UNMATCHED in scope:
            scope[UNMATCHED] = True
        if scope.get("router") is router and (shown is route or isinstance(shown, Mount)):
            del scope["router"]


async def serve_partial(
    router: Router, lookup: Lookup, found: Partial, scope: Scope, receive: Receive, send: Send
) -> None:
    """Let the first route that matches but for its method answer; it finds the methods of all of them."""
    indexed, params = found[0]
    route: Any = indexed.route
    allowed = indexed.allowed
    for other, _ in found[1:]:
        allowed = lookup.joined[allowed, other.allowed]
    scope[ALLOWED_METHODS] = allowed
    try:
        if router.auto_options or not indexed.direct or route.__class__.handle is not _HANDLE:
            await _answer_partial(router, lookup, indexed, params, scope, receive, send)
            return
        prefix = scope.get(PREFIX)
        scope["route"] = lookup.view(route, prefix) if prefix else route
        scope["endpoint"] = route.endpoint
        scope["path_params"] = {**scope["path_params"], **params} if "path_params" in scope else params
        await route.method_not_allowed(scope, receive, send)  # as `handle` does once it has compared the methods
    finally:
        del scope[ALLOWED_METHODS]  # an exception handler outside may call another router with this scope


async def _answer_partial(
    router: Router, lookup: Lookup, indexed: IndexedRoute, found: Any, scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer OPTIONS, or let a route answer that has its own `matches` or `handle`."""
    if router.auto_options:
        scope[ALLOWED_METHODS] = lookup.joined[scope[ALLOWED_METHODS], _OPTIONS]
        if scope["method"] == "OPTIONS":
            await router.answer_options(scope, receive, send)
            return
    route: Any = indexed.route
    shown, child_scope = lookup.view(route, scope.get(PREFIX, "")), child_scope_of(indexed, found, scope)
    if indexed.extract is None:
        await serve_match(route, shown, child_scope, router, scope, receive, send)
        return
    scope.update(child_scope, route=shown)
    await route.handle(scope, receive, send)
