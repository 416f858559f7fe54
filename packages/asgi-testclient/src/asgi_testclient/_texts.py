"""Values and ASGI messages as errors and reports show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LISTED = 6


def shortened(value: object, limit: int = 80) -> str:
    """Return the repr of a value, cut at so many characters."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def shown(value: object) -> str:
    """Return the repr of a value, cut at 80 characters, and its type."""
    return shortened(value) if value is None else f"{shortened(value)} ({type(value).__name__})"


def request_line(scope: Mapping[str, Any]) -> str:
    """Return what a scope is of: `GET /path`, `WebSocket /path` or `lifespan`."""
    kind = scope.get("type")
    if kind == "http":
        return f"{scope.get('method', 'a request of')} {scope.get('path')}"
    return f"WebSocket {scope.get('path')}" if kind == "websocket" else str(kind)


def in_brief(message: Any) -> str:
    """Return the type of a message, with its status or the size of its body."""
    if not isinstance(message, dict):
        return repr(message)
    kind = message.get("type", "?")
    if kind == "http.response.start":
        return f"{kind}({message.get('status')})"
    if "body" in message or kind in ("http.request", "http.response.body"):
        body = message.get("body", b"")
        size = f"{len(body)} bytes" if isinstance(body, (bytes, bytearray, memoryview)) else f"{body!r}"
        return f"{kind}({size}, {'more to come' if message.get('more_body') else 'complete'})"
    return str(kind)


def in_full(direction: str, message: Any) -> str:
    """Return the line of a report on one message, with all its fields."""
    if not isinstance(message, dict):
        return f"{direction:>7} {shortened(message, 200)}"
    fields = (f"{key}={shortened(value, 200)}" for key, value in message.items() if key != "type")
    return " ".join([f"{direction:>7}", str(message.get("type")), *fields])


def listed(texts: list[str]) -> str:
    """Return some texts as one; of a long list only the ends."""
    if len(texts) > LISTED:
        texts = [*texts[:3], f"... {len(texts) - 5} more ...", *texts[-2:]]
    return ", ".join(texts) or "nothing"
