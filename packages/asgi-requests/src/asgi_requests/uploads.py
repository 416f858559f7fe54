"""An uploaded file: in memory while it is small, on disk beyond that, read and written without blocking the event loop.

    from pathlib import Path

    from asgi_requests import PlainTextResponse, Request, UploadFile

    async def avatar(request: Request):
        async with request.form() as form:
            upload = form["avatar"]
            assert isinstance(upload, UploadFile)
            path = Path("avatars") / upload.safe_filename
            path.write_bytes(await upload.read())
        return PlainTextResponse(f"{upload.size} bytes")

The file is temporary and closed with the form.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO, Self, TypeVar, TypeVarTuple

import anyio
import anyio.to_thread

from ._filename import safe_filename
from ._threads import finish_in_thread
from .headers import Headers

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_BLOCK_SIZE = 65536


class UploadFile:
    """A file of a form, over any binary file object; `size` is in bytes, where known.

    `filename` is as the client sent it: it may be `../../etc/passwd` and must never become part of a path;
    `safe_filename` may. Entered with `async with`, it is closed at the end of the block.
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        size: int | None = None,
        filename: str | None = None,
        headers: Headers | None = None,
    ) -> None:
        self.filename = filename
        self.file = file
        self.size = size
        self.headers = headers or Headers()
        # SpooledTemporaryFile keeps it private: a write beyond it goes to the disk, and so into a thread.
        self._max_mem_size: int = getattr(file, "_max_size", 0)

    @property
    def content_type(self) -> str | None:
        """The media type that the client claims, if any."""
        content_type: str | None = self.headers.get("content-type")
        return content_type

    @property
    def safe_filename(self) -> str:
        """The file name as one harmless path segment of at most 255 bytes; `file` if nothing of it remains.

        No directories of either slash, no control or reserved characters, no leading dots, no Windows devices.
        """
        return safe_filename(self.filename)

    @property
    def _in_memory(self) -> bool:
        # SpooledTemporaryFile notes that in `_rolled`; any other file may block, except bytes in memory.
        return not getattr(self.file, "_rolled", not isinstance(self.file, io.BytesIO))

    def _will_roll(self, size_to_add: int) -> bool:
        if not self._in_memory:
            return True
        return bool(self._max_mem_size) and self.file.tell() + size_to_add > self._max_mem_size

    async def write(self, data: bytes) -> None:
        """Write at the current position; in a thread if the file is on disk, or moves there."""
        if self.size is not None:
            self.size += len(data)
        if self._will_roll(len(data)):
            await anyio.to_thread.run_sync(self.file.write, data)
        else:
            self.file.write(data)

    async def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes from the current position, or all that are left."""
        return await self._call(self.file.read, size)

    async def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset in bytes from the start, the position or the end; return the new position."""
        return await self._call(self.file.seek, offset, whence)

    async def tell(self) -> int:
        """Return the current position, in bytes."""
        return await self._call(self.file.tell)

    async def close(self) -> None:
        """Close the file, and delete it if it is on disk; a cancelled caller waits for that."""
        if self._in_memory:
            self.file.close()
        else:
            # Shielded: a cancellation leaves the block of a form, too.
            with anyio.CancelScope(shield=True):
                await finish_in_thread(self.file.close)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the lines that are left, as a file does; they are read ahead in blocks."""
        # Lines are arbitrary cuts of a binary file, and may be tiny: one visit to a thread gets a block of them.
        while lines := await self._call(self.file.readlines, _BLOCK_SIZE):
            for line in lines:
                yield line

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def _call(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        if self._in_memory:
            return function(*args)
        return await anyio.to_thread.run_sync(function, *args)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(filename={self.filename!r}, size={self.size!r}, headers={self.headers!r})"
