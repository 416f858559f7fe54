"""Readings of a scope that routing needs."""

from __future__ import annotations

import re

from .types import Scope

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.~!$&'()*+,;=%-]+)(?::([0-9]*))?", re.ASCII)


def host_header(scope: Scope) -> str | None:
    """The Host header as it was sent, or None where it is missing, sent twice or malformed (RFC 9110 §7.2)."""
    values = [value for name, value in scope.get("headers", ()) if name.lower() == b"host"]
    if len(values) != 1:
        return None
    text = values[0].decode("latin-1")
    return text if _HOST.fullmatch(text) else None


def host_name(scope: Scope) -> str | None:
    """The host that the request names, without its port; an IPv6 address keeps its brackets."""
    text = host_header(scope)
    found = None if text is None else _HOST.fullmatch(text)
    return None if found is None else found[1]
