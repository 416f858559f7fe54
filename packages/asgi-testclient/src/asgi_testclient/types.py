"""The ASGI interface as types: the connection scope, the two callables of a server, and an application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# As wide as the specification: frameworks spell scope, receive and send in types of their own.
ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]
