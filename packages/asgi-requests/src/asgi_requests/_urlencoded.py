"""Forms in application/x-www-form-urlencoded, split chunk by chunk and within limits."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import ClassVar
from urllib.parse import unquote

from ._charset import decode_text, text_codec
from ._query import split_form
from .exceptions import MultiPartException
from .headers import Headers
from .multidict import FormData


class FormTooLarge(MultiPartException):
    """A form beyond a limit of number or size (RFC 9110 §15.5.14); `status` is for all of the class."""

    status: ClassVar[int] = 413

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.status_code = self.status


class FormParser:
    """A parser of urlencoded bodies; `;` is data, not a separator (WHATWG URL §5.1).

    `max_part_size` is the size of one field in bytes, name and value as they are sent; `max_memory_size` of them all.
    Raises MultiPartException (413) for a body beyond a limit, before more of it is kept.
    """

    max_memory_size: ClassVar[int] = 32 * 1024 * 1024

    def __init__(
        self,
        headers: Headers,
        stream: AsyncIterator[bytes],
        *,
        max_fields: int | float = 1000,
        max_part_size: int = 1024 * 1024,
    ) -> None:
        self.headers = headers
        self.stream = stream
        self.max_fields = max_fields
        self.max_part_size = max_part_size
        self._items: list[tuple[str, str]] = []
        self._codec = text_codec(headers.get("content-type", ""))
        self._tail = bytearray()
        self._size = 0

    async def parse(self) -> FormData:
        """Return the fields, in order."""
        held = b""
        try:
            async for chunk in self.stream:
                if chunk:
                    if held:
                        self._feed(held)
                    held = chunk
        except BaseException:
            # A form that is refused leaves a stream half read: its generator would be closed by the garbage collector.
            await close_stream(self.stream)
            raise
        if self._tail:
            self._feed(held)
            held = bytes(self._tail)
        self._take(held)
        return FormData.from_pairs(self._items)

    def _feed(self, chunk: bytes) -> None:
        start = chunk.find(b"&")
        if start < 0:
            return self._hold(chunk)
        # Whole fields are split at once, in C; only what crosses the border of two chunks is copied and held.
        end = chunk.rfind(b"&")
        if self._tail:
            self._hold(chunk[:start])
            self._take(bytes(self._tail))
            self._tail.clear()
            start += 1
        else:
            start = 0
        self._take(chunk[start:end])
        return self._hold(chunk[end + 1 :])

    def _hold(self, piece: bytes) -> None:
        """Keep the beginning of a field until its end arrives; the `=` does not count towards its size."""
        # Checked while it grows: a field without an end must not fill the memory before it is refused.
        if len(self._tail) + len(piece) > self.max_part_size + 1:
            raise self._too_large()
        self._tail += piece

    def _take(self, fields: bytes) -> None:
        """Add whole fields, which are checked one by one only where a limit could be passed."""
        self._size += len(fields)
        pairs = split_form(fields, self._codec, self.max_fields - len(self._items), self.max_part_size)
        if pairs is not None:
            self._items += pairs
        else:
            for field in self._checked(fields):
                self._add(field)
        limit = max(self.max_memory_size, self.max_part_size)
        if self._size > limit:
            raise FormTooLarge(f"Fields exceeded maximum size of {limit // 1024}KB.")

    def _add(self, field: bytes) -> None:
        # `+` is a space only before percent-decoding: `%2B` stays a plus (WHATWG URL §5.1).
        raw_name, _, raw_value = field.replace(b"+", b" ").partition(b"=")
        self._items.append((self._text(raw_name), self._text(raw_value)))

    def _text(self, raw: bytes) -> str:
        # Bytes that are not text in the codec become U+FFFD, as browsers' own parsers do (WHATWG URL §5.1).
        return unquote(decode_text(raw, self._codec), self._codec, "replace")

    def _checked(self, fields: bytes) -> Iterator[bytes]:
        start = 0
        while start <= len(fields):
            end = fields.find(b"&", start)
            if end < 0:
                end = len(fields)
            if end > start:
                # Counted before it is kept: a body of nothing but `a&a&a` has a field for every two bytes.
                if len(self._items) >= self.max_fields:
                    raise FormTooLarge(f"Too many fields. Maximum number of fields is {self.max_fields}.")
                if end - start > self.max_part_size + (fields.find(b"=", start, end) >= 0):
                    raise self._too_large()
                yield fields[start:end]
            start = end + 1

    def _too_large(self) -> FormTooLarge:
        return FormTooLarge(f"Field exceeded maximum size of {int(self.max_part_size / 1024)}KB.")


async def close_stream(stream: AsyncIterator[bytes]) -> None:
    """Close a stream that is not read to its end, if it can be closed: trio warns of generators that are left open."""
    if isinstance(stream, AsyncGenerator):
        await stream.aclose()
