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


class AllowTable(dict[frozenset[str], AllowedMethods]):
    """AllowedMethods by the set of them: as many as the routes of a table combine to."""

    def __missing__(self, methods: frozenset[str]) -> AllowedMethods:
        allowed = self[methods] = AllowedMethods(methods)
        return allowed
