"""Compile a list of routes into a Lookup.

Static paths stand in a dict; paths with parameters in one dict for each shape; whatever has a `matches` of its own,
or a pattern of its own, is asked for every request. Attributes of a route are read here and not for each request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ._lookup import IndexedRoute, Lookup, key_of
from ._params import extract_from_path, extract_from_segments, extract_nothing
from ._patterns import compile_extract, is_own_pattern
from .convertors import BUILT_IN, Convertor, PathConvertor
from .paths import PARAM_FORMAT_REGEX
from .routes import BaseRoute, Host, Mount, PathRoute, Route, WebSocketRoute
from .routes.host import host_to_match

_WITHIN_SEGMENT = {kind.regex for kind in BUILT_IN if kind is not PathConvertor}
_METHODS = ("", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")
"""The methods that the static table has for a route of all methods; "" stands for WebSockets."""

# As they were written here: instrumentation may put functions of its own in their place at any time.
_MATCHES = {kind: kind.matches for kind in (PathRoute, Route, Mount, Host)}
_HANDLE = {"http": Route.handle, "websocket": WebSocketRoute.handle}


def compile_routes(routes: Iterable[BaseRoute], scope_type: str) -> Lookup:
    """Return the lookup for scopes of type `http` or `websocket`."""
    lookup = Lookup(_HANDLE[scope_type])
    for place, route in enumerate(routes):
        _place(lookup, place, route, scope_type)
    lookup.compile()
    _fill_static(lookup)
    return lookup


def matches_as_written(route: BaseRoute) -> bool:
    """Return whether a route matches as its class here does, and not by a method of its own."""
    method = type(route).matches
    written = any(method is original and isinstance(route, kind) for kind, original in _MATCHES.items())
    return written and "matches" not in vars(route)


def _place(lookup: Lookup, place: int, route: BaseRoute, scope_type: str) -> None:
    if not matches_as_written(route):
        lookup.unindexed.append(IndexedRoute(place, route, None))
    elif isinstance(route, PathRoute) and route.scope_type != scope_type:
        return
    elif isinstance(route, (PathRoute, Mount)) and is_own_pattern(route):
        _place_path(lookup, place, route)
    elif isinstance(route, Host) and not route.param_convertors:
        lookup.hosts.setdefault(host_to_match(route), []).append(IndexedRoute(place, route, None))
    else:
        lookup.unindexed.append(IndexedRoute(place, route, None))


def _place_path(lookup: Lookup, place: int, route: PathRoute | Mount) -> None:
    path_format, convertors = route.path_format, route.param_convertors
    constant = all(type(convertor) in BUILT_IN for convertor in convertors.values())
    # Most tables have no path with a slash at its end: a 404 then looks for no redirect.
    lookup.may_end_in_slash = lookup.may_end_in_slash or path_format.endswith("/")
    # A route with a predicate keeps its place in the tables, and is asked like one with a `matches` of its own.
    asks = None if route.when is None else IndexedRoute(place, route, None)
    if not convertors:
        indexed = asks or IndexedRoute(place, route, extract_nothing, constant)
        lookup.paths.setdefault(path_format, []).append(indexed)
        return
    segments = path_format.split("/")
    lookup.deepest = max(lookup.deepest, len(segments))
    names = {i: _names(segment, convertors) for i, segment in enumerate(segments)}
    varying = [i for i in names if names[i]]
    if isinstance(route, Mount) or any(convertor.regex not in _WITHIN_SEGMENT for convertor in convertors.values()):
        lookup.may_end_in_slash = True
        # Only the fixed segments at the beginning are sure: the parameter may take any number of those behind it.
        depth = varying[0] - 1
        leading = key_of(tuple(range(1, depth + 1)))(segments)
        indexed = asks or _below(place, route, constant)
        lookup.below.setdefault(depth, {}).setdefault(leading, []).append(indexed)
        return
    fixed = tuple(i for i in range(1, len(segments)) if i not in varying)
    extract = extract_from_segments({i: segments[i] for i in varying}, convertors)
    table = lookup.fixed.setdefault((len(segments), fixed), {})
    table.setdefault(key_of(fixed)(segments), []).append(asks or IndexedRoute(place, route, extract, constant))


def _below(place: int, route: PathRoute | Mount, constant: bool) -> IndexedRoute:
    """Return a route whose parameters may span segments; of a mount without parameters the table says all."""
    mount = route.full_path_format if isinstance(route, Mount) else None
    if mount is not None and len(route.param_convertors) == 1:
        return IndexedRoute(place, route, extract_nothing, mount=mount)
    extract = extract_from_path(compile_extract(route.path_format, route.param_convertors))
    return IndexedRoute(place, route, extract, constant and mount is None, mount)


def _fill_static(lookup: Lookup) -> None:
    """Note the whole answer for each static path and method, as far as nothing before it could change the answer.

    That could be routes that are asked for every request, hosts, mounts and a program's own convertors.
    """
    asked = [indexed.place for indexed in (*lookup.unindexed, *(host for at in lookup.hosts.values() for host in at))]
    limit = min(asked, default=None)
    for path in lookup.paths:
        segments = path.split("/")
        # `at_path` has the dynamic routes as well: `/{page}` before `/about` serves both.
        for indexed in lookup.at_path(path):
            if not indexed.constant or not indexed.direct or (limit is not None and indexed.place > limit):
                break
            assert indexed.extract is not None
            params = indexed.extract(path, segments)
            if params is None:
                continue
            for method in indexed.methods or _METHODS:
                lookup.static.setdefault((path, method), (indexed.route, params))  # the first route counts
            if not indexed.methods:
                break  # it serves every method: nothing behind it is reached


def _names(segment: str, convertors: Mapping[str, Convertor[Any]]) -> list[str]:
    return [name for name in PARAM_FORMAT_REGEX.findall(segment) if name in convertors] if "{" in segment else []
