"""The preconditions of a request as an exception, for handlers: before the work is done (RFC 9110 §13.2.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from ..exceptions import HTTPException
from ..types import Scope
from .conditional import evaluate_preconditions, http_date, request_conditions

_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


def check_preconditions(
    scope: Scope,
    etag: str | None,
    last_modified: datetime | float | None,
    exists: bool,
    headers: Mapping[str, str] | None,
) -> None:
    """Raise HTTPException, 304 or 412, where the conditions of a request call for it.

    The answer has the validators, and `headers`. Raises ValueError for a malformed validator.
    """
    if etag is not None and not _ENTITY_TAG.fullmatch(etag):
        raise ValueError(f"etag={etag!r}: an entity tag in quotes, such as '\"v1\"' (RFC 9110 §8.8.3)")
    if isinstance(last_modified, datetime):
        if last_modified.tzinfo is None:
            raise ValueError(f"last_modified={last_modified!r}: a datetime with a time zone")
        last_modified = last_modified.timestamp()
    if exists:
        status = evaluate_preconditions(scope, etag=etag, last_modified=last_modified)
    else:  # there is nothing to match, to have, or to have been modified
        status = 412 if "if-match" in request_conditions(scope) else None
    if status is None:
        return
    answer = {name.lower(): value for name, value in (headers or {}).items()}
    if etag is not None:
        answer["etag"] = etag
    if last_modified is not None:
        answer["last-modified"] = http_date(int(last_modified))
    raise HTTPException(status, headers=answer)
