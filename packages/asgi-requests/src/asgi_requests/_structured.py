"""Structured fields (RFC 9651), read by http-sf; the only module that needs it."""

from __future__ import annotations

from typing import Any, Literal

Kind = Literal["item", "list", "dictionary"]

_ABSENT: dict[str, Any] = {"item": lambda: None, "list": list, "dictionary": dict}
"""The value of a field that is not there: an empty list or dictionary is written by leaving the field out (§3.1)."""


def read_structured(values: list[bytes], kind: Kind) -> Any:
    """Return the value of a field that has come in these lines; one that is malformed is as one that is absent (§4.2).

    Raises ValueError for an unknown kind, ImportError where http-sf is not installed.
    """
    if kind not in _ABSENT:
        raise ValueError(f"A structured field is an 'item', 'list' or 'dictionary', not {kind!r}")
    try:
        import http_sf
    except ImportError as exc:
        raise ImportError("structured fields need http-sf: pip install asgi-requests[structured-fields]") from exc
    if not values:
        return _ABSENT[kind]()
    try:
        return http_sf.parse(b", ".join(values), tltype=kind)
    except http_sf.StructuredFieldError:
        return _ABSENT[kind]()
