"""Find the route of a request, at a cost that is the same for ten routes and for ten thousand.

Rule: the answer is that of a scan in order of declaration: the first full match, else the partial ones.

A lookup gathers the few routes that the path may be for, sorts them by their place in the list and asks each.
`_index` says which table a route stands in.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter, itemgetter
from typing import Any

from ._allow import AllowedMethods, JoinedMethods
from ._params import ExtractParams
from ._patterns import Params
from ._scope import requested_host
from ._slashes import other_slash
from .routes import BaseRoute, Match, PathRoute
from .routes.base import with_mount_prefix
from .types import Scope

Key = Callable[[list[str]], object]
Table = dict[object, "list[IndexedRoute]"]

_PLACE = attrgetter("place")


class IndexedRoute:
    """A route at its place in the list.

    `extract` gives its parameters; None means that its `matches` has to be asked. `direct` says that its `app` may be
    called in place of its `handle`; `constant` that what it answers depends on nothing but path and method.
    `mount` is the template of a mount, without the rest of the path, and None for other routes.
    """

    __slots__ = ("allowed", "constant", "direct", "extract", "methods", "mount", "place", "route")

    def __init__(
        self,
        place: int,
        route: BaseRoute,
        extract: ExtractParams | None,
        constant: bool = False,
        mount: str | None = None,
    ) -> None:
        self.place = place
        self.route: Any = route
        self.extract = extract
        self.constant = constant
        self.methods: set[str] | None = getattr(route, "methods", None)
        self.allowed = AllowedMethods(self.methods or ())
        self.mount = mount
        self.direct = extract is not None and mount is None and "handle" not in vars(route)


class Lookup:
    """The compiled form of one list of routes, for one type of scope: `http` or `websocket`.

    `handle` is the method that routes of this type have unless it is overridden or patched.
    """

    def __init__(self, handle: Callable[..., Any]) -> None:
        self.handle = handle
        # The whole answer for static paths, by path and method, where nothing but these decides.
        self.static: dict[tuple[str, str], tuple[PathRoute, Params]] = {}
        # Routes by static path, and by static host.
        self.paths: dict[str, list[IndexedRoute]] = {}
        self.hosts: dict[str, list[IndexedRoute]] = {}
        # Parameters that fill segments or a part of one: by the number of segments and which of them are fixed.
        self.fixed: dict[tuple[int, tuple[int, ...]], Table] = {}
        # Parameters that may span segments, and mounts: by the number of fixed segments at the beginning.
        self.below: dict[int, Table] = {}
        # All other routes: their `matches` is asked for every request.
        self.unindexed: list[IndexedRoute] = []
        self.has_unindexed = False
        self.deepest = 1
        self.may_end_in_slash = False
        # Allow for paths of several routes, and with OPTIONS where the router answers that.
        self.joined = JoinedMethods()
        self._views: dict[tuple[str, int], BaseRoute] = {}
        self._probes: dict[int, list[tuple[Key, Table]]] = {}
        self._deep: list[tuple[Key, Table]] = []

    def find(self, path: str, method: str, scope: Scope) -> tuple[IndexedRoute | None, Any]:
        """Return the first route that matches fully, with its parameters or, without `extract`, its scope keys.

        If no route does, return None and the list of `(route, parameters or keys)` that match but for the method.
        """
        segments = path.split("/")
        hits = self.paths.get(path)
        # A path that does not begin with a slash, such as `*` of OPTIONS (RFC 9112 §3.2.4), fits no shape.
        if not segments[0]:
            for key_of, table in self._probes.get(len(segments), self._deep):
                found = table.get(key_of(segments))
                if found is not None:
                    hits = found if hits is None else sorted(hits + found, key=_PLACE)
        if self.has_unindexed:
            hits = self._with_unindexed(hits, scope)
        if hits is None:
            return None, ()
        partial: list[tuple[IndexedRoute, Any]] = []
        for indexed in hits:
            extract = indexed.extract
            if extract is None:
                match, child_scope = indexed.route.matches(scope)
                if match is Match.FULL:
                    return indexed, child_scope
                if match is Match.PARTIAL:
                    partial.append((indexed, child_scope))
                continue
            params = extract(path, segments)
            if params is not None:
                # An empty set serves every method, too: it is how Starlette reads `methods=[]`.
                methods = indexed.methods
                if not methods or method in methods:
                    return indexed, params
                partial.append((indexed, params))
        return None, partial

    def may_redirect(self, path: str) -> bool:
        """Return whether a route may match but for the last slash; false means that none does, without asking them."""
        if self.has_unindexed:
            return True
        if not self.may_end_in_slash and not path.endswith("/"):
            return False
        other = other_slash(path)
        segments = other.split("/")
        probes = self._probes.get(len(segments), self._deep)
        return other in self.paths or any(key_of(segments) in table for key_of, table in probes)

    def at_path(self, path: str) -> list[IndexedRoute]:
        """Return the routes that a path may be for, in order, but for those that are asked about every path."""
        segments = path.split("/")
        hits = [*self.paths.get(path, ())]
        for key_of, table in self._probes.get(len(segments), self._deep):
            hits += table.get(key_of(segments), ())
        return sorted(hits, key=_PLACE)

    def view(self, route: BaseRoute, prefix: str) -> BaseRoute:
        """Return the route as `scope["route"]` shows it below mounts of these templates."""
        # By id: routes are equal by value, and so cannot be keys themselves. The list keeps them alive.
        key = (prefix, id(route))
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = with_mount_prefix(route, prefix)
        return view

    def compile(self) -> None:
        """Note which tables to ask, and for which key, by the number of segments; call it once they are filled."""
        self.has_unindexed = bool(self.hosts or self.unindexed)
        for length in range(1, self.deepest + 2):
            self._probes[length] = [
                (key_of(fixed), table) for (size, fixed), table in self.fixed.items() if size == length
            ] + [
                (key_of(tuple(range(1, depth + 1))), table)
                for depth, table in self.below.items()
                if length >= depth + 2
            ]
        self._deep = self._probes[self.deepest + 1]  # for more segments than any route has

    def _with_unindexed(self, hits: list[IndexedRoute] | None, scope: Scope) -> list[IndexedRoute]:
        more = self.unindexed
        if self.hosts and (host := requested_host(scope)) is not None:
            more = more + self.hosts.get(host.name, [])  # not +=, which would grow the table
        return sorted([*(hits or ()), *more], key=_PLACE)


def key_of(places: tuple[int, ...]) -> Key:
    """Return a function from the segments of a path to those at these places."""
    return itemgetter(*places) if places else _no_key


def _no_key(segments: list[str]) -> object:
    return None
