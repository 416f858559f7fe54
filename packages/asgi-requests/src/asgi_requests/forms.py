"""Forms, urlencoded or multipart, parsed within limits as they arrive.

    from asgi_requests.forms import MultiPartException, MultiPartParser

    async def parse(headers, stream):
        try:
            return await MultiPartParser(headers, stream, max_files=10).parse()
        except MultiPartException as exc:
            print(exc.message)

`Request.form()` picks the parser. Multipart needs python-multipart, the extra `forms`; urlencoded forms need nothing.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, ClassVar, cast

from ._charset import decode_text
from ._chunks import Chunks
from ._multipart import Feed, PartCallbacks
from ._spool import Spool
from ._threads import finish_in_thread
from ._urlencoded import FormParser, FormTooLarge, close_stream
from .exceptions import MultiPartException
from .headers import Headers
from .multidict import FormData
from .uploads import UploadFile

__all__ = [
    "FormParser",
    "FormTooLarge",
    "MultiPartException",
    "MultiPartParser",
    "MultipartPart",
    "SpooledTemporaryFile",
]

# Bytes for the disk are collected and written in pieces of this size: each takes a visit to a thread.
_WRITE_SIZE = 1024 * 1024
# So many large files of a form have a temporary file each; the rest share one.
_MOST_OWN_FILES = 8


@dataclass
class MultipartPart:
    """A part while it is parsed: a field collects `data`, a file is written to `file`."""

    content_disposition: bytes | None = None
    field_name: str = ""
    data: bytearray = field(default_factory=bytearray)
    file: UploadFile | None = None
    item_headers: list[tuple[bytes, bytes]] = field(default_factory=list)


class MultiPartParser(PartCallbacks):
    """A parser of multipart/form-data bodies (RFC 7578); sizes are in bytes.

    A file is kept in memory up to `spool_max_size`, and on disk beyond it. All fields and files in memory together
    stay within `max_memory_size`: past it files go to disk, and fields are refused. At most eight files have a
    descriptor, those larger than `spool_max_size`; the others on disk share a file that is open only while it is used.
    `max_file_size` is the limit of one file, None for no limit. Raises MultiPartException (400) for a body that is
    malformed or cut short, FormTooLarge (413) for one beyond a limit, and closes every file then.
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
        super().__init__()
        self.headers = headers
        self.stream = stream
        self.max_files = max_files
        self.max_fields = max_fields
        self.max_part_size = max_part_size
        self.items: list[tuple[str, str | UploadFile]] = []
        self._part: MultipartPart = MultipartPart()
        self._field_count = 0
        self._files: list[UploadFile] = []
        self._in_memory = 0
        self._own_files = 0
        self._spool: Spool | None = None
        # Of the file that is parsed: the bytes that are still to be written, and the function that writes them to disk.
        self._held = Chunks()
        self._write_to_disk: Callable[[bytes], Any] | None = None
        self._pending: list[Callable[[], Any]] = []
        self._pending_size = 0

    async def parse(self) -> FormData:
        """Return the fields and files, in order; raises ImportError without python-multipart."""
        try:
            feed = Feed(self.headers, self)
            async for chunk in self.stream:
                feed.write(chunk)
                if self._pending_size >= _WRITE_SIZE:
                    await self._flush()
            feed.finish()
            if self._pending:
                await self._flush()
        except BaseException:
            for upload in self._files:
                upload.file.close()
            await close_stream(self.stream)
            raise
        return FormData(self.items)

    def on_part_begin(self) -> None:
        """Begin a part."""
        self._part = MultipartPart()
        self._write_to_disk = None

    def on_headers_finished(self) -> None:
        """Tell a field from a file by the name of the file, and count it."""
        part = self._part
        part.field_name, filename = self._names()
        # An empty name is that of a file, too: browsers send it for an input left empty (HTML, entry list).
        if filename is None:
            self._field_count += 1
            if self._field_count > self.max_fields:
                raise FormTooLarge(f"Too many fields. Maximum number of fields is {self.max_fields}.")
            return
        if len(self._files) >= self.max_files:
            raise FormTooLarge(f"Too many files. Maximum number of files is {self.max_files}.")
        part.file = UploadFile(
            file=cast(BinaryIO, SpooledTemporaryFile(max_size=self.spool_max_size)),  # noqa: SIM115 - the form closes it
            size=0,
            filename=filename,
            headers=Headers(raw=part.item_headers),
        )
        self._files.append(part.file)
        self._held = Chunks()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Add to a field, or hold what a file is to be written from."""
        part = self._part
        size = end - start
        if part.file is not None:
            return self._hold(part.file, data[start:end])
        if len(part.data) + size > self.max_part_size:
            raise FormTooLarge(f"Part exceeded maximum size of {int(self.max_part_size / 1024)}KB.")
        # All fields together: a thousand of the largest size would take a gigabyte.
        self._in_memory += size
        if self._in_memory > max(self.max_memory_size, self.max_part_size):
            raise FormTooLarge(f"Fields exceeded maximum size of {self.max_memory_size // 1024}KB.")
        part.data += data[start:end]
        return None

    def _hold(self, upload: UploadFile, chunk: bytes) -> None:
        upload.size = size = (upload.size or 0) + len(chunk)
        if self.max_file_size is not None and size > self.max_file_size:
            raise FormTooLarge(f"File exceeded maximum size of {self.max_file_size // 1024}KB.")
        self._held.append(chunk)
        if self._write_to_disk is not None:
            self._pending_size += len(chunk)
            return
        self._in_memory += len(chunk)
        if size > self.spool_max_size or self._in_memory > self.max_memory_size:
            # The file leaves the memory as a whole.
            self._in_memory -= size
            self._pending_size += size
            self._write_to_disk = self._move_to_disk(upload)

    def _move_to_disk(self, upload: UploadFile) -> Callable[[bytes], Any]:
        """Return the function that writes to the file of an upload on disk."""
        in_memory = cast(Any, upload.file)
        if (upload.size or 0) > self.spool_max_size and self._own_files < _MOST_OWN_FILES:
            self._own_files += 1
            self._pending.append(in_memory.rollover)
            return cast("Callable[[bytes], Any]", in_memory.write)
        self._spool = self._spool or Spool()
        spooled = self._spool.add()
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
            part.file.file.write(self._held.join())
            part.file.file.seek(0)
        else:
            self._write_later()
            self._pending.append(partial(part.file.file.seek, 0))
        self.items.append((part.field_name, part.file))

    def _write_later(self) -> None:
        """Leave what is held of a file on disk to the next visit to a thread."""
        if self._write_to_disk is not None and self._held.size:
            self._pending.append(partial(_write, self._write_to_disk, self._held))
            self._held = Chunks()

    async def _flush(self) -> None:
        # Opening, writing and seeking may block on a disk: all that has been put off is done in one visit to a thread.
        self._write_later()
        pending, self._pending, self._pending_size = self._pending, [], 0
        await finish_in_thread(_call_each, pending)


def _write(function: Callable[[bytes], Any], chunks: Chunks) -> None:
    # In one piece: a file takes a mebibyte in less time than sixteen times 64 KiB.
    function(chunks.join())


def _call_each(functions: list[Callable[[], Any]]) -> None:
    for function in functions:
        function()
