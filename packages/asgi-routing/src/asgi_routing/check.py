"""Check a table of routes before the first request.

    from asgi_routing import Route, Router

    async def page(scope, receive, send):
        ...

    router = Router([Route("/{path:path}", page), Route("/about", page)])
    for finding in router.check():
        print(finding)

A route is shadowed if others, declared before it, serve everything that it could.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ._index import compile_routes, matches_as_written
from ._lookup import Lookup
from ._mistakes import endpoint_mistake, template_mistake
from ._patterns import is_own_pattern
from .convertors import (
    NOT_CONVERTIBLE,
    Convertor,
    DateConvertor,
    DatetimeConvertor,
    DecimalConvertor,
    FloatConvertor,
    IntegerConvertor,
    PathConvertor,
    StringConvertor,
    UUIDConvertor,
)
from .paths import PARAM_FORMAT_REGEX
from .routes import BaseRoute, Host, Mount, PathRoute, Route, WebSocketRoute
from .routes.host import host_to_match

__all__ = ["Finding", "check_routes"]

_SAMPLES = {
    StringConvertor: "-",
    IntegerConvertor: "0",
    FloatConvertor: "0.0",
    PathConvertor: "",
    UUIDConvertor: "00000000-0000-0000-0000-000000000000",
    DateConvertor: "2000-01-01",
    DatetimeConvertor: "2000-01-01T00:00:00Z",
    DecimalConvertor: "0",
}


class Finding(NamedTuple):
    """Something to look at: its kind, the earlier and the later route, and both in words.

    The kinds are `shadowed`, `duplicate name` and `mistake`, which is about one route: `first` and `second` are it.
    """

    kind: str
    first: BaseRoute
    second: BaseRoute
    message: str

    def __str__(self) -> str:
        return self.message


def check_routes(routes: Sequence[BaseRoute]) -> list[Finding]:
    """Return the routes that can never be reached, the pairs of one name but different paths, and likely mistakes.

    The routes of mounts and hosts are checked too.
    """
    return [*_shadowed(routes), *_duplicate_names(routes), *_mistakes(routes)]


def _shadowed(routes: Sequence[BaseRoute], around: tuple[int, ...] = ()) -> Iterator[Finding]:
    lookups = {kind: compile_routes(routes, kind) for kind in ("http", "websocket")}
    for place, route in enumerate(routes):
        first = _shadow(route, _earlier(routes, place, lookups))
        if first is not None:
            yield Finding("shadowed", first, route, f"{route} is never reached: {first} answers before it")
        elif isinstance(route, (Mount, Host)):
            yield from _shadowed(*_inside(route, around))


def _inside(route: Mount | Host, around: tuple[int, ...]) -> tuple[Sequence[BaseRoute], tuple[int, ...]]:
    """Return the routes of a mount or host with the applications around them; an application may be one of its own."""
    app = id(route.base_app)
    return () if app in around else route.routes, (*around, app)


def _earlier(routes: Sequence[BaseRoute], place: int, lookups: dict[str, Lookup]) -> list[BaseRoute]:
    """Return the earlier routes that could shadow one: those at a path that it matches, or all if no path is known."""
    route = routes[place]
    # Whatever covers the route matches this path: the lookup spares comparing each route with all before it.
    sample = _sample(route)
    if sample is None:
        return list(routes[:place])
    kind = "websocket" if isinstance(route, WebSocketRoute) else "http"
    return [indexed.route for indexed in lookups[kind].at_path(sample) if indexed.place < place]


def _shadow(route: BaseRoute, earlier: list[BaseRoute]) -> BaseRoute | None:
    """Return the route that, with those before it, leaves nothing for this one."""
    left = set(route.methods or ()) if isinstance(route, Route) else set()
    for other in earlier:
        if not _covers(other, route):
            continue
        methods = other.methods if isinstance(other, Route) else None
        if not methods or (left and left <= methods):
            return other
        left -= methods  # several routes may cover it together
    return None


def _covers(first: BaseRoute, second: BaseRoute) -> bool:
    """Return whether every path, or host, of the second is surely one of the first."""
    if getattr(first, "when", None) is not None:  # routes of other packages have none
        return False
    if isinstance(first, Host) and isinstance(second, Host):
        same = host_to_match(first) == host_to_match(second) and first.param_convertors == second.param_convertors
        return same and matches_as_written(first)
    # A mount takes HTTP and WebSockets; of the others each takes one of them.
    if not isinstance(first, Mount) and isinstance(first, WebSocketRoute) is not isinstance(second, WebSocketRoute):
        return False
    # A route never covers a mount: it has methods, or takes no WebSockets.
    if isinstance(second, Mount) and not isinstance(first, Mount):
        return False
    if not (_has_path(first) and _has_path(second)):
        return False
    return _covers_path(first, second)


def _covers_path(first: Any, second: Any) -> bool:
    ours, theirs = first.path_format.split("/"), second.path_format.split("/")
    for i, segment in enumerate(ours):
        if i == len(theirs):
            return False
        own = _convertor(segment, first.param_convertors)
        if isinstance(own, PathConvertor):
            return i == len(ours) - 1
        if own is None:
            alike = segment == theirs[i] and _same_convertors(segment, first, second)
        else:
            alike = _covers_segment(own, theirs[i], second.param_convertors)
        if not alike:
            return False
    return len(ours) == len(theirs)


def _covers_segment(own: Convertor[Any], segment: str, convertors: dict[str, Convertor[Any]]) -> bool:
    other = _convertor(segment, convertors)
    if other is not None:
        return _includes(own, other)
    if "{" in segment or re.fullmatch(own.regex, segment) is None:
        return False
    try:
        own.convert(segment)
    except NOT_CONVERTIBLE:
        return False
    return True


def _includes(own: Convertor[Any], other: Convertor[Any]) -> bool:
    """Return whether every text of the second convertor is one of the first."""
    if type(own) is StringConvertor:
        return type(other) in _SAMPLES and type(other) is not PathConvertor
    if type(own) is FloatConvertor and type(other) is IntegerConvertor:
        return True
    return type(own) is type(other)


def _convertor(segment: str, convertors: dict[str, Convertor[Any]]) -> Convertor[Any] | None:
    """Return the convertor of a segment that is one parameter."""
    found = PARAM_FORMAT_REGEX.fullmatch(segment)
    return convertors.get(found[1]) if found else None


def _same_convertors(segment: str, first: Any, second: Any) -> bool:
    names = PARAM_FORMAT_REGEX.findall(segment)
    return all(type(first.param_convertors.get(name)) is type(second.param_convertors.get(name)) for name in names)


def _sample(route: BaseRoute) -> str | None:
    """Return a path that the route matches, if that is easy to tell."""
    if not _has_path(route):
        return None
    pathed: Any = route
    pieces = PARAM_FORMAT_REGEX.split(pathed.path_format)
    for i in range(1, len(pieces), 2):
        sample = _SAMPLES.get(type(pathed.param_convertors.get(pieces[i])))
        if sample is None:
            return None
        pieces[i] = sample
    return "".join(pieces)


def _has_path(route: BaseRoute) -> bool:
    return isinstance(route, (PathRoute, Mount)) and matches_as_written(route) and is_own_pattern(route)


def _duplicate_names(routes: Sequence[BaseRoute]) -> Iterator[Finding]:
    seen: dict[str, tuple[str, BaseRoute]] = {}
    for name, template, route in _named(routes):
        first_template, first = seen.setdefault(name, (template, route))
        if first_template != template:
            text = f'"{name}" is the name of both {first} and {route}'
            yield Finding("duplicate name", first, route, text)


def _named(
    routes: Sequence[BaseRoute], around: tuple[int, ...] = (), names: str = "", prefix: str = ""
) -> Iterator[tuple[str, str, BaseRoute]]:
    for route in routes:
        name = getattr(route, "name", None)
        template = f"{prefix}{getattr(route, 'path_format', None) or getattr(route, 'host_format', '')}"
        if name:
            yield names + name, template, route
        if isinstance(route, (Mount, Host)):
            inner = f"{names}{name}:" if name else names
            yield from _named(*_inside(route, around), inner, template.removesuffix("/{path}"))


def _mistakes(routes: Sequence[BaseRoute], around: tuple[int, ...] = ()) -> Iterator[Finding]:
    for route in routes:
        template = getattr(route, "host", None) if isinstance(route, Host) else getattr(route, "path", None)
        found = [template_mistake(template)] if isinstance(template, str) else []
        if isinstance(route, PathRoute):
            found.append(endpoint_mistake(route.app, route.endpoint))
        for mistake in filter(None, found):
            yield Finding("mistake", route, route, f"{route}: {mistake}")
        if isinstance(route, (Mount, Host)):
            yield from _mistakes(*_inside(route, around))
