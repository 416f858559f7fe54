"""Forms, urlencoded or multipart, parsed within limits as they arrive.

    parser = MultiPartParser(request.headers, request.stream(), max_files=10)
    form = await parser.parse()

`Request.form()` picks the parser. Multipart needs python-multipart, the extra `forms`; urlencoded forms need nothing.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, cast

from ._charset import decode_text, text_codec
from ._disposition import extended_filename
from ._preamble import Preamble
from ._spool import Spool
from ._threads import finish_in_thread
from ._urlencoded import FormParser, FormTooLarge, close_stream
from .exceptions import MultiPartException
from .headers import Headers
from .multidict import FormData
from .uploads import UploadFile

if TYPE_CHECKING:
    import python_multipart.multipart

__all__ = [
    "FormParser",
    "FormTooLarge",
    "MultiPartException",
    "MultiPartParser",
    "MultipartPart",
    "SpooledTemporaryFile",
]

_Call = tuple[Callable[..., Any], *tuple[Any, ...]]

# Bytes for the disk are collected and written in pieces of this size: each takes a visit to a thread.
_WRITE_SIZE = 1024 * 1024
# So many files of a form have a temporary file each once they leave memory; the rest share one.
_MOST_OWN_FILES = 8
# A quoted string that does not end takes all the rest: searching for its end is not tried again and again.


@dataclass
class MultipartPart:
    """A part while it is parsed: a field collects `data`, a file is written to `file`."""

    content_disposition: bytes | None = None
    field_name: str = ""
    data: bytearray = field(default_factory=bytearray)
    file: UploadFile | None = None
    item_headers: list[tuple[bytes, bytes]] = field(default_factory=list)


class MultiPartParser:
    """A parser of multipart/form-data bodies (RFC 7578); sizes are in bytes.

    A file is kept in memory up to `spool_max_size`, and on disk beyond it. All fields and files in memory together
    stay within `max_memory_size`: past it files go to disk, and fields are refused. Files on disk take at most nine
    descriptors, however many they are. `max_file_size` is the limit of one file, None for no limit. Raises
    MultiPartException (400) for a body that is malformed or cut short, FormTooLarge (413) for one beyond a limit, and
    closes every file then.
    """

    spool_max_size: ClassVar[int] = 1024 * 1024
    max_part_size: int = 1024 * 1024
    max_file_size: ClassVar[int | None] = None
    max_memory_size: ClassVar[int] = 32 * 1024 * 1024

    def __init__(
        self,
        headers: Headers,
        stream: AsyncIterator[bytes],
        *,
        max_files: int | float = 1000,
        max_fields: int | float = 1000,
        max_part_size: int = 1024 * 1024,
    ) -> None:
        self.headers = headers
        self.stream = stream
        self.max_files = max_files
        self.max_fields = max_fields
        self.max_part_size = max_part_size
        self.items: list[tuple[str, str | UploadFile]] = []
        self._codec = "utf-8"
        self._part = MultipartPart()
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._field_count = 0
        self._files: list[UploadFile] = []
        self._in_memory = 0
        self._write_to_disk: Callable[[bytes], Any] | None = None
        self._own_files = 0
        self._spool: Spool | None = None
        self._pending: list[_Call] = []
        self._pending_size = 0
        self._ended = False

    async def parse(self) -> FormData:
        """Return the fields and files, in order; raises ImportError without python-multipart."""
        library = _library()
        self._library = library
        try:
            boundary = self._boundary(library)
            await self._read(self._parser(library, boundary), Preamble(boundary))
        except BaseException as exc:
            for upload in self._files:
                upload.file.close()
            await close_stream(self.stream)
            if isinstance(exc, library.FormParserError):
                raise MultiPartException("Invalid multipart data.") from exc
            raise
        return FormData(self.items)

    def _boundary(self, library: Any) -> bytes:
        content_type = self.headers.get("content-type", "")
        boundary: bytes | None = library.parse_options_header(content_type)[1].get(b"boundary")
        if boundary is None:
            raise MultiPartException("Missing boundary in multipart.")
        self._codec = text_codec(content_type)
        return boundary

    def _parser(self, library: Any, boundary: bytes) -> python_multipart.multipart.MultipartParser:
        callbacks = {
            name: getattr(self, name)
            for name in (
                "on_part_begin",
                "on_part_data",
                "on_part_end",
                "on_header_field",
                "on_header_value",
                "on_header_end",
                "on_headers_finished",
                "on_end",
            )
        }
        parser: python_multipart.multipart.MultipartParser = library.MultipartParser(boundary, callbacks)
        return parser

    async def _read(self, parser: python_multipart.multipart.MultipartParser, preamble: Preamble) -> None:
        empty = True
        async for chunk in self.stream:
            empty = empty and not chunk
            parser.write(chunk if preamble.found else preamble.skip(chunk))
            if self._pending_size >= _WRITE_SIZE:
                await self._flush()
        parser.finalize()
        if not self._ended and not empty:
            if preamble.found or preamble.is_cut_short:
                raise MultiPartException("Multipart data ended before its closing boundary.")
            raise MultiPartException("Invalid multipart data.")
        if self._pending:
            await self._flush()

    def on_part_begin(self) -> None:
        """Begin a part."""
        self._part = MultipartPart()
        self._write_to_disk = None

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        """Collect the name of a header."""
        self._header_name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        """Collect the value of a header."""
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

    def on_headers_finished(self) -> None:
        """Tell a field from a file by the name of the file, and count it."""
        part = self._part
        options = self._library.parse_options_header(part.content_disposition)[1]
        name = options.get(b"name")
        if name is None:
            raise MultiPartException('The Content-Disposition header field "name" must be provided.')
        part.field_name = decode_text(name, self._codec)
        raw_filename = options.get(b"filename")
        if raw_filename is None:
            filename = extended_filename(part.content_disposition or b"")
        else:
            filename = decode_text(raw_filename, self._codec)
        if filename is None:
            self._field_count += 1
            if self._field_count > self.max_fields:
                raise FormTooLarge(f"Too many fields. Maximum number of fields is {self.max_fields}.")
            return
        if len(self._files) >= self.max_files:
            raise FormTooLarge(f"Too many files. Maximum number of files is {self.max_files}.")
        part.file = UploadFile(
            file=cast(BinaryIO, SpooledTemporaryFile(max_size=self.spool_max_size)),  # noqa: SIM115
            size=0,
            filename=filename,
            headers=Headers(raw=part.item_headers),
        )
        self._files.append(part.file)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Add to a field, write to a file in memory, or keep for the next write to disk."""
        part = self._part
        size = end - start
        if part.file is not None:
            return self._store(part.file, data[start:end])
        if len(part.data) + size > self.max_part_size:
            raise FormTooLarge(f"Part exceeded maximum size of {int(self.max_part_size / 1024)}KB.")
        self._in_memory += size
        if self._in_memory > max(self.max_memory_size, self.max_part_size):
            raise FormTooLarge(f"Fields exceeded maximum size of {self.max_memory_size // 1024}KB.")
        part.data += data[start:end]
        return None

    def _store(self, upload: UploadFile, chunk: bytes) -> None:
        before = upload.size or 0
        upload.size = after = before + len(chunk)
        if self.max_file_size is not None and after > self.max_file_size:
            raise FormTooLarge(f"File exceeded maximum size of {self.max_file_size // 1024}KB.")
        write = self._write_to_disk
        if write is None:
            self._in_memory += len(chunk)
            if after <= self.spool_max_size and self._in_memory <= self.max_memory_size:
                upload.file.write(chunk)
                return
            self._in_memory -= after
            write = self._write_to_disk = self._move_to_disk(upload)
        self._pending.append((write, chunk))
        self._pending_size += len(chunk)

    def _move_to_disk(self, upload: UploadFile) -> Callable[[bytes], Any]:
        """Return the function that writes to the file of an upload on disk, after what it has in memory."""
        in_memory = cast(Any, upload.file)
        if self._own_files < _MOST_OWN_FILES:
            self._own_files += 1
            self._pending.append((in_memory.rollover,))
            return cast("Callable[[bytes], Any]", in_memory.write)
        self._spool = self._spool or Spool()
        spooled = self._spool.add()
        in_memory.seek(0)
        self._pending.append((spooled.append, in_memory.read()))
        in_memory.close()
        upload.file = io.BufferedRandom(spooled, 4096)
        return spooled.append

    def on_part_end(self) -> None:
        """Add the field or the file to the form."""
        part = self._part
        if part.file is None:
            self.items.append((part.field_name, decode_text(part.data, self._codec)))
            return
        if self._write_to_disk is None:
            part.file.file.seek(0)
        else:
            self._pending.append((part.file.file.seek, 0))
        self.items.append((part.field_name, part.file))

    def on_end(self) -> None:
        """Note the closing boundary."""
        self._ended = True

    async def _flush(self) -> None:
        calls, self._pending, self._pending_size = _join_writes(self._pending), [], 0
        await finish_in_thread(_call_each, calls)


def _join_writes(calls: list[_Call]) -> list[_Call]:
    """Return the calls in order, successive ones of the same `write` joined."""
    joined: list[_Call] = []
    for function, group in groupby(calls, key=itemgetter(0)):
        arguments = [call[1:] for call in group]
        if len(arguments) > 1:
            joined.append((function, b"".join([chunk for (chunk,) in arguments])))
        else:
            joined.append((function, *arguments[0]))
    return joined


def _call_each(calls: list[_Call]) -> None:
    for function, *arguments in calls:
        function(*arguments)


def _library() -> Any:
    try:
        from python_multipart import multipart
    except ImportError as exc:
        raise ImportError("form parsing needs python-multipart: pip install asgi-requests[forms]") from exc
    return multipart
