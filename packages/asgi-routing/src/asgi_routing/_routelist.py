"""The list of a router's routes, which knows its compiled form and forgets it when it changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, SupportsIndex

from ._matcher import Matcher
from .routes import BaseRoute


class RouteList(list[BaseRoute]):
    """A plain list to its users; `matchers` holds the compiled lookups by type of scope.

    The attributes of a route are read when the list is compiled, at the first request after a change of the list.
    """

    __slots__ = ("matchers",)

    def __init__(self, routes: Iterable[BaseRoute] = ()) -> None:
        super().__init__(routes)
        self.matchers: dict[str, Matcher] = {}

    def compile(self, kind: str) -> Matcher:
        """The lookup for scopes of type `kind`, built anew."""
        matcher = self.matchers[kind] = Matcher(self, kind)
        return matcher

    def append(self, route: BaseRoute, /) -> None:
        super().append(route)
        self.matchers.clear()

    def extend(self, routes: Iterable[BaseRoute], /) -> None:
        super().extend(routes)
        self.matchers.clear()

    def insert(self, place: SupportsIndex, route: BaseRoute, /) -> None:
        super().insert(place, route)
        self.matchers.clear()

    def remove(self, route: BaseRoute, /) -> None:
        super().remove(route)
        self.matchers.clear()

    def pop(self, place: SupportsIndex = -1, /) -> BaseRoute:
        self.matchers.clear()
        return super().pop(place)

    def clear(self) -> None:
        super().clear()
        self.matchers.clear()

    def reverse(self) -> None:
        super().reverse()
        self.matchers.clear()

    def sort(self, **order: Any) -> None:
        super().sort(**order)
        self.matchers.clear()

    def __setitem__(self, place: Any, route: Any) -> None:
        super().__setitem__(place, route)
        self.matchers.clear()

    def __delitem__(self, place: SupportsIndex | slice) -> None:
        super().__delitem__(place)
        self.matchers.clear()

    def __iadd__(self, routes: Iterable[BaseRoute], /) -> RouteList:  # type: ignore[override, misc]
        self.extend(routes)
        return self

    def __imul__(self, times: SupportsIndex, /) -> RouteList:
        super().__imul__(times)
        self.matchers.clear()
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return RouteList, (list(self),)
