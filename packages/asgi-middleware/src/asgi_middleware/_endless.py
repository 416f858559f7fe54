"""Responses that never end by themselves, known by their Content-Type."""

from __future__ import annotations

from ._headers import first_value
from .types import Message, Scope

_TYPES = (b"text/event-stream", b"multipart/x-mixed-replace")


def is_endless(scope: Scope, start: Message) -> bool:
    """Return whether a response is one that never ends by itself, by its Content-Type.

    The headers are read: give a message that has been through `with_lasting_headers`.
    """
    kind = first_value(start.get("headers", ()), b"content-type") or b""
    return kind.partition(b";")[0].strip().lower() in _TYPES


def with_lasting_headers(message: Message) -> Message:
    """Return a message whose headers can be read more than once: itself, or a copy with a list of them."""
    headers = message.get("headers", ())
    return message if isinstance(headers, (list, tuple)) else {**message, "headers": list(headers)}
