"""The compiled form of a list of routes, whose lookups cost the same for ten routes and for ten thousand.

Whatever is done here, the answer is that of a scan in order of declaration: the first full match, else the partial
ones. A lookup gathers the few routes that the path may concern, sorts them by their place in the list and asks each:

- static paths stand in a dict;
- paths whose parameters fill whole segments stand in one dict per shape: the number of segments and which are fixed;
- what may span segments (mounts, `path`, own convertors) stands in one dict per number of leading fixed segments;
- hosts without parameters stand in a dict; every other route (an own `matches` above all) is asked each time.

Routes of the last two kinds, and mounts, answer through their `matches`; the rest only gives its parameters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter, itemgetter
from typing import Any, Final, cast

from ._scope import host_name
from ._types import Scope
from .convertors import NOT_CONVERTIBLE, Convertor, FloatConvertor, IntegerConvertor, StringConvertor, UUIDConvertor
from .paths import PARAM_FORMAT_REGEX, pattern_source, read_params, without_port
from .routes import BaseRoute, Host, Match, Mount, Route, WebSocketRoute
from .routes.base import PathPattern, with_prefix

Read = Callable[[str, list[str]], "dict[str, Any] | None"]
Key = Callable[[list[str]], object]
Convert = Callable[[str], Any]
Pathed = Route | WebSocketRoute | Mount

_NO: Final = object()
_WITHIN_SEGMENT = {kind.regex for kind in (StringConvertor, IntegerConvertor, FloatConvertor, UUIDConvertor)}
_KNOWN_METHODS = {"", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "CONNECT", "TRACE"}
_PLACE = attrgetter("place")


class Candidate:
    """A route at its place in the list. `read` gives its parameters; None means that its `matches` has to be asked.

    `direct` says that the route is answered by its `app` alone, as its `handle` is the one we know.
    """

    __slots__ = ("direct", "methods", "place", "read", "route")

    def __init__(self, place: int, route: BaseRoute, read: Read | None) -> None:
        self.place = place
        self.route = route
        self.read = read
        self.methods: set[str] | None = getattr(route, "methods", None)
        self.direct = read is not None and not overrides(route, "handle", Route, WebSocketRoute)


class Matcher:
    """The lookup of one list of routes, for one type of scope: `http` or `websocket`."""

    def __init__(self, routes: Iterable[BaseRoute], kind: str) -> None:
        self.known: dict[str, dict[str, Route | WebSocketRoute]] = {}
        self.views: dict[tuple[str, int], BaseRoute] = {}
        self.statics: dict[str, list[Candidate]] = {}
        self.hosts: dict[str, list[Candidate]] = {}
        self.always: list[Candidate] = []
        self.deepest = 0
        self._fixed: dict[tuple[int, tuple[int, ...]], dict[object, list[Candidate]]] = {}
        self._below: dict[int, dict[object, list[Candidate]]] = {}
        self._probes: dict[int, list[tuple[Key, dict[object, list[Candidate]]]]] = {}
        for place, route in enumerate(routes):
            self._place(place, route, kind)

    def find(self, path: str, method: str, scope: Scope) -> tuple[Candidate | None, Any]:
        """The first route that matches fully, with its parameters or, without `read`, the keys of its scope.

        None, with the list of `(candidate, keys or parameters)` that match in part, where no route does.
        """
        segments = path.split("/")
        partial: list[tuple[Candidate, Any]] = []
        alike = True
        for candidate in self.candidates(path, segments, scope):
            read = candidate.read
            if read is None:
                alike = False
                match, child_scope = candidate.route.matches(scope)
                if match is Match.FULL:
                    return candidate, child_scope
                if match is Match.PARTIAL:
                    partial.append((candidate, child_scope))
                continue
            params = read(path, segments)
            if params is None:
                alike = False
                continue
            methods = candidate.methods
            if not methods or method in methods:
                if alike and read is read_nothing and candidate.direct:
                    self._remember(path, method, candidate)
                return candidate, params
            partial.append((candidate, params))
        return None, partial

    def candidates(self, path: str, segments: list[str], scope: Scope | None) -> list[Candidate]:
        """The routes that the path may concern, by their place; without a scope, not those that ask for one."""
        hits = self.statics.get(path)
        if not segments[0]:
            length = len(segments)
            for key_of, table in self._probes.get(length) or self.probes(length):
                found = table.get(key_of(segments))
                if found is not None:
                    hits = found if hits is None else sorted(hits + found, key=_PLACE)
        if scope is not None and (self.hosts or self.always):
            more = self.always
            if self.hosts and (host := host_name(scope)) is not None:
                more = more + self.hosts.get(host.lower(), [])
            hits = more if hits is None else sorted(hits + more, key=_PLACE)
        return hits or []

    def probes(self, length: int) -> list[tuple[Key, dict[object, list[Candidate]]]]:
        """The dicts to ask about a path of so many segments, and the keys to ask them for."""
        length = min(length, self.deepest + 1)
        probes = self._probes.get(length)
        if probes is None:
            probes = self._probes[length] = [
                (_key_of(fixed), table) for (size, fixed), table in self._fixed.items() if size == length
            ] + [
                (_key_of(tuple(range(1, depth + 1))), table)
                for depth, table in self._below.items()
                if length >= depth + 2
            ]
        return probes

    def view(self, route: BaseRoute, prefix: str) -> BaseRoute:
        """The route with the templates of its mounts before its own, made once."""
        key = (prefix, id(route))
        view = self.views.get(key)
        if view is None:
            view = self.views[key] = with_prefix(route, prefix)
        return view

    def _remember(self, path: str, method: str, candidate: Candidate) -> None:
        """Keep a static path's answer for next time: only for usual methods, so that nobody can fill the memory."""
        if method in _KNOWN_METHODS:
            self.known.setdefault(path, {})[method] = candidate.route  # type: ignore[assignment]

    def _place(self, place: int, route: BaseRoute, kind: str) -> None:
        own, other = (Route, WebSocketRoute) if kind == "http" else (WebSocketRoute, Route)
        if isinstance(route, other) and not overrides(route, "matches", other):
            return
        if isinstance(route, (own, Mount)) and not overrides(route, "matches", own, Mount) and _as_written(route):
            self._place_path(place, cast(Pathed, route))
        elif isinstance(route, Host) and not overrides(route, "matches", Host) and not route.param_convertors:
            name = without_port(route.host_format).lower()
            self.hosts.setdefault(name, []).append(Candidate(place, route, None))
        else:
            self.always.append(Candidate(place, route, None))

    def _place_path(self, place: int, route: Pathed) -> None:
        path_format, convertors = route.path_format, route.param_convertors
        if not convertors:
            self.statics.setdefault(path_format, []).append(Candidate(place, route, read_nothing))
            return
        segments = path_format.split("/")
        self.deepest = max(self.deepest, len(segments))
        varying = [i for i, segment in enumerate(segments) if _names(segment, convertors)]
        if isinstance(route, Mount) or not all(_fills(segments[i], convertors) for i in varying):
            depth = varying[0] - 1
            read = None if isinstance(route, Mount) else _pattern_reader(route)
            key = _key_of(tuple(range(1, depth + 1)))(segments)
            self._below.setdefault(depth, {}).setdefault(key, []).append(Candidate(place, route, read))
            return
        fixed = tuple(i for i in range(1, len(segments)) if i not in varying)
        params = [(i, segments[i][1:-1], converter(convertors[segments[i][1:-1]])) for i in varying]
        table = self._fixed.setdefault((len(segments), fixed), {})
        table.setdefault(_key_of(fixed)(segments), []).append(Candidate(place, route, _segment_reader(params)))


