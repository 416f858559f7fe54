"""Answer conditional requests: 304 for a copy that is still current, 412 for a lost update (RFC 9110 §13).

    from asgi_middleware.conditional import ConditionalMiddleware, Validators

    async def validators(scope):                # of the current version, before any work; None if unknown
        note = await notes.head(scope["path"])
        return note and Validators(etag=f'"{note.version}"', last_modified=note.changed)

    app = ConditionalMiddleware(app, validators=validators)

Responses to GET and HEAD that come in one piece without a validator get an ETag, a hash of their bytes, up to a size.
It belongs inside compression, which changes the bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from ._configuration import application, check_function, check_numbers
from ._endless import is_endless, with_lasting_headers
from ._headers import all_values, first_value
from ._replies import send_text
from ._scope import request_headers
from .types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["ConditionalMiddleware", "Validators"]

_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
# A 304 updates these in the client's stored response (RFC 9110 §15.4.5). Content-Length and Content-Type would describe
# a body that is not sent, which some proxies then wait for. Set-Cookie is not about the representation.
_KEPT_IN_304 = frozenset(
    {b"cache-control", b"content-location", b"date", b"etag", b"expires", b"vary", b"last-modified", b"set-cookie"}
)
_SAFE = ("GET", "HEAD")


@dataclass(frozen=True)
class Validators:
    """The current validators of a resource (RFC 9110 §8.8).

    `etag` is an entity tag with its quotes; `last_modified` has a time zone. If both are None the resource does not
    exist. Raises ValueError for a malformed tag and for a date without time zone.
    """

    etag: str | None = None
    last_modified: datetime | None = None

    def __post_init__(self) -> None:
        self._check()

    def _check(self) -> None:
        if self.etag is not None and not _TAG.fullmatch(self.etag):
            raise ValueError(f"etag={self.etag!r} must be an entity tag in quotes, such as '\"v1\"' (RFC 9110 §8.8.3)")
        if self.last_modified is not None and self.last_modified.tzinfo is None:
            raise ValueError(f"last_modified={self.last_modified!r} must have a time zone")


class _Found(Validators):
    """The validators of a response, which are not checked: a malformed tag simply never matches."""

    def _check(self) -> None:
        pass


class ConditionalMiddleware:
    """Middleware that evaluates If-Match, If-None-Match, If-Modified-Since and If-Unmodified-Since.

    `validators(scope)` returns those of the resource before the application is called, for every method: 412 and 304
    are then sent without calling it. Without this function, or if it returns None, only responses to GET and HEAD are
    compared, since a 412 is useless after the work is done. `max_size` is in bytes: responses in one piece up to it get
    an ETag of their bytes unless they have a validator or are marked no-store; 0 disables that.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        validators: Callable[[Scope], Validators | None | Awaitable[Validators | None]] | None = None,
        max_size: int = 1_000_000,
    ) -> None:
        if validators is not None:
            check_function("validators", validators)
        check_numbers(max_size=max_size)
        if max_size < 0:
            raise ValueError(f"max_size={max_size!r} must be a number of bytes, or 0 for no tags")
        self.app = application(app, self)
        self.validators = validators
        self.max_size = max_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        conditions = _Conditions(request_headers(scope), scope["method"])
        if self.validators is not None and conditions.any:
            known: Any = self.validators(scope)
            if hasattr(known, "__await__"):
                known = await known
            if known is not None:
                status = conditions.evaluate(known)
                if status is not None:
                    return await _answer(scope, send, status, known)
        if scope["method"] not in _SAFE:
            return await self.app(scope, receive, send)
        response = _Response(self.max_size, conditions, scope, send)
        try:
            await self.app(scope, receive, response.send)
        finally:
            await response.release()
        return None


class _Conditions:
    """The preconditions of a request."""

    def __init__(self, headers: Any, method: str) -> None:
        self.is_read = method in _SAFE
        self.if_match = all_values(headers, b"if-match")
        self.if_none_match = all_values(headers, b"if-none-match")
        self.if_unmodified_since = _date(first_value(headers, b"if-unmodified-since"))
        self.if_modified_since = _date(first_value(headers, b"if-modified-since")) if self.is_read else None
        self.any = bool(self.if_match or self.if_none_match or self.if_unmodified_since or self.if_modified_since)

    def evaluate(self, known: Validators) -> int | None:
        """Return 412 or 304, or None to go on, by the order of precedence of RFC 9110 §13.2.2."""
        exists = known.etag is not None or known.last_modified is not None
        if self.if_match:
            if not _matches(self.if_match, known.etag, exists, weakly=False):
                return 412
        elif self.if_unmodified_since and known.last_modified and _seconds(known) > self.if_unmodified_since:
            return 412  # a resource without a date ignores the field (RFC 9110 §13.1.4)
        return self.evaluate_read(known, exists)

    def evaluate_read(self, known: Validators, exists: bool = True) -> int | None:
        """Return 304 if the client has the current representation (412 unless GET or HEAD), otherwise None."""
        if self.if_none_match:
            if _matches(self.if_none_match, known.etag, exists, weakly=True):
                return 304 if self.is_read else 412
        elif self.if_modified_since and known.last_modified and _seconds(known) <= self.if_modified_since:
            return 304
        return None


