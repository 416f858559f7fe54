"""The list of a router's routes, which keeps its compiled form until it changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, SupportsIndex

from ._index import compile_routes
from ._lookup import Lookup
from .routes import BaseRoute


class RouteList(list[BaseRoute]):
    """A plain list to its users; `http` and `websocket` are its compiled lookups, or None.

    The attributes of a route are read when the list is compiled, at the first request after a change of the list.
    """

    __slots__ = ("http", "websocket")

    http: Lookup | None
    websocket: Lookup | None

    def __init__(self, routes: Iterable[BaseRoute] = ()) -> None:
        super().__init__(routes)
        self.invalidate()

    def compile(self, scope_type: str) -> Lookup:
        """Compile the lookup for scopes of that type again, and return it."""
        lookup = compile_routes(self, scope_type)
        setattr(self, scope_type, lookup)
        return lookup

    def invalidate(self) -> None:
        """Drop the compiled lookups, as a change of the list does; call it after a route itself was changed."""
        self.http = self.websocket = None

    def append(self, route: BaseRoute, /) -> None:
        super().append(route)
        self.invalidate()

    def extend(self, routes: Iterable[BaseRoute], /) -> None:
        super().extend(routes)
        self.invalidate()

    def insert(self, place: SupportsIndex, route: BaseRoute, /) -> None:
        super().insert(place, route)
        self.invalidate()

    def remove(self, route: BaseRoute, /) -> None:
        super().remove(route)
        self.invalidate()

    def pop(self, place: SupportsIndex = -1, /) -> BaseRoute:
        self.invalidate()
        return super().pop(place)

    def clear(self) -> None:
        super().clear()
        self.invalidate()

    def reverse(self) -> None:
        super().reverse()
        self.invalidate()

    def sort(self, **order: Any) -> None:
        super().sort(**order)
        self.invalidate()

    def __setitem__(self, place: Any, route: Any) -> None:
        super().__setitem__(place, route)
        self.invalidate()

    def __delitem__(self, place: SupportsIndex | slice) -> None:
        super().__delitem__(place)
        self.invalidate()

    def __iadd__(self, routes: Iterable[BaseRoute], /) -> RouteList:  # type: ignore[override, misc]
        self.extend(routes)
        return self

    def __imul__(self, times: SupportsIndex, /) -> RouteList:
        super().__imul__(times)
        self.invalidate()
        return self

    # Without the lookups, which hold functions that cannot be pickled.
    def __reduce__(self) -> tuple[Any, ...]:
        return RouteList, (list(self),)
