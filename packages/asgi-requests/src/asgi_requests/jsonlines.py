"""JSON Lines: one JSON value a line, sent as they come and read as they come (https://jsonlines.org).

    from asgi_requests import JSONLinesResponse, PlainTextResponse

    async def export(request):
        async def rows():
            async for row in request.state.database:
                yield dict(row)

        return JSONLinesResponse(rows())

    async def load(request):
        count = 0
        async for row in request.json_lines(max_line=64 * 1024):
            count += 1
        return PlainTextResponse(f"{count} rows")

A line that is not JSON is an InvalidJSONLine, which is answered with 400 and the number of the line.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from ._json import InvalidJSON, load_json
from ._lines import Lines
from ._render import render_json
from ._streaming import StreamingResponse
from ._text import BYTES

__all__ = ["InvalidJSONLine", "JSONLinesResponse", "read_json_lines"]


class InvalidJSONLine(InvalidJSON):
    """A line that is not JSON: the ASGI application that answers it with 400; `lineno` counts from 1."""

    def __init__(self, msg: str, doc: str, pos: int, lineno: int) -> None:
        super().__init__(msg, doc, pos)
        self.lineno = lineno
        self.detail = f"Invalid JSON: {msg}: line {lineno} column {self.colno}"
        self.args = (self.detail,)

    # That of JSONDecodeError has three arguments: an exception from a process pool could not be unpickled.
    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.msg, self.doc, self.pos, self.lineno)


class JSONLinesResponse(StreamingResponse):
    """A stream of JSON values, each on its line, from an (asynchronous) iterable; bytes go out as they are.

    Override `render`, as with JSONResponse, for another encoder. Raises what it raises for a value that JSON cannot
    hold: the response ends there, after a complete line.
    """

    media_type = "application/jsonl"

    def render(self, content: Any) -> bytes:
        """Return one value as JSON."""
        return render_json(content)

    def _encode(self, chunk: object) -> bytes:
        if isinstance(chunk, BYTES):
            return bytes(chunk)
        line = self.render(chunk)
        if b"\n" in line or b"\r" in line:
            # JSON has line ends between its values alone, where an encoder indents.
            line = line.replace(b"\r", b" ").replace(b"\n", b" ")
        return line + b"\n"


async def read_json_lines(
    stream: AsyncGenerator[bytes, None], max_line: int, loads: Callable[[str], Any] = load_json
) -> AsyncGenerator[Any, None]:
    """Iterate over the values of JSON Lines in UTF-8, in chunks that end anywhere; empty lines are passed over.

    `loads` raises InvalidJSON for a line that is not JSON. Memory is that of a chunk and of a line. Raises
    InvalidJSONLine, which answers 400, HTTPException (413) for a line of more than `max_line` bytes, and what the
    stream raises; the stream is closed at the end.
    """
    lines = Lines(max_line)
    try:
        async for chunk in stream:
            for line in lines.feed(chunk):
                if line:
                    yield _load(line, lines.number, loads)
        if line := lines.end():
            yield _load(line, lines.number, loads)
    finally:
        # A generator that a loop has left is otherwise closed in another task, once it is collected.
        await stream.aclose()


def _load(line: bytes, number: int, loads: Callable[[str], Any]) -> Any:
    try:
        return loads(line.decode())
    except UnicodeDecodeError as exc:
        raise InvalidJSONLine("Not utf-8", line.decode("utf-8", "replace"), 0, number) from exc
    except InvalidJSON as exc:
        raise InvalidJSONLine(exc.msg, exc.doc, exc.pos, number) from None
