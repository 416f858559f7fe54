"""A file as a response."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._disconnect import run_until_disconnect
from .._fields import WITHOUT_BODY, RawHeaders, encode_value, framed_without_body
from .._response import Response, denial_send
from .._threads import run_in_thread
from ..background import BackgroundTask
from ..types import Message, Receive, Scope, Send
from ._metadata import media_type_of, validators
from ._reader import Batch, FileAt, FileReader, FileReplaced, Segments, cut, stat_file
from ._replaced import replaced_open_file, send_through
from ._sending import read_size, send_chunks, send_file, send_holding_nothing
from .conditional import precondition, range_applies, request_conditions
from .disposition import content_disposition
from .ranges import MalformedRangeHeader, RangeNotSatisfiable, parse_range_header, part_header

# Headers that describe the content, and are left out where there is none (RFC 9110 §15.4.5).
_OF_THE_CONTENT = frozenset(
    {b"content-length", b"content-type", b"content-encoding", b"content-language", b"content-range"}
    | {b"content-disposition", b"accept-ranges"}
)
# A file that is replaced by another between a look and its opening, as a deployment does, is looked at again.
_MOST_LOOKS = 3


@dataclass(slots=True)
class _Answer:
    """A decision: the status and headers to send, and the segments of the body or the path for the server."""

    status: int
    headers: RawHeaders
    body: Segments
    by_path: bool = False

    @property
    def needs_file(self) -> bool:
        return not self.by_path and any(not isinstance(segment, bytes) for segment in self.body)


@dataclass(slots=True)
class _Begun:
    """An answer, and its body: in memory, or in the file that has been opened, with the first batch of it.

    `replaced` is the file where a program has replaced the function that opens it.
    """

    answer: _Answer
    chunks: list[bytes]
    opened: tuple[FileReader, Batch] | None = None
    replaced: Any = None


class FileResponse(Response):
    """A file, or the ranges of it that the request asks for, read in chunks of `chunk_size` bytes.

    It answers preconditions with 304 and 412, a Range with 206, 416 or 400, HEAD without a body, and leaves the
    sending to a server that offers `http.response.pathsend`. A `filename` becomes a Content-Disposition; `etag`, with
    its quotes, replaces the validators made of the file's time and size. Raises RuntimeError where the file is missing,
    is not a regular file, or shrinks while it is sent.
    """

    # Servers hold one to three chunks for a client that does not read.
    chunk_size = 32 * 1024
    max_ranges = 100

    def __init__(
        self,
        path: str | os.PathLike[str],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
        filename: str | None = None,
        stat_result: os.stat_result | None = None,
        content_disposition_type: str = "attachment",
        *,
        etag: str | None = None,
    ) -> None:
        self.path = path
        self.status_code = status_code
        self.filename = filename
        if media_type is None:
            encoded = headers is not None and any(name.lower() == "content-encoding" for name in headers)
            media_type = media_type_of(filename or os.fspath(path), encoded=encoded)
        self.media_type = media_type
        self.background = background
        self.etag = etag
        self._content: bytes | None = None
        self._file = FileAt(path)
        self.init_headers(headers)
        self._set_absent(b"accept-ranges", b"bytes")
        if filename is not None:
            disposition = content_disposition(filename, content_disposition_type)
            self._set_absent(b"content-disposition", encode_value(disposition))
        self.stat_result = stat_result
        if stat_result is not None:
            self.set_stat_headers(stat_result)

    def set_stat_headers(self, stat_result: os.stat_result) -> None:
        """Set Content-Length, Last-Modified and ETag unless they are set."""
        self._set_absent(b"content-length", b"%d" % stat_result.st_size)
        for name, value in validators(stat_result, self.etag):
            self._set_absent(name, value)

    def _set_absent(self, name: bytes, value: bytes) -> None:
        for field in self.raw_headers:
            if field[0] == name:
                return
        self.raw_headers.append((name, value))

    def hold(self, content: bytes) -> None:
        """Send these bytes, the whole file as it has just been read, instead of reading it again."""
        self._content = content

    def pin(self, stat_result: os.stat_result, *, follow_symlink: bool) -> None:
        """Send this very file; a response to another that has taken its name raises FileReplaced instead."""
        self._file = FileAt(self.path, stat_result, follow_symlink)

    def generate_multipart(
        self, ranges: Sequence[tuple[int, int]], boundary: str, max_size: int, content_type: str
    ) -> tuple[int, Callable[[int, int], bytes]]:
        """Return the length in bytes of a multipart/byteranges body, and what makes the header of each part."""

        def header(start: int, end: int) -> bytes:
            return part_header(boundary, content_type, start, end, max_size)

        parts = sum(len(header(start, end)) + end - start + 2 for start, end in ranges)
        return parts + len(boundary) + 4, header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, then run the background task."""
        if scope["type"] != "http":
            send = denial_send(scope, send)
        begun = await self._begin(scope)
        answer = begun.answer
        start: Message = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        if begun.opened is not None:
            await _send_opened(*begun.opened, start, scope, receive, send)
        elif begun.replaced is not None:
            opened = begun.replaced, self.path, answer.body, self.chunk_size
            await send_through(*opened, start, scope, receive, send)
        elif answer.by_path:
            await send(start)
            await send({"type": "http.response.pathsend", "path": os.path.abspath(self.path)})
        else:
            await send(start)
            await send_chunks(begun.chunks, send)
        if self.background is not None:
            await self.background()

    async def _begin(self, scope: Scope) -> _Begun:
        size = read_size()
        if (open_file := replaced_open_file()) is not None:
            looked_at = await run_in_thread(self._looked_at) if self.stat_result is None else self
            answer = looked_at._answer(scope)
            if self._content is not None or not answer.needs_file:
                return _Begun(answer, cut(self._content or b"", answer.body))
            return _Begun(answer, [], replaced=await open_file(self.path, mode="rb"))
        if self.stat_result is None:
            return await run_in_thread(self._look_and_begin, scope, size)
        answer = self._answer(scope)
        if self._content is not None or not answer.needs_file:
            return _Begun(answer, cut(self._content or b"", answer.body))
        reader = FileReader(self._file, answer.body, self.chunk_size)
        try:
            return _Begun(answer, [], (reader, await run_in_thread(reader.read, size)))
        except BaseException:
            reader.close()
            raise

    def _look_and_begin(self, scope: Scope, size: int) -> _Begun:
        """Look at the file, decide and read the first chunks, all in one visit to a thread."""
        looks = 1
        while True:
            try:
                return self._look_once(scope, size)
            except FileReplaced:
                looks += 1
                if looks > _MOST_LOOKS:
                    raise

    def _look_once(self, scope: Scope, size: int) -> _Begun:
        looked_at = self._looked_at()
        answer = looked_at._answer(scope)
        if not answer.needs_file:
            return _Begun(answer, cut(b"", answer.body))
        reader = FileReader(FileAt(self.path, looked_at.stat_result), answer.body, self.chunk_size)
        try:
            return _Begun(answer, [], (reader, reader.read(size)))
        except BaseException:
            reader.close()
            raise

    def _looked_at(self) -> FileResponse:
        """Return a copy that knows the file: this response may be sent again, when the file is another."""
        status = stat_file(self.path)
        copy = self.__class__.__new__(self.__class__)
        copy.__dict__.update(self.__dict__, raw_headers=[*self.raw_headers], stat_result=status)
        copy.set_stat_headers(status)
        return copy

    def _answer(self, scope: Scope) -> _Answer:
        """Decide what to send (RFC 9110 §13.2.2, §14.2), without a look at the file's bytes."""
        assert self.stat_result is not None
        size, method, is_http = self.stat_result.st_size, scope.get("method", "GET").upper(), scope["type"] == "http"
        if self.status_code in WITHOUT_BODY:
            return _Answer(self.status_code, framed_without_body(self.status_code, self.raw_headers), ())
        answer = None
        if self.status_code == 200 and is_http and method in ("GET", "HEAD"):
            answer = self._conditional_answer(scope, method, size)
        if answer is None:
            by_path = is_http and "http.response.pathsend" in (scope.get("extensions") or ())
            answer = _Answer(self.status_code, [*self.raw_headers], [(0, size)] if size else (), by_path)
        if method == "HEAD":
            # Not by path either, since http.response.pathsend is a whole body.
            answer.body, answer.by_path = (), False
        return answer

    def _conditional_answer(self, scope: Scope, method: str, size: int) -> _Answer | None:
        conditions = request_conditions(scope)
        if not conditions:
            return None
        etag, last_modified = self.headers.get("etag"), self.headers.get("last-modified")
        status = precondition(method, conditions, etag, last_modified)
        if status is not None:
            headers = [field for field in self.raw_headers if field[0] not in _OF_THE_CONTENT]
            if status != 304:
                headers.append((b"content-length", b"0"))
            return _Answer(status, headers, ())
        requested = conditions.get("range")
        # A Range has no meaning for other methods than GET, HEAD included (RFC 9110 §14.2).
        if requested is None or method != "GET":
            return None
        if "if-range" in conditions and "accept-encoding" in self.headers.get("vary", "").lower():
            # All codings of a file have its date, which is therefore no strong validator (RFC 9110 §8.8.2.2, §13.1.5).
            last_modified = None
        if not range_applies(conditions, etag, last_modified):
            return None
        try:
            ranges = parse_range_header(requested, size, self.max_ranges)
        except MalformedRangeHeader as exc:
            # A server may ignore it instead (RFC 9110 §14.2): this is Starlette's answer.
            return _refusal(400, exc.content)
        except RangeNotSatisfiable as exc:
            return _refusal(416, "", [(b"content-range", b"bytes */%d" % exc.max_size)])
        return self._partial_answer(ranges, size) if ranges else None

    def _partial_answer(self, ranges: list[tuple[int, int]], size: int) -> _Answer:
        headers = [field for field in self.raw_headers if field[0] != b"content-length"]
        if len(ranges) == 1:
            [(start, end)] = ranges
            headers.append((b"content-length", b"%d" % (end - start)))
            headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, size)))
            return _Answer(206, headers, ranges)
        import secrets

        # Random: content that has the boundary in it would end its part (RFC 2046 §5.1.1).
        boundary = secrets.token_hex(13)
        length, header = self.generate_multipart(ranges, boundary, size, self.headers["content-type"])
        headers = [field for field in headers if field[0] != b"content-type"]
        headers.append((b"content-type", b"multipart/byteranges; boundary=" + boundary.encode()))
        headers.append((b"content-length", b"%d" % length))
        body: list[bytes | tuple[int, int]] = []
        for start, end in ranges:
            body += [header(start, end), (start, end), b"\r\n"]
        body.append(f"--{boundary}--".encode())
        return _Answer(206, headers, body)


def _refusal(status: int, text: str, headers: RawHeaders | None = None) -> _Answer:
    body = text.encode()
    fields = [
        *(headers or ()),
        (b"content-length", b"%d" % len(body)),
        (b"content-type", b"text/plain; charset=utf-8"),
    ]
    return _Answer(status, fields, (body,))


async def _send_opened(
    reader: FileReader, batch: Batch, start: Message, scope: Scope, receive: Receive, send: Send
) -> None:
    try:
        await send_holding_nothing(start, send, reader, batch)
        sending = send_file(reader, batch, send)
        # What has been read needs no watch for a client that leaves: it is soon sent.
        await (run_until_disconnect(sending, scope, receive) if reader.has_more else sending)
    finally:
        reader.close()
