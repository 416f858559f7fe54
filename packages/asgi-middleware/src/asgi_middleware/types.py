"""The ASGI interface as types: the connection scope, the two callables of a server, and an application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

# As wide as the specification: frameworks spell these in types of their own, TypedDicts among them, which do
# not match MutableMapping. An application written with these types fits wherever theirs do, and the reverse.
Scope = MutableMapping[str, Any] | Any
Message = MutableMapping[str, Any] | Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Any], Awaitable[None]]
ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]
