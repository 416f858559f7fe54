"""The template of the route that answered a request, for logs and metrics, which has a bounded number of values.

    from asgi_middleware import route_template
    from asgi_middleware.metrics import PrometheusMiddleware

    app = PrometheusMiddleware(app, route=route_template.from_django)

`from_scope` reads the keys that asgi-routing, Starlette, FastAPI and Litestar add to the scope. Django, Quart and
Falcon add none, so the other functions ask their routers again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ._route import route_of
from .types import Scope

__all__ = ["from_django", "from_falcon", "from_quart", "from_scope"]

from_scope = route_of


def from_django(scope: Scope) -> str | None:
    """Return the route of Django's URL configuration, `/users/<int:id>/`, or None if no route matches."""
    urls: Any = sys.modules["django.urls"]  # imported by Django itself, which is not a dependency of this package
    try:
        route: str = urls.resolve(scope["path"].removeprefix(scope.get("root_path", "")) or "/").route
    except urls.Resolver404:
        return None
    return f"/{route.removeprefix('/')}"


def from_quart(quart: Any) -> Callable[[Scope], str | None]:
    """Return a function that finds the rule of a Quart application, `/users/<int:id>`."""
    exceptions: Any = sys.modules["werkzeug.exceptions"]  # imported by Quart

    def route(scope: Scope) -> str | None:
        adapter = quart.url_map.bind(quart.config.get("SERVER_NAME") or "")
        try:
            rule, _ = adapter.match(scope["path"], method=scope.get("method", "GET"), return_rule=True)
        except exceptions.HTTPException:  # 404 and 405, and werkzeug's redirects
            return None
        return str(rule.rule)

    return route


def from_falcon(falcon: Any) -> Callable[[Scope], str | None]:
    """Return a function that finds the URI template of a Falcon application, `/users/{id}`."""

    def route(scope: Scope) -> str | None:
        found = falcon._router.find(scope["path"])
        return None if found is None else str(found[3])

    return route
