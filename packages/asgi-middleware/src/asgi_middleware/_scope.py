"""The request headers and the path of a scope, for middleware that reads them before the application does.

Rule: keys are added to the scope in place, so that outer middleware sees them. A middleware that changes a key that
outer code uses (`path`, `headers`, `scheme`, ...) copies the scope first.
"""

from __future__ import annotations

from typing import Protocol

from ._headers import RawHeaders
from .types import Receive, Scope

_BODY_KEY = "asgi_requests.body"


class SharedBody(Protocol):
    """The protocol of `scope["asgi_requests.body"]`, which keeps the messages that Requests have read."""

    def replay(self, receive: Receive, /) -> Receive:
        """Return a receive that first replays the messages read from `receive`, then continues with it."""
        ...


def unread(scope: Scope, receive: Receive) -> Receive:
    """Return a receive that begins with what an outer Request has read, for middleware that reads or wraps `receive`.

    Inner Requests share what was read through the same `receive` only; through another they would wait for a body that
    has been taken.
    """
    shared: SharedBody | None = scope.get(_BODY_KEY)
    return receive if shared is None else shared.replay(receive)


def request_headers(scope: Scope) -> RawHeaders:
    """Return the headers of a scope in a form that can be read again.

    ASGI allows any iterable. An iterator would be empty after its first reader, so a list of the same pairs replaces it
    in the scope itself, where every later reader finds it.
    """
    headers: RawHeaders = scope.get("headers", ())
    if headers.__class__ is not list and iter(headers) is headers:
        headers = scope["headers"] = list(headers)
    return headers


def path_below_root(scope: Scope) -> str:
    """Return the path without the `root_path` that it begins with (ASGI, HTTP connection scope)."""
    path: str = scope["path"]
    root = scope.get("root_path", "").rstrip("/")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path
