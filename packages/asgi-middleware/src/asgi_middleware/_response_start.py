"""The head of a response on its way, to read and to change without touching what the application keeps."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from ._headers import merge_vary, without
from .types import Message


class ResponseHeaders(MutableMapping[str, str]):
    """The headers of a response to read and to change; the application's own list stays as it is.

    Names are compared in any case. Reading gives the first value; setting replaces all of that name.
    """

    __slots__ = ("changed", "raw")

    def __init__(self, raw: Any) -> None:
        self.raw: list[Any] = raw if isinstance(raw, list) else list(raw)
        self.changed = False

    def __getitem__(self, name: str) -> str:
        key = name.lower().encode("latin-1")
        for field, value in self.raw:
            if field.lower() == key:
                return str(value, "latin-1")
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        key = name.lower().encode("latin-1")
        self.raw = [pair for pair in self.raw if pair[0].lower() != key]
        self.raw.append((key, value.encode("latin-1")))
        self.changed = True

    def __delitem__(self, name: str) -> None:
        kept = without(self.raw, name.lower().encode("latin-1"))
        if len(kept) == len(self.raw):
            raise KeyError(name)
        self.raw = kept
        self.changed = True

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(field.lower() == name.lower().encode("latin-1") for field, _ in self.raw)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(str(field, "latin-1").lower() for field, _ in self.raw))

    def __len__(self) -> int:
        return len({field.lower() for field, _ in self.raw})

    def getlist(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        key = name.lower().encode("latin-1")
        return [str(value, "latin-1") for field, value in self.raw if field.lower() == key]

    def append(self, name: str, value: str) -> None:
        """Add a line and keep those of the same name, as for Set-Cookie."""
        self.raw = [*self.raw, (name.lower().encode("latin-1"), value.encode("latin-1"))]
        self.changed = True

    def add_vary(self, *names: str) -> None:
        """Name request headers that the response depends on, none twice (RFC 9110 §12.5.5)."""
        self.raw = merge_vary(self.raw, *(name.encode("latin-1") for name in names))
        self.changed = True


class ResponseStart:
    """The head of a response on its way: what `start = yield` gives, to read and to change until the next `yield`."""

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
        self.message = {**self.message, "status": status}

    @property
    def headers(self) -> ResponseHeaders:
        """The headers of the response."""
        if self._headers is None:
            self._headers = ResponseHeaders(self.message.get("headers", ()))
        return self._headers

    def changed_message(self) -> Message:
        """The application's own message where nothing was changed, or a new one."""
        headers = self._headers
        if headers is None or (not headers.changed and headers.raw is self.message.get("headers")):
            return self.message
        return {**self.message, "headers": headers.raw}
