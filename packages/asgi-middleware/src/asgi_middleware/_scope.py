"""The request headers and the path of a scope, for middleware that reads them before the application does.

Rule: keys are added to the scope in place, so that outer middleware sees them. A middleware that changes a key that
outer code uses (`path`, `headers`, `scheme`, ...) copies the scope first.
"""

from __future__ import annotations

from ._headers import RawHeaders, first_value
from .types import Scope

_INDEX_KEY = "asgi_middleware.header_index"


def request_headers(scope: Scope) -> RawHeaders:
    """Return the headers of a scope in a form that can be read again.

    ASGI allows any iterable. An iterator would be empty after its first reader, so a list of the same pairs replaces it
    in the scope itself, where every later reader finds it.
    """
    headers: RawHeaders = scope.get("headers", ())
    if headers.__class__ is not list and iter(headers) is headers:
        headers = scope["headers"] = list(headers)
    return headers


def header_index(scope: Scope) -> dict[bytes, list[bytes]]:
    """Return the values of the request headers by name, in lower case: adjacent middlewares share one look.

    The index is kept in the scope, with a copy of the pairs that it was made from: if `headers` is changed in place, or
    replaced in a copy of the scope, it is indexed again.
    """
    headers = request_headers(scope)
    known = scope.get(_INDEX_KEY)
    if known is not None and known[0] == headers:
        index: dict[bytes, list[bytes]] = known[1]
        return index
    index = {}
    pairs = [*map(tuple, headers)]  # immutable: pairs that are lists never compare equal, and are indexed each time
    for name, value in pairs:
        lower = name.lower()  # ASGI requires lower case, but two spellings must not pass for two different fields
        if lower in index:
            index[lower].append(value)
        else:
            index[lower] = [value]
    scope[_INDEX_KEY] = pairs, index
    return index


def first_header(scope: Scope, name: bytes) -> bytes | None:
    """Return the first value of a request header, or None: from the index if there is one, `name` in lower case."""
    if _INDEX_KEY not in scope:
        return first_value(request_headers(scope), name)
    values = header_index(scope).get(name)
    return values[0] if values else None


def path_below_root(scope: Scope) -> str:
    """Return the path without the `root_path` that it begins with (ASGI, HTTP connection scope)."""
    path: str = scope["path"]
    root = scope.get("root_path", "").rstrip("/")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path
