"""Responses that never end by themselves, recognised by their Content-Type."""

from __future__ import annotations

from ._headers import first_value
from .types import Message, Scope

_TYPES = (b"text/event-stream", b"multipart/x-mixed-replace")  # server-sent events, and the video of webcams


def is_endless(scope: Scope, start: Message) -> bool:
    """Return whether a response never ends by itself, by its Content-Type.

    The headers are iterated, so pass a message from `with_lasting_headers`.
    """
    kind = first_value(start.get("headers", ()), b"content-type")
    return kind is not None and kind.partition(b";")[0].strip().lower() in _TYPES


def with_lasting_headers(message: Message) -> Message:
    """Return a message whose headers can be read more than once: the same message, or a copy with a list of them."""
    headers = message.get("headers", ())
    return message if isinstance(headers, (list, tuple)) else {**message, "headers": list(headers)}
