"""The feed of python-multipart: what it is given of a body, and what its callbacks collect of a part's head.

Rule: only this file knows python-multipart. A form that is kept (`forms`) and parts that are streamed (`parts`) are fed
through it alike, so that they read the same grammar and raise the same errors.
"""

from __future__ import annotations

from typing import Any, Protocol

from ._charset import decode_text, text_codec
from ._disposition import extended_filename, plain_names
from ._preamble import Preamble
from .exceptions import MultiPartException
from .headers import Headers

_CALLBACKS = (
    "on_part_begin",
    "on_part_end",
    "on_header_field",
    "on_header_value",
    "on_header_end",
    "on_headers_finished",
    "on_end",
)


class Head(Protocol):
    """The head of a part while it is parsed."""

    content_disposition: bytes | None
    item_headers: list[tuple[bytes, bytes]]


class PartCallbacks:
    """The callbacks that collect the head of a part; a subclass sets `_part` when one begins, and adds the others."""

    _part: Head
    _codec = "utf-8"
    _ended = False
    # The chunk that is being parsed, and whether the last one ended within a part of which nothing is held back.
    _chunk = b""
    _within_data = False

    def __init__(self) -> None:
        self._header_name = bytearray()
        self._header_value = bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        """Collect the name of a header."""
        self._header_name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        """Collect the value of a header."""
        # python-multipart limits the size of a header and their number, and this with them.
        self._header_value += data[start:end]

    def on_header_end(self) -> None:
        """Keep a header of the part."""
        name = bytes(self._header_name.lower())
        value = bytes(self._header_value)
        if name == b"content-disposition":
            self._part.content_disposition = value
        self._part.item_headers.append((name, value))
        self._header_name.clear()
        self._header_value.clear()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Take a piece of the part's content."""

    def _note_data(self, data: bytes, start: int, end: int) -> None:
        # Data up to the very end of the chunk: python-multipart holds no beginning of a delimiter back.
        self._within_data = data is self._chunk and end == len(data)
        self.on_part_data(data, start, end)

    def on_end(self) -> None:
        """Note the closing boundary."""
        self._ended = True

    def _names(self) -> tuple[str, str | None]:
        """Return the name of the part and that of its file; raises MultiPartException where it has no name."""
        disposition = self._part.content_disposition or b""
        plain = plain_names(disposition)
        if plain is not None:
            name, filename = plain.groups()
        else:
            options = load_library().parse_options_header(disposition)[1]
            name, filename = options.get(b"name"), options.get(b"filename")
            if name is None:
                raise MultiPartException('The Content-Disposition header field "name" must be provided.')
            if filename is None:
                # RFC 7578 §4.2 forbids `filename*`, and clients send it all the same.
                return decode_text(name, self._codec), extended_filename(disposition)
        return decode_text(name, self._codec), None if filename is None else decode_text(filename, self._codec)


class Feed:
    """A body on its way to python-multipart, chunk by chunk.

    Raises ImportError without python-multipart, MultiPartException for a body that is malformed or cut short, and what
    the callbacks raise.
    """

    def __init__(self, headers: Headers, callbacks: PartCallbacks, max_header_size: int | None = None) -> None:
        library = load_library()
        content_type = headers.get("content-type", "")
        boundary: bytes | None = library.parse_options_header(content_type)[1].get(b"boundary")
        if boundary is None:
            raise MultiPartException("Missing boundary in multipart.")
        callbacks._codec = text_codec(content_type)
        functions = {name: getattr(callbacks, name) for name in _CALLBACKS} | {"on_part_data": callbacks._note_data}
        options = {} if max_header_size is None else {"max_header_size": max_header_size}
        try:
            self._parse = library.MultipartParser(boundary, functions, **options).write
        except library.FormParserError as exc:
            raise MultiPartException("Invalid multipart data.") from exc
        self._error = library.FormParserError
        self._callbacks = callbacks
        self._preamble = Preamble(boundary)
        self._delimiter = b"\r\n--" + boundary
        self._is_empty = True

    def write(self, chunk: bytes) -> None:
        """Parse a chunk, which calls the callbacks."""
        if not chunk:
            return
        callbacks = self._callbacks
        if callbacks._within_data and self._is_data(chunk):
            callbacks.on_part_data(chunk, 0, len(chunk))
            return
        self._is_empty = callbacks._within_data = False
        if not self._preamble.found:
            chunk = self._preamble.skip(chunk)
        callbacks._chunk = chunk
        try:
            self._parse(chunk)
        except self._error as exc:
            raise MultiPartException("Invalid multipart data.") from exc
        finally:
            callbacks._chunk = b""

    def finish(self) -> None:
        """Raise MultiPartException where the body has ended before its closing boundary; no body at all is a form."""
        if self._callbacks._ended or self._is_empty:
            return
        if self._preamble.found or self._preamble.is_cut_short:
            raise MultiPartException("Multipart data ended before its closing boundary.")
        raise MultiPartException("Invalid multipart data.")

    def _is_data(self, chunk: bytes) -> bool:
        """Return whether a chunk within a part is data as a whole, and nothing of it has to be held back.

        The parser would come to the same end and be left as it is, so that most of a large file passes by it.
        """
        delimiter = self._delimiter
        if delimiter in chunk:
            return False
        # A boundary has no CR: a delimiter that the next chunk completes can begin at the last one alone.
        start = chunk.rfind(b"\r", 1 - len(delimiter))
        return start < 0 or not delimiter.startswith(chunk[start:])


def load_library() -> Any:
    """Return the module of python-multipart; raises ImportError that names the extra."""
    try:
        from python_multipart import multipart
    except ImportError as exc:
        raise ImportError("form parsing needs python-multipart: pip install asgi-requests[forms]") from exc
    return multipart
