"""Conditional requests as pure functions: what the client has, against the current version (RFC 9110 §13).

    from asgi_requests.files import evaluate_preconditions
    from asgi_requests.responses import Response

    async def app(scope, receive, send):
        status = evaluate_preconditions(scope, etag='"v7"')
        response = Response("seven", headers={"etag": '"v7"'}) if status is None else Response(status_code=status)
        await response(scope, receive, send)

Dates are compared in whole seconds, as HTTP dates are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache

from ..types import Scope

_CONDITIONS = frozenset(
    {b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range", b"range"}
)
_ENTITY_TAG = re.compile(r'"[^"]*"')
# The longest of the three forms of an HTTP date has 33 characters.
_MAX_DATE = 40


def evaluate_preconditions(
    scope: Scope, *, etag: str | None = None, last_modified: datetime | float | None = None
) -> int | None:
    """Return 304 or 412 where the request's conditions call for it, None to proceed (RFC 9110 §13.2.2).

    `etag` has its quotes, as in the header; `last_modified` is a datetime with a time zone or seconds since 1970.
    """
    if isinstance(last_modified, datetime):
        last_modified = last_modified.timestamp()
    date = None if last_modified is None else http_date(int(last_modified))
    return precondition(scope["method"], request_conditions(scope), etag, date)


def request_conditions(scope: Scope) -> dict[str, str]:
    """Return the conditional headers and Range by name, repeated ones as one list (RFC 9110 §5.3)."""
    found: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    for name, value in scope.get("headers", ()):
        if name in _CONDITIONS:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            if key in found:
                repeated.setdefault(key, [found[key]]).append(text)
            else:
                found[key] = text
    for key, texts in repeated.items():
        found[key] = ", ".join(texts)
    return found


def precondition(method: str, conditions: Mapping[str, str], etag: str | None, last_modified: str | None) -> int | None:
    """Return the status that the conditions call for, in the order of RFC 9110 §13.2.2.

    `last_modified` is an HTTP date.
    """
    if not conditions:
        return None
    if (tags := conditions.get("if-match")) is not None:
        if not _matches(tags, etag, weak=False):
            return 412
    elif (since := conditions.get("if-unmodified-since")) is not None and _unchanged_since(
        since, last_modified
    ) is False:
        return 412
    is_read = method in ("GET", "HEAD")
    if (tags := conditions.get("if-none-match")) is not None:
        if _matches(tags, etag, weak=True):
            return 304 if is_read else 412
    elif (
        is_read
        and (since := conditions.get("if-modified-since")) is not None
        and _unchanged_since(since, last_modified)
    ):
        return 304
    return None


def range_applies(conditions: Mapping[str, str], etag: str | None, last_modified: str | None) -> bool:
    """Return whether If-Range, if present, names the current version by strong tag or exact date (§13.1.5)."""
    validator = conditions.get("if-range")
    if validator is None:
        return True
    validator = validator.strip(" \t")
    if '"' in validator:
        return validator == etag and validator[:2] != "W/"
    return last_modified is not None and parse_http_date(validator) == parse_http_date(last_modified) is not None


def _matches(tags: str, etag: str | None, *, weak: bool) -> bool:
    """Return whether a list of entity tags, or `*`, includes the current one (RFC 9110 §8.8.3.2)."""
    if tags.strip(" \t") == "*":
        return True
    if etag is None or (etag[:2] == "W/" and not weak):
        return False
    ours = etag.removeprefix("W/")
    if ours not in tags or not _ENTITY_TAG.fullmatch(ours):  # most lists have not even the text of it
        return False
    # Quotes come in pairs: what stands in them are the tags, what stands before is their mark, if they are weak.
    parts = tags.split('"')
    listed, opaque = parts[1:-1:2], ours[1:-1]
    if weak:
        return opaque in listed
    return any(tag == opaque and not mark.endswith("W/") for mark, tag in zip(parts[::2], listed, strict=False))


def _unchanged_since(since: str, last_modified: str | None) -> bool | None:
    """Return None if either date is invalid: such a condition is ignored."""
    if last_modified is None:
        return None
    if since == last_modified:
        return True
    limit, modified = parse_http_date(since), parse_http_date(last_modified)
    return None if limit is None or modified is None else modified <= limit


@lru_cache(maxsize=1024)
def http_date(seconds: int) -> str:
    """Return seconds since 1970 as an HTTP date (RFC 9110 §5.6.7)."""
    return formatdate(seconds, usegmt=True)


def parse_http_date(value: str) -> datetime | None:
    """Return an HTTP date in any of its three forms as a datetime, or None if it is invalid."""
    if len(value) > _MAX_DATE:
        return None
    try:
        date = parsedate_to_datetime(value)
        # The form of asctime has no zone, and is UTC (RFC 9110 §5.6.7).
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