def overrides(route: BaseRoute, name: str, *bases: type[BaseRoute]) -> bool:
    """Whether a route has a method of its own in place of that of these classes."""
    method = getattr(type(route), name)
    return name in vars(route) or all(method is not getattr(base, name) for base in bases)


def read_nothing(path: str, segments: list[str]) -> dict[str, Any]:
    """The parameters of a static path."""
    return {}


def converter(convertor: Convertor[Any]) -> Convert:
    """A function from the text of a segment to its value, or to `_NO`."""
    if type(convertor) is StringConvertor:
        return _convert_str
    if type(convertor) is IntegerConvertor:
        return _convert_int
    fullmatch, convert = re.compile(convertor.regex).fullmatch, convertor.convert

    def convert_matching(text: str) -> Any:
        try:
            return _NO if fullmatch(text) is None else convert(text)
        except NOT_CONVERTIBLE:
            return _NO

    return convert_matching


def _convert_str(text: str) -> Any:
    return text or _NO


def _convert_int(text: str) -> Any:
    if not (text.isdigit() and text.isascii()):
        return _NO
    try:
        return int(text)
    except ValueError:  # more digits than int() takes
        return _NO


def _segment_reader(params: list[tuple[int, str, Convert]]) -> Read:
    if len(params) == 1:
        ((place, key, convert_only),) = params

        def read_one(path: str, segments: list[str]) -> dict[str, Any] | None:
            value = convert_only(segments[place])
            return None if value is _NO else {key: value}

        return read_one

    def read_all(path: str, segments: list[str]) -> dict[str, Any] | None:
        values = {}
        for i, name, convert in params:
            value = convert(segments[i])
            if value is _NO:
                return None
            values[name] = value
        return values

    return read_all


def _pattern_reader(route: Route | WebSocketRoute) -> Read:
    convertors = route.param_convertors

    def read_pattern(path: str, segments: list[str]) -> dict[str, Any] | None:
        found = route.path_regex.match(path)
        return None if found is None else read_params(found, convertors)

    return read_pattern


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


def _as_written(route: Any) -> bool:
    """Whether `path_regex` is the pattern of the template: nobody set another, or with other flags."""
    if not route.path_format.startswith("/") or not isinstance(getattr(type(route), "path_regex", None), PathPattern):
        return False
    pattern = vars(route).get("path_regex")
    return pattern is None or (
        pattern.flags == re.UNICODE and pattern.pattern == pattern_source(route.path_format, route.param_convertors)
    )