def _seconds(known: Validators) -> datetime:
    """Return the modification date in whole seconds, as HTTP dates have it."""
    assert known.last_modified is not None
    return known.last_modified.replace(microsecond=0)


def _matches(fields: Sequence[bytes], etag: str | None, exists: bool, *, weakly: bool) -> bool:
    """Return whether a list of tags contains this one; weak tags match only weakly (RFC 9110 §8.8.3.2)."""
    text = b",".join(fields)
    if text.strip(b" \t") == b"*":
        return exists
    if etag is None or not _TAG.fullmatch(etag) or (etag.startswith("W/") and not weakly):
        return False
    own = etag.removeprefix("W/").encode("latin-1")
    if own not in text:
        return False
    # A tag cannot contain a quote, so splitting at quotes alternates between what precedes a tag (a comma, and `W/` if
    # it is weak) and the tag. No regular expression walks over a list of a client's megabytes.
    parts = text.split(b'"')
    tags = parts[1:-1:2]
    if weakly:
        return own[1:-1] in tags
    return any(tag == own[1:-1] and not mark.endswith(b"W/") for mark, tag in zip(parts[::2], tags, strict=False))


class _Response:
    """A `send` that holds the start of a response to GET or HEAD until its validators are known."""

    def __init__(self, max_size: int, conditions: _Conditions, scope: Scope, send: Send) -> None:
        self._max_size = max_size
        self._conditions = conditions
        self._scope = scope
        self._send = send
        self._held: Message | None = None
        self._dropping = False

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if self._dropping and kind.startswith("http.response."):
            return None  # a 304 has been sent instead
        if kind == "http.response.start" and message["status"] in (200, 206):
            return await self._start(with_lasting_headers(message))
        if self._held is not None and kind == "http.response.body":
            held, self._held = self._held, None
            body = message.get("body", b"")
            is_whole = not message.get("more_body", False) and self._scope["method"] != "HEAD"
            if is_whole and len(body) <= self._max_size:
                tag = b'"' + hashlib.blake2b(body, digest_size=16).hexdigest().encode() + b'"'
                held = {**held, "headers": [*held.get("headers", ()), (b"etag", tag)]}
                if await self._is_answered(held):
                    return None
            await self._send(held)
        else:
            await self.release()
        return await self._send(message)

    async def _start(self, start: Message) -> None:
        headers = start.get("headers", ())
        has_validator = first_value(headers, b"etag") is not None or first_value(headers, b"last-modified") is not None
        if has_validator:
            return None if await self._is_answered(start) else await self._send(start)
        if start["status"] == 206:  # a hash of a part would not identify the whole
            return await self._send(start)
        control = b",".join(all_values(headers, b"cache-control")).lower()
        if not self._max_size or b"no-store" in control or is_endless(self._scope, start) or start.get("trailers"):
            return await self._send(start)
        self._held = start
        return None

    async def _is_answered(self, start: Message) -> bool:
        headers = start.get("headers", ())
        etag = first_value(headers, b"etag")
        known = _Found(None if etag is None else etag.decode("latin-1"), _date(first_value(headers, b"last-modified")))
        if self._conditions.evaluate_read(known) != 304:
            return False
        kept = [pair for pair in headers if pair[0].lower() in _KEPT_IN_304]
        self._dropping = True
        await self._send({"type": "http.response.start", "status": 304, "headers": kept})
        await self._send({"type": "http.response.body", "body": b""})
        return True

    async def release(self) -> None:
        """Send the start, if it is still held."""
        held, self._held = self._held, None
        if held is not None:
            await self._send(held)


async def _answer(scope: Scope, send: Send, status: int, known: Validators) -> None:
    headers = [] if known.etag is None else [(b"etag", known.etag.encode("latin-1"))]
    if known.last_modified is not None:
        moment = known.last_modified.astimezone(UTC).replace(microsecond=0)
        headers.append((b"last-modified", format_datetime(moment, usegmt=True).encode()))
    if status == 412:
        return await send_text(scope, send, 412, "Precondition Failed", headers)
    await send({"type": "http.response.start", "status": 304, "headers": headers})
    return await send({"type": "http.response.body", "body": b""})


def _date(value: bytes | None) -> datetime | None:
    """Return an HTTP date; a malformed one is ignored, as if it had not been sent (RFC 9110 §13.1.3)."""
    if value is None or len(value) > 64:
        return None
    try:
        moment = parsedate_to_datetime(value.decode("latin-1"))
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
