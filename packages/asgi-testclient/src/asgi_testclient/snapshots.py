"""Responses as plain data, for snapshot tests with syrupy, inline-snapshot or a file of your own.

    from asgi_testclient import TestClient, snapshot_of

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'{"celsius": -3}'})

    assert snapshot_of(TestClient(app).get("/")) == {
        "status": 200,
        "headers": {"content-type": "application/json"},
        "body": {"celsius": -3},
    }

The values of the headers in `redact`, by default those that hold secrets and the date, are left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn, Protocol

from ._recording import redacted, text_or_base64
from .replay import REDACTED

__all__ = ["snapshot_of"]


class _Headers(Protocol):
    def multi_items(self) -> list[tuple[str, str]]: ...


class _Response(Protocol):
    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Any: ...
    @property
    def content(self) -> bytes: ...


def snapshot_of(response: _Response, *, redact: Iterable[str] = REDACTED) -> dict[str, Any]:
    """Return the status, the headers and the body of a response that has been read.

    A header that occurs several times is a list. JSON is parsed, unless it has NaN or infinities, which no snapshot can
    hold; other bodies are text, or base64 where they are not UTF-8. `redact` names the headers whose values are left
    out; of Set-Cookie the name and the attributes stay, of Expires whether it is past.
    """
    names = {name.lower() for name in redact}
    headers: dict[str, Any] = {}
    pairs: _Headers = response.headers
    for name, value in pairs.multi_items():
        shown = redacted(name.lower(), value) if name.lower() in names else value
        known = headers.get(name.lower())
        headers[name.lower()] = shown if known is None else [*(known if isinstance(known, list) else [known]), shown]
    return {"status": response.status_code, "headers": headers, "body": _body(response)}


def _body(response: _Response) -> Any:
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json" or media_type.endswith("+json"):
        try:
            return json.loads(response.content, parse_constant=_refuse, parse_float=_finite)
        except (ValueError, RecursionError):
            pass  # a body that is not what its type says is shown as it is
    return text_or_base64(response.content)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _refuse(text: str) -> NoReturn:
    # NaN does not equal itself, and inline-snapshot would write `inf` into the test, a name that is not there.
    raise ValueError(f"no snapshot can hold {text}")


snapshot_of.__module__ = __name__.partition(".")[0]
