"""The compiled form of a list of routes, whose lookups cost the same for ten routes and for ten thousand.

Whatever is done here, the answer is that of a scan in order of declaration: the first full match, else the partial
ones. A lookup gathers the few routes that the path may concern, sorts them by their place in the list and asks each:

- static paths stand in a dict;
- paths whose parameters fill whole segments stand in one dict per shape: the number of segments and which are fixed;
- what may span segments (mounts, `path`, own convertors) stands in one dict per number of leading fixed segments;
- hosts without parameters stand in a dict; every other route (an own `matches` above all) is asked each time.

Routes of the last two kinds, and mounts, answer through their `matches`; the rest only gives its parameters.
The latest answers that depend on nothing but path and method are remembered, a bounded number of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter, itemgetter
from typing import Any, cast

from ._readers import Params, Read, are_constant, pattern_reader, read_nothing, segment_reader
from ._scope import host_name
from .convertors import Convertor, FloatConvertor, IntegerConvertor, StringConvertor, UUIDConvertor
from .paths import PARAM_FORMAT_REGEX, pattern_source, without_port
from .routes import BaseRoute, Host, Match, Mount, Route, WebSocketRoute
from .routes.base import PathPattern, with_prefix
from .types import Scope

Key = Callable[[list[str]], object]
Pathed = Route | WebSocketRoute | Mount

MOST_REMEMBERED = 1024
"""Answers of each method that are kept at most; `LONGEST_REMEMBERED` is in characters of the path."""

LONGEST_REMEMBERED = 256

_WITHIN_SEGMENT = {kind.regex for kind in (StringConvertor, IntegerConvertor, FloatConvertor, UUIDConvertor)}
_USUAL_METHODS = ("", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")
_PLACE = attrgetter("place")


class Candidate:
    """A route at its place in the list. `read` gives its parameters; None means that its `matches` has to be asked.

    `direct` says that the route is answered by its `app` alone, as its `handle` is the one we know; `constant` that
    whether it answers, and with which parameters, depends on nothing but path and method.
    """

    __slots__ = ("constant", "direct", "methods", "place", "read", "route")

    def __init__(self, place: int, route: BaseRoute, read: Read | None, constant: bool = False) -> None:
        self.place = place
        self.route = route
        self.read = read
        self.constant = constant
        self.methods: set[str] | None = getattr(route, "methods", None)
        self.direct = read is not None and not overrides(route, "handle", Route, WebSocketRoute)


class Matcher:
    """The lookup of one list of routes, for one type of scope: `http` or `websocket`."""

    def __init__(self, routes: Iterable[BaseRoute], kind: str) -> None:
        self.known: dict[str, dict[str, tuple[Any, Params]]] = {method: {} for method in _USUAL_METHODS}
        self.views: dict[tuple[str, int], BaseRoute] = {}
        self.statics: dict[str, list[Candidate]] = {}
        self.hosts: dict[str, list[Candidate]] = {}
        self.always: list[Candidate] = []
        self.deepest = 1
        self._crowded = 0
        self._slashed = False  # whether any of the routes in the dicts may match a path with a slash at its end
        self._fixed: dict[tuple[int, tuple[int, ...]], dict[object, list[Candidate]]] = {}
        self._below: dict[int, dict[object, list[Candidate]]] = {}
        self._probes: dict[int, list[tuple[Key, dict[object, list[Candidate]]]]] = {}
        for place, route in enumerate(routes):
            self._place(place, route, kind)
        self.asking = bool(self.hosts or self.always)
        self._probe()

    def find(self, path: str, method: str, scope: Scope) -> tuple[Candidate | None, Any]:  # noqa: C901 - a hot path
        """The first route that matches fully, with its parameters or, without `read`, the keys of its scope.

        None, with the list of `(candidate, keys or parameters)` that match in part, where no route does.
        """
        segments = path.split("/")
        hits = self.statics.get(path)
        if not segments[0]:
            for key_of, table in self._probes.get(len(segments), self._deep):
                found = table.get(key_of(segments))
                if found is not None:
                    hits = found if hits is None else sorted(hits + found, key=_PLACE)
        if self.asking:
            hits = self._with_asking(hits, scope)
        if hits is None:
            return None, ()
        partial: list[tuple[Candidate, Any]] = []
        for candidate in hits:
            read = candidate.read
            if read is None:
                match, child_scope = candidate.route.matches(scope)
                if match is Match.FULL:
                    return candidate, child_scope
                if match is Match.PARTIAL:
                    partial.append((candidate, child_scope))
                continue
            params = read(path, segments)
            if params is not None:
                methods = candidate.methods
                if not methods or method in methods:
                    if candidate.constant and candidate.direct and method in self.known:
                        self._remember(path, method, candidate, params, hits)
                    return candidate, params
                partial.append((candidate, params))
        return None, partial

    def concerns(self, path: str) -> bool:
        """Whether any route may match this path; where none may, nobody has to be asked."""
        if self.asking:
            return True
        return (self._slashed or not path.endswith("/")) and bool(self.at_path(path))

    def at_path(self, path: str) -> list[Candidate]:
        """The routes that a path may concern, by their place, but for those that are asked about every path."""
        segments = path.split("/")
        hits = [*self.statics.get(path, ())]
        for key_of, table in self._probes.get(len(segments), self._deep):
            hits += table.get(key_of(segments), ())
        return sorted(hits, key=_PLACE)

    def _with_asking(self, hits: list[Candidate] | None, scope: Scope) -> list[Candidate]:
        more = self.always
        if self.hosts and (host := host_name(scope)) is not None:
            more = more + self.hosts.get(host.lower(), [])
        return sorted([*(hits or ()), *more], key=_PLACE)

    def _probe(self) -> None:
        """Note which dicts to ask, and for what, by the number of segments; `_deep` is for more than any route has."""
        for length in range(1, self.deepest + 2):
            self._probes[length] = [
                (_key_of(fixed), table) for (size, fixed), table in self._fixed.items() if size == length
            ] + [
                (_key_of(tuple(range(1, depth + 1))), table)
                for depth, table in self._below.items()
                if length >= depth + 2
            ]
        self._deep = self._probes[self.deepest + 1]

    def view(self, route: BaseRoute, prefix: str) -> BaseRoute:
        """The route with the templates of its mounts before its own, made once."""
        key = (prefix, id(route))
        view = self.views.get(key)
        if view is None:
            view = self.views[key] = with_prefix(route, prefix)
        return view

    def _remember(self, path: str, method: str, candidate: Candidate, params: Params, hits: list[Candidate]) -> None:
        """Keep an answer for next time, where nothing before it could ever answer otherwise.

        What is kept is bounded: with too many paths, all are forgotten, as those that are asked for soon come back.
        From then on only one in eight is kept: most will never be asked for again.
        """
        if self._crowded:
            self._crowded = self._crowded % 8 + 1
        if self._crowded > 1 or len(path) > LONGEST_REMEMBERED:
            return
        if hits[0] is candidate or all(hit.constant for hit in hits[: hits.index(candidate)]):
            known = self.known[method]
            if len(known) >= MOST_REMEMBERED:
                known.clear()
                self._crowded = 1
            known[path] = candidate.route, params.copy()

    def _place(self, place: int, route: BaseRoute, kind: str) -> None:
        own, other = (Route, WebSocketRoute) if kind == "http" else (WebSocketRoute, Route)
        if isinstance(route, other) and not overrides(route, "matches", other):
            return
        if isinstance(route, (own, Mount)) and not overrides(route, "matches", own, Mount) and as_written(route):
            self._place_path(place, cast(Pathed, route))
        elif isinstance(route, Host) and not overrides(route, "matches", Host) and not route.param_convertors:
            name = without_port(route.host_format).lower()
            self.hosts.setdefault(name, []).append(Candidate(place, route, None))
        else:
            self.always.append(Candidate(place, route, None))

    def _place_path(self, place: int, route: Pathed) -> None:
        path_format, convertors = route.path_format, route.param_convertors
        self._slashed = self._slashed or path_format.endswith("/")
        constant = not self.hosts and are_constant(convertors.values())  # a host before it may answer in its place
        if not convertors:
            self.statics.setdefault(path_format, []).append(Candidate(place, route, read_nothing, constant))
            return
        segments = path_format.split("/")
        self.deepest = max(self.deepest, len(segments))
        varying = [i for i, segment in enumerate(segments) if _names(segment, convertors)]
        if isinstance(route, Mount) or not all(_fills(segments[i], convertors) for i in varying):
            depth = varying[0] - 1
            self._slashed = True
            below = self._below.setdefault(depth, {}).setdefault(_key_of(tuple(range(1, depth + 1)))(segments), [])
            if isinstance(route, Mount):
                below.append(Candidate(place, route, None))
            else:
                below.append(Candidate(place, route, pattern_reader(route), constant))
            return
        fixed = tuple(i for i in range(1, len(segments)) if i not in varying)
        read = segment_reader({i: segments[i][1:-1] for i in varying}, convertors)
        table = self._fixed.setdefault((len(segments), fixed), {})
        table.setdefault(_key_of(fixed)(segments), []).append(Candidate(place, route, read, constant))


def overrides(route: BaseRoute, name: str, *bases: type[BaseRoute]) -> bool:
    """Whether a route has a method of its own in place of that of these classes."""
    method = getattr(type(route), name)
    return name in vars(route) or all(method is not getattr(base, name) for base in bases)


def _key_of(places: tuple[int, ...]) -> Key:
    return itemgetter(*places) if places else _no_key


def _no_key(segments: list[str]) -> object:
    return None


def _names(segment: str, convertors: Mapping[str, Convertor[Any]]) -> list[str]:
    if "{" not in segment:
        return []
    return [name for name in PARAM_FORMAT_REGEX.findall(segment) if name in convertors]


def _fills(segment: str, convertors: Mapping[str, Convertor[Any]]) -> bool:
    """Whether the segment is one parameter, of a kind that never matches a slash."""
    found = PARAM_FORMAT_REGEX.fullmatch(segment)
    return found is not None and convertors[found[1]].regex in _WITHIN_SEGMENT


def as_written(route: Any) -> bool:
    """Whether `path_regex` is the pattern of the template: nobody set another, or with other flags."""
    if not route.path_format.startswith("/") or not isinstance(getattr(type(route), "path_regex", None), PathPattern):
        return False
    pattern = vars(route).get("path_regex")
    return pattern is None or (
        pattern.flags == re.UNICODE and pattern.pattern == pattern_source(route.path_format, route.param_convertors)
    )
