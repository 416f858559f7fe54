"""What routing raises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class NoMatchFound(Exception):
    """Raised where no route has the name, or takes just these parameters.

    `missing` and `surplus` name parameters of the route that has the name; `reason` says why a value was refused.
    """

    def __init__(
        self,
        name: str,
        path_params: Mapping[str, Any],
        *,
        missing: Iterable[str] = (),
        surplus: Iterable[str] = (),
        reason: str = "",
    ) -> None:
        self.name = name
        self.path_params = dict(path_params)
        self.missing = tuple(missing)
        self.surplus = tuple(surplus)
        self.reason = reason
        parts = [f'No route exists for name "{name}" and params "{", ".join(path_params)}".']
        parts += [f'Missing: "{key}".' for key in self.missing]
        parts += [f'Surplus: "{key}".' for key in self.surplus]
        super().__init__(" ".join([*parts, reason] if reason else parts))

    @property
    def nearness(self) -> int:
        """How near a route was: 2 where only a value was refused, 1 where the parameters differ, 0 for none."""
        if self.reason:
            return 2
        return 1 if self.missing or self.surplus else 0

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.name, self.path_params, self.missing, self.surplus, self.reason)


def _rebuild(
    name: str, path_params: dict[str, Any], missing: tuple[str, ...], surplus: tuple[str, ...], reason: str
) -> NoMatchFound:
    return NoMatchFound(name, path_params, missing=missing, surplus=surplus, reason=reason)
