"""A table of routes, for people and for programs to read.

    from asgi_routing import Route, Router
    from asgi_routing.table import list_routes

    router = Router([Route("/users/{id:int}", app)])
    print(router)
    for listed in list_routes(router.routes):
        print(listed.kind, listed.path_format, listed.methods)

Routes of Starlette, FastAPI and others are read by the attributes that they share with those here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

from .paths import PARAM_REGEX
from .routes import BaseRoute

__all__ = ["ListedParam", "ListedRoute", "format_table", "list_routes", "routes_of"]

_HEAD = ("method", "path", "name", "endpoint")
_VERBS = ("get", "head", "post", "put", "patch", "delete", "options", "query")


class ListedParam(NamedTuple):
    """A parameter: its name, the name of its convertor, and whether it stands in the `path` or in the `host`."""

    name: str
    convertor: str
    place: Literal["path", "host"]


class ListedRoute(NamedTuple):
    """A route as it is seen from outside of the mounts and hosts around it.

    `kind` is `http` or `websocket`; `mount` or `host` for an application whose routes cannot be read, `static` for one
    of files; and `other` for a route of a program's own, with the path of the mounts around it or None.
    `path` has the convertors in it, `path_format` has not. `methods` are sorted; None stands for all of them, and for
    what has none. `name` is what `url_path_for` takes, `endpoint` a qualified name, and `when` has those of all
    predicates, the outer ones first.
    """

    kind: Literal["http", "websocket", "mount", "host", "static", "other"]
    host: str | None
    path: str | None
    path_format: str | None
    methods: list[str] | None
    name: str | None
    params: list[ListedParam]
    endpoint: str
    when: list[str]


class _Above(NamedTuple):
    """The mounts and hosts around a route."""

    host: str | None = None
    path: str = ""
    names: str = ""
    params: tuple[ListedParam, ...] = ()
    when: tuple[str, ...] = ()
    apps: tuple[int, ...] = ()


def list_routes(routes: Iterable[BaseRoute]) -> list[ListedRoute]:
    """Return the routes in the order in which they are tried, those of mounts and hosts in the place of these."""
    return list(_listed(routes, _Above()))


def format_table(routes: Iterable[BaseRoute]) -> str:
    """Return the routes one a line, in the order in which they are tried."""
    rows = [_HEAD, *map(_row, list_routes(routes))]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = (
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def routes_of(app: Any) -> Iterable[BaseRoute] | None:
    """Return the routes of an application, or of the one that its middleware wraps as `app`; None if it has none."""
    seen: set[int] = set()  # a proxy may be its own `app`
    while app is not None and id(app) not in seen:
        routes = getattr(app, "routes", None)
        if isinstance(routes, Iterable):
            return routes
        seen.add(id(app))
        app = getattr(app, "app", None)
    return None


def _listed(routes: Iterable[BaseRoute], above: _Above) -> Iterator[ListedRoute]:
    for route in _expanded(routes):
        app = getattr(route, "base_app", getattr(route, "app", None))
        if app is None or hasattr(route, "endpoint"):
            yield _leaf(route, above)
            continue
        mounted = getattr(route, "routes", None) or routes_of(app)
        if mounted and id(app) not in above.apps:  # an application may be mounted in itself
            yield from _listed(mounted, _below(route, app, above))
        else:
            yield _opaque(route, app, above)


def _expanded(routes: Iterable[BaseRoute]) -> Iterator[Any]:
    """Return the routes with those of FastAPI's included routers, each as it is seen with the prefix of its router."""
    for route in routes:
        included = getattr(route, "effective_route_contexts", None)
        if included is None:
            yield route
        else:
            yield from (getattr(context, "starlette_route", None) or context for context in included())


def _below(route: Any, app: object, above: _Above) -> _Above:
    """Return the mounts and hosts around the routes of a mount or host."""
    host, path, params = _place(route, above)
    names = f"{above.names}{route.name}:" if getattr(route, "name", None) else above.names
    return _Above(host, path, names, params, _predicates(route, above), (*above.apps, id(app)))


