"""The debug page: HTML and CSS only, with everything from the request escaped and library frames folded away."""

from __future__ import annotations

import base64
import hashlib
import platform
from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby
from traceback import format_exception
from typing import Any

from ..types import Scope
from ._failures import Failure, Frame, describe
from ._redaction import MASK, is_secret, masked, masked_traceback
from ._style import STYLE

# No script runs on the page, and no other style than its own: an exception may quote an attacker's markup, and escaping
# is the first defence, not the only one.
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
).encode()


def render_page(exc: Exception, scope: Scope, *, show_locals: bool) -> str:
    """Return the page for an exception and the request that raised it."""
    failure = describe(exc, show_locals=show_locals)
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">',
            f"<title>{_text(failure.name)}: {_text(failure.message[:100])}</title>",
            f"<style>{STYLE}</style></head><body><main>",
            *_chain(failure, scope),
            *_request(scope),
            '<section><details><summary><h2>Traceback as text</h2></summary><pre class="text">',
            _text(masked_traceback("".join(format_exception(exc)))),
            "</pre></details></section></main><footer>Python ",
            _text(platform.python_version()),
            " · debug page of ServerErrorMiddleware: never switch it on in production</footer></body></html>",
        ]
    )


def _chain(failure: Failure, scope: Scope) -> Iterator[str]:
    yield f'<header><p class="request">{_text(_request_line(scope))}</p>'
    yield from _title(failure, "h1")
    yield "</header>"
    yield from _body(failure)
    yield from _origins(failure)


def _origins(failure: Failure) -> Iterator[str]:
    while failure.origin is not None:
        relation = "Caused by" if failure.is_cause else "Raised while this was being handled"
        failure = failure.origin
        yield f'<section class="origin"><p class="relation">{relation}</p>'
        yield from _title(failure, "h2")
        yield "</section>"
        yield from _body(failure)


def _title(failure: Failure, tag: str) -> Iterator[str]:
    yield f'<{tag} class="name">{_text(failure.name)}</{tag}>'
    yield from _words(failure)


def _words(failure: Failure) -> Iterator[str]:
    if failure.message:
        yield f'<pre class="message">{_text(failure.message)}</pre>'
    for note in failure.notes:
        yield f'<pre class="note">{_text(note)}</pre>'


def _body(failure: Failure) -> Iterator[str]:
    if failure.frames:
        yield '<section><p class="order">Most recent call first</p>'
        yield from _frames(failure)
        yield "</section>"
    for number, child in enumerate(failure.children, 1):
        yield f'<section class="child"><details open><summary>Exception {number} of the group: '
        yield f"<b>{_text(child.name)}</b></summary>"
        yield from _words(child)
        yield from _body(child)
        yield from _origins(child)
        yield "</details></section>"


def _frames(failure: Failure) -> Iterator[str]:
    """Yield the application's frames one by one, the first open, and library frames in a row under one summary."""
    # The fault is usually in the application's own code, and a web framework's calls would fill the first screen.
    opened = False
    shown = 0
    for is_library, group in groupby(failure.frames, key=lambda frame: frame.is_library):
        frames = list(group)
        if is_library:
            word = "call" if len(frames) == 1 else "calls"
            names = ", ".join(dict.fromkeys(frame.module.partition(".")[0] for frame in frames))
            yield f'<details class="library"><summary>{len(frames)} library {word} <i>{_text(names)}</i></summary>'
        for frame in frames:
            shown += 1
            yield from _frame(frame, is_open=not is_library and (not opened or len(failure.frames) < 6))
            opened = opened or not is_library
            if failure.omitted and shown == len(failure.frames) // 2:
                yield f'<p class="omitted">{failure.omitted} more calls</p>'
        if is_library:
            yield "</details>"


def _frame(frame: Frame, *, is_open: bool) -> Iterator[str]:
    directory, separator, file = frame.filename.replace("\\", "/").rpartition("/")
    yield f'<details class="frame"{" open" if is_open else ""}><summary><b>{_text(frame.function)}</b> '
    yield f'<span class="path">{_text(directory + separator)}<em>{_text(file)}:{frame.lineno}</em></span></summary>'
    if frame.lines:
        yield '<div class="code"><ol>'
        margin = _margin(line for _, line in frame.lines)
        for number, line in frame.lines:
            yield _line(number, line, frame, margin)
        yield "</ol></div>"
    if frame.variables:
        yield "<table>"
        for name, value in frame.variables:
            yield f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>"
        yield "</table>"
    yield "</details>"


def _line(number: int, line: str, frame: Frame, margin: int) -> str:
    if number != frame.lineno:
        return f"<li><i>{number}</i><code>{_text(line[margin:])}</code></li>"
    if frame.marked is None:
        code = _text(line[margin:])
    else:
        begin, end = frame.marked
        code = f"{_text(line[margin:begin])}<mark>{_text(line[begin:end])}</mark>{_text(line[end:])}"
    return f'<li class="failed"><i>{number}</i><code>{code}</code></li>'


def _margin(lines: Iterable[str]) -> int:
    """Return the columns of indentation that all lines share."""
    return min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)


def _request_line(scope: Scope) -> str:
    query = scope.get("query_string") or b""
    target = scope.get("path", "") + (f"?{query.decode('latin-1')}" if query else "")
    return f"{scope.get('method', '')} {masked(target)}"


def _request(scope: Scope) -> Iterator[str]:
    yield "<section><details><summary><h2>Request</h2></summary><table>"
    rows: list[tuple[str, Any]] = [(key, scope.get(key)) for key in ("client", "server", "scheme", "http_version")]
    yield from (f"<tr><th>{name}</th><td>{_text(value)}</td></tr>" for name, value in rows)
    for name, value in scope.get("headers", ()):
        text = MASK if is_secret(bytes(name)) else masked(bytes(value).decode("latin-1"))
        yield f"<tr><th>{_text(bytes(name).decode('latin-1'))}</th><td>{_text(text)}</td></tr>"
    yield "</table></details></section>"


def _text(value: object) -> str:
    return escape(str(value))
