"""The exceptions and warnings of routing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["InvalidParameter", "NoMatchFound", "RouteWarning"]


class NoMatchFound(Exception):
    """Raised if no route has the name, or no route of that name takes exactly these parameters.

    `missing` and `unexpected` name parameters of the nearest route of that name; `reason` says why a value was refused.
    """

    def __init__(
        self,
        name: str,
        path_params: Mapping[str, Any],
        *,
        missing: Iterable[str] = (),
        unexpected: Iterable[str] = (),
        reason: str = "",
    ) -> None:
        self.name = name
        self.path_params = dict(path_params)
        self.missing = tuple(missing)
        self.unexpected = tuple(unexpected)
        self.reason = reason
        parts = [f'No route exists for name "{name}" and params "{", ".join(path_params)}".']
        parts += [f'Missing: "{key}".' for key in self.missing]
        parts += [f'Unexpected: "{key}".' for key in self.unexpected]
        super().__init__(" ".join([*parts, reason] if reason else parts))

    @property
    def specificity(self) -> int:
        """The similarity of the nearest route: 2 if a value was refused, 1 if parameters differ, 0 if no name fits."""
        if self.reason:
            return 2
        return 1 if self.missing or self.unexpected else 0

    def renamed(self, name: str, path_params: Mapping[str, Any]) -> NoMatchFound:
        """Return the same finding for the name and parameters that the caller asked for."""
        return type(self)(name, path_params, missing=self.missing, unexpected=self.unexpected, reason=self.reason)

    # An exception is pickled by its `args`, which are the message; keyword arguments would be lost.
    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.name, self.path_params, self.missing, self.unexpected, self.reason)


class InvalidParameter(NoMatchFound, AssertionError, ValueError):
    """Raised if a convertor refuses the value of a parameter.

    Convertors refuse values with an AssertionError or a ValueError: code that catches one of these catches this too.
    """


class RouteWarning(UserWarning):
    """A warning about a route that can never serve what it was written for."""


def _rebuild(
    kind: type[NoMatchFound],
    name: str,
    path_params: dict[str, Any],
    missing: tuple[str, ...],
    unexpected: tuple[str, ...],
    reason: str,
) -> NoMatchFound:
    return kind(name, path_params, missing=missing, unexpected=unexpected, reason=reason)
