"""A table of routes, for people to read: method, path, name, endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .routes import BaseRoute, Host, Mount, WebSocketRoute

_HEAD = ("method", "path", "name", "endpoint")
_VERBS = ("get", "head", "post", "put", "patch", "delete", "options", "query")


def format_table(routes: Iterable[BaseRoute]) -> str:
    """Return the routes one a line, in the order in which they are tried, those of mounts below their mount."""
    rows = [_HEAD, *_rows(routes, "", "")]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = (
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def routes_of(app: Any) -> Iterable[BaseRoute] | None:
    """Return the routes of an application, or of the one that its middleware wraps as `app`; None if it has none."""
    seen: set[int] = set()
    while app is not None and id(app) not in seen:
        routes = getattr(app, "routes", None)
        if isinstance(routes, Iterable):
            return routes
        seen.add(id(app))
        app = getattr(app, "app", None)
    return None


def _rows(routes: Iterable[BaseRoute], prefix: str, names: str) -> Iterator[tuple[str, str, str, str]]:
    for route in routes:
        name = getattr(route, "name", None)
        shown = names + (name or "")
        if isinstance(route, (Mount, Host)):
            below = prefix + (route.path if isinstance(route, Mount) else f"{{{route.host}}}")
            mounted = routes_of(route.base_app)
            if not mounted:
                yield "*", f"{below}/*", shown, _describe(route.app)
            yield from _rows(mounted or (), below, f"{shown}:" if name else names)
        else:
            path = prefix + str(getattr(route, "path", "*"))
            yield _methods(route), path, shown, _describe(getattr(route, "endpoint", route))


def _methods(route: BaseRoute) -> str:
    if isinstance(route, WebSocketRoute):
        return "WEBSOCKET"
    methods = set(getattr(route, "methods", None) or ()) or _methods_of_class(getattr(route, "endpoint", None))
    return ",".join(sorted(methods)) or "*"


def _methods_of_class(endpoint: object) -> set[str]:
    """Return the methods of a class that has a function for each, as an HTTPEndpoint has; HEAD goes with GET."""
    if not isinstance(endpoint, type):
        return set()
    methods = {verb.upper() for verb in _VERBS if callable(getattr(endpoint, verb, None))}
    return methods | {"HEAD"} if "GET" in methods else methods


def _describe(endpoint: object) -> str:
    named = endpoint if hasattr(endpoint, "__qualname__") else type(endpoint)
    return f"{getattr(named, '__module__', '?')}.{getattr(named, '__qualname__', '?')}"
