"""Responses as plain data."""

from __future__ import annotations

from typing import Any

import pytest

from asgi_testclient import TestClient, snapshot_of


def answering(content_type: bytes | None, body: bytes) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"Date", b"Sat, 28 Nov 2026 12:00:00 GMT"), (b"Set-Cookie", b"id=secret; Path=/")]
        headers += [(b"vary", b"a"), (b"vary", b"b"), (b"vary", b"c")]
        if content_type is not None:
            headers.append((b"content-type", content_type))
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


HEADERS = {"date": "Thu, 01 Jan 1970 00:00:00 GMT", "set-cookie": "id=redacted; Path=/", "vary": ["a", "b", "c"]}


@pytest.mark.parametrize(
    ("content_type", "body", "shown"),
    [
        (b"application/json", b'{"a": [1]}', {"a": [1]}),
        (b"application/problem+json; charset=utf-8", b"{}", {}),
        (b"application/json", b"{", "{"),
        (b"text/plain", b'{"a": [1]}', '{"a": [1]}'),
        (None, b"\xff", {"base64": "/w=="}),
    ],
)
def test_a_response_is_plain_data(content_type: Any, body: bytes, shown: Any) -> None:
    response = TestClient(answering(content_type, body), strict="off").get("/")
    typed = {} if content_type is None else {"content-type": content_type.decode()}
    assert snapshot_of(response) == {"status": 201, "headers": {**HEADERS, **typed}, "body": shown}


def test_other_headers_are_redacted() -> None:
    response = TestClient(answering(None, b""), strict="off").get("/")
    headers = snapshot_of(response, redact=["Vary"])["headers"]
    assert headers["vary"] == ["redacted"] * 3
    assert headers["set-cookie"] == "id=secret; Path=/"
