"""An event as it is sent, and the id of the last one that a client has seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .._render import render_json
from .._text import encode_text

# A browser ends a line at these alone: U+2028 and the others of str.splitlines() belong to the text.
_LINE_END = re.compile(r"\r\n|\r|\n")
_ends_line = re.compile(r"[\r\n]").search


@dataclass(frozen=True, slots=True, init=False)
class ServerSentEvent:
    """An event: `data` is text, or what JSON can hold; None sends no data, and a browser dispatches nothing.

    An `id` without data moves the last id of the client; `retry` is in milliseconds; a number is a good `id`. Raises
    ValueError for a line end in `event` or `id`, NUL in `id`, and a `retry` that is not a whole number from 0.
    """

    data: Any
    event: str | None
    id: str | None
    retry: int | None
    comment: str | None

    def __init__(
        self,
        data: Any = None,
        event: str | None = None,
        id: str | int | None = None,
        retry: int | None = None,
        comment: str | None = None,
    ) -> None:
        if event is not None and not event.isprintable() and _ends_line(event):
            raise ValueError(f"event={event!r}: a line end cannot be sent in this field")
        name = None if id is None else str(id)
        # Browsers ignore an id with NUL: they would come back with the one before.
        if name is not None and not name.isprintable() and ("\0" in name or _ends_line(name)):
            raise ValueError(f"id={id!r}: a line end or NUL cannot be sent in this field")
        if retry is not None and (type(retry) is not int or retry < 0):
            raise ValueError(f"retry={retry!r}: a whole number of milliseconds, 0 or more")
        _set_data(self, data)
        _set_event(self, event)
        _set_id(self, name)
        _set_retry(self, retry)
        _set_comment(self, comment)

    def encode(self, render: Callable[[Any], bytes] = render_json) -> bytes:
        """Return the event as it is sent, with the empty line that ends it.

        `render` turns data that is not text into JSON, as JSONResponse.render does by default.
        """
        data = self.data
        head = ""
        if self.comment is not None:
            head = "".join([f": {line}\n" for line in _LINE_END.split(self.comment)])
        if self.event is not None:
            head += f"event: {self.event}\n"
        if self.id is not None:
            head += f"id: {self.id}\n"
        if self.retry is not None:
            head += f"retry: {self.retry}\n"
        if data is None:
            return encode_text(head + "\n")
        return encode_data(data, render, head)


_set_data, _set_event, _set_id, _set_retry, _set_comment = (
    ServerSentEvent.__dict__[name].__set__ for name in ("data", "event", "id", "retry", "comment")
)


def encode_data(data: object, render: Callable[[Any], bytes] = render_json, head: str = "") -> bytes:
    """Return an event of fields that are written already and of data: text, or what JSON can hold."""
    if not isinstance(data, str):
        rendered = render(data)
        if b"\n" not in rendered and b"\r" not in rendered:
            return b"%bdata: %b\n\n" % (encode_text(head), rendered)
        data = rendered.decode()  # an encoder that indents
    if "\n" in data or "\r" in data:
        data = _LINE_END.sub("\ndata: ", data)
    return encode_text(f"{head}data: {data}\n\n")


def last_event_id(scope: Mapping[str, Any], *, max_length: int = 1024) -> str | None:
    """Return the id of the last event that a reconnecting client has seen, or None; a Request does for a scope.

    No server has given a client an empty id, one with NUL, one that is not UTF-8 or is longer than `max_length` bytes,
    or two of them: they are None as well.
    """
    found = [bytes(value) for name, value in scope.get("headers", ()) if name.lower() == b"last-event-id"]
    if len(found) != 1 or not 0 < len(found[0]) <= max_length or b"\0" in found[0]:
        return None
    try:
        return found[0].decode()
    except UnicodeDecodeError:
        return None
