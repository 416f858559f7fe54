"""The token of a form, read from the first bytes of the body; the application still receives the whole body."""

from __future__ import annotations

import re
from collections import deque
from urllib.parse import unquote_plus

from .._headers import first_value
from ..types import Message, Receive, Scope

_DISPOSITION = re.compile(rb'content-disposition:[^\r\n]*?;[ \t]*name="?([^"\r\n;]*)"?', re.IGNORECASE)


class FormReader:
    """A `receive` that reads ahead up to a limit and replays what it read to the application."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._messages: deque[Message] = deque()

    async def receive(self) -> Message:
        return self._messages.popleft() if self._messages else await self._receive()

    async def find(self, scope: Scope, field: str) -> str | None:
        """Return the value of a form field that stands within the first bytes of the body, or None."""
        kind = (first_value(scope.get("headers", ()), b"content-type") or b"").lower().partition(b";")[0].strip()
        if kind == b"application/x-www-form-urlencoded":
            return _urlencoded_field(await self._beginning(), field)
        if kind == b"multipart/form-data":
            return _multipart_field(await self._beginning(), field.encode())
        return None

    async def _beginning(self) -> bytes:
        # One message is kept: many small ones would take far more memory than their bytes.
        body, messages, more = bytearray(), 0, True
        while more and len(body) + messages < self._limit:
            message = await self._receive()
            if message["type"] != "http.request":
                self._messages.append(message)
                break
            body += message.get("body", b"")
            messages += 1  # each counts, or a client could send empty chunks without end
            more = message.get("more_body", False)
        self._messages.appendleft({"type": "http.request", "body": bytes(body), "more_body": more})
        return bytes(body[: self._limit])


def _urlencoded_field(body: bytes, field: str) -> str | None:
    for pair in body.split(b"&"):
        name, _, value = pair.partition(b"=")
        if unquote_plus(name.decode("latin-1")) == field:
            return unquote_plus(value.decode("latin-1"))
    return None


def _multipart_field(body: bytes, field: bytes) -> str | None:
    """Return the content of a part: a head, an empty line, then the content (RFC 7578 §4)."""
    # The boundary is not parsed: splitting at every CRLF "--" finds the same fields. A value that imitates a boundary
    # could add a field, but an attacker would need a valid token to put into it.
    for part in body.split(b"\r\n--"):
        head, separator, content = part.partition(b"\r\n\r\n")
        found = _DISPOSITION.search(head[:1000]) if separator else None
        if found is not None and found[1] == field:
            return content.partition(b"\r\n")[0].decode("latin-1")
    return None
