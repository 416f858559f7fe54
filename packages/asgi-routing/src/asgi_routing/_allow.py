"""The methods that a path allows, made into a header field once for each set of them and not for each request."""

from __future__ import annotations

from collections.abc import Iterable


class AllowedMethods(tuple[str, ...]):
    """The methods that a path allows, sorted; `field` is the Allow of a response (RFC 9110 §10.2.1)."""

    field: tuple[bytes, bytes]

    def __new__(cls, methods: Iterable[str] = ()) -> AllowedMethods:
        allowed = super().__new__(cls, sorted(methods))
        allowed.field = (b"allow", ", ".join(allowed).encode("latin-1", "replace"))
        return allowed


class JoinedMethods(dict[tuple[AllowedMethods, AllowedMethods], AllowedMethods]):
    """The methods of two sets together, joined once for each pair; the routes of a table, not clients, bound them."""

    def __missing__(self, pair: tuple[AllowedMethods, AllowedMethods]) -> AllowedMethods:
        joined = self[pair] = AllowedMethods({*pair[0], *pair[1]})
        return joined
