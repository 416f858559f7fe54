"""Messages that a request sends ahead of its response: pushes (RFC 9113 §8.4) and early hints (RFC 8297)."""

from __future__ import annotations

from collections.abc import Iterable

from .._fields import encode_value, refuse_control_characters
from ..headers import Headers
from ..types import Message

SERVER_PUSH_HEADERS_TO_COPY = {"accept", "accept-encoding", "accept-language", "cache-control", "user-agent"}


def push_message(path: str, request_headers: Headers) -> Message:
    """Return the message that pushes a path as if the client had asked for it with these headers."""
    refuse_control_characters(path)
    headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name in sorted(SERVER_PUSH_HEADERS_TO_COPY)
        for value in request_headers.getlist(name)
    ]
    return {"type": "http.response.push", "path": path, "headers": headers}


def early_hint_message(links: Iterable[str]) -> Message:
    """Return the message that sends Link values."""
    return {"type": "http.response.early_hint", "links": [encode_value(link) for link in links]}