def _opaque(route: Any, app: object, above: _Above) -> ListedRoute:
    """Return a mount or host of an application whose routes cannot be read."""
    host, path, params = _place(route, above)
    kind: Literal["mount", "host", "static"] = "host" if _host_of(route) else "mount"
    if callable(getattr(app, "lookup_path", None)):  # StaticFiles, ours and Starlette's
        kind = "static"
    name, when = _name(route, above), list(_predicates(route, above))
    return ListedRoute(kind, host, path, _format(path), None, name, list(params), _describe(app), when)


def _leaf(route: Any, above: _Above) -> ListedRoute:
    host, path, params = _place(route, above)
    endpoint = getattr(route, "endpoint", route)
    # By name: this package does not import the classes of Starlette and FastAPI.
    classes = {cls.__name__ for cls in type(route).__mro__}
    kind: Literal["http", "websocket", "other"] = "http" if hasattr(route, "methods") else "other"
    if "WebSocketRoute" in classes:
        kind = "websocket"
    methods = sorted(set(getattr(route, "methods", None) or ()) or _methods_of_class(endpoint)) or None
    shown = path if path or isinstance(getattr(route, "path", None), str) else None
    name, when = _name(route, above), list(_predicates(route, above))
    return ListedRoute(kind, host, shown, _format(shown), methods, name, list(params), _describe(endpoint), when)


def _place(route: Any, above: _Above) -> tuple[str | None, str, tuple[ListedParam, ...]]:
    """Return the host, the whole path and all parameters of a route, a mount or a host."""
    host = _host_of(route)
    if host is not None:
        return host, above.path, (*above.params, *_params(host, "host"))
    path = getattr(route, "path", None)
    if not isinstance(path, str):
        return above.host, above.path, above.params
    return above.host, above.path + path, (*above.params, *_params(path, "path"))


def _host_of(route: Any) -> str | None:
    host = getattr(route, "host", None)
    return host if isinstance(host, str) else None


def _params(template: str, place: Literal["path", "host"]) -> Iterator[ListedParam]:
    for name, kind in PARAM_REGEX.findall(template):
        yield ListedParam(name, kind[1:] or "str", place)


def _format(path: str | None) -> str | None:
    return None if path is None else PARAM_REGEX.sub(r"{\1}", path)


def _name(route: Any, above: _Above) -> str | None:
    name = getattr(route, "name", None)
    return above.names + name if name else None


def _predicates(route: Any, above: _Above) -> tuple[str, ...]:
    when = getattr(route, "when", None)
    return above.when if when is None else (*above.when, _describe(when))


def _row(listed: ListedRoute) -> tuple[str, str, str, str]:
    method = "WEBSOCKET" if listed.kind == "websocket" else ",".join(listed.methods or ["*"])
    path = "*" if listed.path is None else listed.path
    if listed.kind in ("mount", "host", "static"):
        path += "/*"
    if listed.host is not None:
        path = f"{{{listed.host}}}{path}"
    return method, path, listed.name or "", listed.endpoint


def _methods_of_class(endpoint: object) -> set[str]:
    """Return the methods of a class that has a function for each, as an HTTPEndpoint has; HEAD goes with GET."""
    if not isinstance(endpoint, type):
        return set()
    methods = {verb.upper() for verb in _VERBS if callable(getattr(endpoint, verb, None))}
    return methods | {"HEAD"} if "GET" in methods else methods


def _describe(endpoint: object) -> str:
    while isinstance(endpoint, functools.partial):
        endpoint = endpoint.func
    named = endpoint if hasattr(endpoint, "__qualname__") else type(endpoint)
    return f"{getattr(named, '__module__', '?')}.{getattr(named, '__qualname__', '?')}"
