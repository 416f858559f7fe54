"""The head of a response, which can be changed without changing the application's own message."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from .._headers import TOKEN, encode_name, encode_value, merge_vary, without
from ..types import Message


class ResponseHeaders(MutableMapping[str, str]):
    """The headers of a response as a mutable mapping; the application's own list is not changed.

    Names are case-insensitive. Reading returns the first value; setting replaces all values of that name.
    Raises ValueError for a name or a value that is not valid in a header (RFC 9110 §5.1, §5.5).
    """

    __slots__ = ("changed", "raw")

    def __init__(self, raw: Any) -> None:
        self.raw: list[Any] = raw if isinstance(raw, list) else list(raw)
        self.changed = False

    def __getitem__(self, name: str) -> str:
        key = _key(name)
        for field, value in self.raw:
            if field.lower() == key:
                return str(value, "latin-1")
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        pair = encode_name(name), encode_value(name, value)
        # A new list: an application may send the same list object with every response.
        self.raw = [*without(self.raw, pair[0]), pair]
        self.changed = True

    def __delitem__(self, name: str) -> None:
        kept = without(self.raw, _key(name))
        if len(kept) == len(self.raw):
            raise KeyError(name)
        self.raw = kept
        self.changed = True

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(field.lower() == _key(name) for field, _ in self.raw)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(str(field, "latin-1").lower() for field, _ in self.raw))

    def __len__(self) -> int:
        return len({field.lower() for field, _ in self.raw})

    def getlist(self, name: str) -> list[str]:
        """Return every value of a header, in order."""
        key = _key(name)
        return [str(value, "latin-1") for field, value in self.raw if field.lower() == key]

    def append(self, name: str, value: str) -> None:
        """Add a line and keep those of the same name, as for Set-Cookie."""
        self.raw = [*self.raw, (encode_name(name), encode_value(name, value))]
        self.changed = True

    def add_vary(self, *names: str) -> None:
        """Add the names of request headers that the response depends on, each once (RFC 9110 §12.5.5)."""
        for name in names:
            if not TOKEN.fullmatch(name):
                raise ValueError(f"invalid header name: {name!r}")
        if names:
            self.raw = merge_vary(self.raw, *(name.encode("latin-1") for name in names))
            self.changed = True


class ResponseStart:
    """The head of a response, as returned by `start = yield`; it can be changed until the next `yield`."""

    __slots__ = ("_headers", "message")

    def __init__(self, message: Message) -> None:
        self.message = message
        self._headers: ResponseHeaders | None = None

    @property
    def status(self) -> int:
        """The status of the response."""
        status: int = self.message["status"]
        return status

    @status.setter
    def status(self, status: int) -> None:
        if not isinstance(status, int):
            raise TypeError(f"the status must be an int, not {status!r}")
        self.message = {**self.message, "status": int(status)}

    @property
    def headers(self) -> ResponseHeaders:
        """The headers of the response."""
        if self._headers is None:
            self._headers = ResponseHeaders(self.message.get("headers", ()))
        return self._headers

    def changed_message(self) -> Message:
        """Return the application's own message if nothing was changed, otherwise a new one."""
        headers = self._headers
        if headers is None or (not headers.changed and headers.raw is self.message.get("headers")):
            return self.message
        return {**self.message, "headers": headers.raw}


def _key(name: str) -> bytes:
    """Return a name in lower case for comparison; a name that is not latin-1 matches no header."""
    return name.lower().encode("latin-1", "replace")
