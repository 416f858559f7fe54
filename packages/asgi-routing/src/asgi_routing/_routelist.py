"""The list of a router's routes, which knows its compiled form and forgets it when it changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, SupportsIndex

from ._matcher import Matcher
from .routes import BaseRoute


class RouteList(list[BaseRoute]):
    """A plain list to its users; `http` and `websocket` are its compiled lookups, or None.

    The attributes of a route are read when the list is compiled, at the first request after a change of the list.
    """

    __slots__ = ("http", "websocket")

    http: Matcher | None
    websocket: Matcher | None

    def __init__(self, routes: Iterable[BaseRoute] = ()) -> None:
        super().__init__(routes)
        self.forget()

    def compile(self, kind: str) -> Matcher:
        """The lookup for scopes of type `kind`, built anew."""
        matcher = Matcher(self, kind)
        setattr(self, kind, matcher)
        return matcher

    def forget(self) -> None:
        """Drop the compiled lookups, as a change of the list does; call it after a route itself was changed."""
        self.http = self.websocket = None

    def append(self, route: BaseRoute, /) -> None:
        super().append(route)
        self.forget()

    def extend(self, routes: Iterable[BaseRoute], /) -> None:
        super().extend(routes)
        self.forget()

    def insert(self, place: SupportsIndex, route: BaseRoute, /) -> None:
        super().insert(place, route)
        self.forget()

    def remove(self, route: BaseRoute, /) -> None:
        super().remove(route)
        self.forget()

    def pop(self, place: SupportsIndex = -1, /) -> BaseRoute:
        self.forget()
        return super().pop(place)

    def clear(self) -> None:
        super().clear()
        self.forget()

    def reverse(self) -> None:
        super().reverse()
        self.forget()

    def sort(self, **order: Any) -> None:
        super().sort(**order)
        self.forget()

    def __setitem__(self, place: Any, route: Any) -> None:
        super().__setitem__(place, route)
        self.forget()

    def __delitem__(self, place: SupportsIndex | slice) -> None:
        super().__delitem__(place)
        self.forget()

    def __iadd__(self, routes: Iterable[BaseRoute], /) -> RouteList:  # type: ignore[override, misc]
        self.extend(routes)
        return self

    def __imul__(self, times: SupportsIndex, /) -> RouteList:
        super().__imul__(times)
        self.forget()
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return RouteList, (list(self),)
