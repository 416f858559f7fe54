"""A table of routes, to be read by people: method, path, name, endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .routes import BaseRoute, Host, Mount, WebSocketRoute

_HEAD = ("method", "path", "name", "endpoint")


def format_table(routes: Iterable[BaseRoute]) -> str:
    """The routes, those of mounts below their mount, one a line, in the order in which they are asked."""
    rows = [_HEAD, *_rows(routes, "", "")]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = (
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _rows(routes: Iterable[BaseRoute], prefix: str, names: str) -> Iterator[tuple[str, str, str, str]]:
    for route in routes:
        name = getattr(route, "name", None)
        shown = names + (name or "")
        if isinstance(route, (Mount, Host)):
            below = prefix + (route.path if isinstance(route, Mount) else f"{{{route.host}}}")
            if not route.routes:
                yield "*", f"{below}/*", shown, _describe(route.app)
            yield from _rows(route.routes, below, f"{shown}:" if name else names)
        else:
            path = prefix + str(getattr(route, "path", "*"))
            yield _methods(route), path, shown, _describe(getattr(route, "endpoint", route))


def _methods(route: BaseRoute) -> str:
    if isinstance(route, WebSocketRoute):
        return "WEBSOCKET"
    return ",".join(sorted(getattr(route, "methods", None) or ())) or "*"


def _describe(endpoint: object) -> str:
    named = endpoint if hasattr(endpoint, "__qualname__") else type(endpoint)
    return f"{getattr(named, '__module__', '?')}.{getattr(named, '__qualname__', '?')}"
