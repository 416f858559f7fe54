"""A file as a response."""

from __future__ import annotations

import mimetypes
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from .._disconnect import run_until_disconnect
from .._fields import encode_value
from .._response import RawHeaders, Response, denial_send
from .._threads import run_in_thread
from ..background import BackgroundTask
from ..types import Receive, Scope, Send
from ._reader import FileReader, Segments, cut, stat_file
from .conditional import http_date, precondition, range_applies, request_conditions
from .ranges import MalformedRangeHeader, RangeNotSatisfiable, parse_range_header, part_header

# What describes the file's bytes and has no place in an answer without them (RFC 9110 §15.4.5).
_OF_THE_CONTENT = frozenset(
    {b"content-length", b"content-type", b"content-encoding", b"content-language", b"content-range"}
    | {b"content-disposition", b"accept-ranges"}
)


@dataclass(slots=True)
class _Answer:
    status: int
    headers: RawHeaders
    body: Segments
    by_path: bool = False

    @property
    def needs_file(self) -> bool:
        return not self.by_path and any(not isinstance(segment, bytes) for segment in self.body)


class FileResponse(Response):
    """A file, or the ranges of it that the request asks for, read in chunks of `chunk_size` bytes.

    Answers preconditions with 304 and 412, a Range with 206, 416 or 400, HEAD without a body, and leaves the
    sending to a server that offers `http.response.pathsend`. A name in `filename` becomes a Content-Disposition.
    Raises RuntimeError where the file is missing, is none, or shrinks while it is sent.
    """

    chunk_size = 64 * 1024
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
    ) -> None:
        self.path = path
        self.status_code = status_code
        self.filename = filename
        self.media_type = media_type or guess_type(filename or os.fspath(path))
        self.background = background
        self._content: bytes | None = None
        self.init_headers(headers)
        self._set_absent(b"accept-ranges", b"bytes")
        if filename is not None:
            disposition = content_disposition(content_disposition_type, filename)
            self._set_absent(b"content-disposition", encode_value(disposition))
        self.stat_result = stat_result
        if stat_result is not None:
            self.set_stat_headers(stat_result)

    def set_stat_headers(self, stat_result: os.stat_result) -> None:
        """Set Content-Length, Last-Modified and ETag unless they are set."""
        self._set_absent(b"content-length", b"%d" % stat_result.st_size)
        for name, value in validators(stat_result):
            self._set_absent(name, value)

    def _set_absent(self, name: bytes, value: bytes) -> None:
        for field in self.raw_headers:
            if field[0] == name:
                return
        self.raw_headers.append((name, value))

    def hold(self, content: bytes) -> None:
        """Send these bytes, the whole file as it was read just now, instead of reading it again."""
        self._content = content

    def generate_multipart(
        self, ranges: Sequence[tuple[int, int]], boundary: str, max_size: int, content_type: str
    ) -> tuple[int, Callable[[int, int], bytes]]:
        """The length in bytes of a multipart/byteranges body, and what makes the header of each of its parts."""

        def header(start: int, end: int) -> bytes:
            return part_header(boundary, content_type, start, end, max_size)

        parts = sum(len(header(start, end)) + end - start + 2 for start, end in ranges)
        return parts + len(boundary) + 4, header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, then run the background task."""
        if scope["type"] != "http":
            send = denial_send(scope, send)
        if self.stat_result is None:
            answer, reader, chunks, more = await run_in_thread(self._look_and_begin, scope)
        else:
            answer = self._answer(scope)
            reader, chunks, more = await self._begin(answer)
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            if answer.by_path:
                await send({"type": "http.response.pathsend", "path": os.path.abspath(self.path)})
            elif reader is not None and more:
                await run_until_disconnect(_send_all(reader, chunks, send), scope, receive)
            else:
                await _send_chunks(chunks, send, more=False)
        finally:
            if reader is not None:
                reader.close()
        if self.background is not None:
            await self.background()

    def _look_and_begin(self, scope: Scope) -> tuple[_Answer, FileReader | None, list[bytes], bool]:
        """Look at the file, decide and read the first chunks, all in one visit to a thread."""
        status = stat_file(self.path)
        # Not in this response itself: it may be sent again, when the file is another.
        looked_at = self.__class__.__new__(self.__class__)
        looked_at.__dict__.update(self.__dict__, raw_headers=[*self.raw_headers], stat_result=status)
        looked_at.set_stat_headers(status)
        answer = looked_at._answer(scope)
        if not answer.needs_file:
            return answer, None, cut(b"", answer.body), False
        reader = FileReader(self.path, answer.body, self.chunk_size)
        return answer, reader, *reader.take()

    async def _begin(self, answer: _Answer) -> tuple[FileReader | None, list[bytes], bool]:
        if self._content is not None or not answer.needs_file:
            return None, cut(self._content or b"", answer.body), False
        reader = FileReader(self.path, answer.body, self.chunk_size)
        try:
            return reader, *await run_in_thread(reader.take)
        except BaseException:
            reader.close()
            raise

    def _answer(self, scope: Scope) -> _Answer:
        """What to send: the decision of RFC 9110 §13.2.2 and §14.2, which needs no look at the file's bytes."""
        assert self.stat_result is not None
        size, method = self.stat_result.st_size, scope.get("method", "GET")
        answer = None
        if self.status_code == 200 and scope["type"] == "http" and method in ("GET", "HEAD"):
            answer = self._conditional_answer(scope, method, size)
        if answer is None:
            by_path = "http.response.pathsend" in (scope.get("extensions") or ())
            answer = _Answer(self.status_code, [*self.raw_headers], [(0, size)], by_path)
        if method == "HEAD":
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
        asked = conditions.get("range")
        if asked is None or not range_applies(conditions, etag, last_modified):
            return None
        try:
            ranges = parse_range_header(asked, size, self.max_ranges)
        except MalformedRangeHeader as exc:
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


def validators(stat_result: os.stat_result) -> RawHeaders:
    """Last-Modified and ETag of a file; the tag is made of time and size."""
    modified, tag = http_date(int(stat_result.st_mtime)), (stat_result.st_mtime_ns, stat_result.st_size)
    return [(b"last-modified", modified.encode("ascii")), (b"etag", b'"%x-%x"' % tag)]


def guess_type(name: str) -> str:
    """The media type a file name suggests, application/octet-stream where it suggests none."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def content_disposition(kind: str, filename: str) -> str:
    """A Content-Disposition; a name of more than plain characters is encoded (RFC 6266, RFC 8187)."""
    encoded = quote(filename, errors="replace")
    return f'{kind}; filename="{filename}"' if encoded == filename else f"{kind}; filename*=utf-8''{encoded}"


def _refusal(status: int, text: str, headers: RawHeaders | None = None) -> _Answer:
    body = text.encode()
    fields = [
        *(headers or ()),
        (b"content-length", b"%d" % len(body)),
        (b"content-type", b"text/plain; charset=utf-8"),
    ]
    return _Answer(status, fields, (body,))


async def _send_all(reader: FileReader, chunks: list[bytes], send: Send) -> None:
    more = True
    while more:
        await _send_chunks(chunks, send, more=True)
        chunks, more = await run_in_thread(reader.take)
    await _send_chunks(chunks, send, more=False)


async def _send_chunks(chunks: list[bytes], send: Send, *, more: bool) -> None:
    """Send chunks; unless more follow, the last of them ends the body, or an empty one if there is none."""
    if not more and not chunks:
        chunks = [b""]
    last = len(chunks) - 1
    for index, chunk in enumerate(chunks):
        await send({"type": "http.response.body", "body": chunk, "more_body": more or index < last})
