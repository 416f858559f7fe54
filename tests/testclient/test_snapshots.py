"""Responses as plain data."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
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
        (b"application/json", b"[1.5, 1e300, 12]", [1.5, 1e300, 12]),
        (b"application/json", b"[NaN]", "[NaN]"),
        (b"application/json", b"[-Infinity]", "[-Infinity]"),
        (b"application/json", b"[1e400]", "[1e400]"),
        (b"application/json", b"[" * 100_000, "[" * 100_000),
        (b"application/json", '["\xe9"]'.encode("utf-16"), ["\xe9"]),
        (b"text/plain", b'{"a": [1]}', '{"a": [1]}'),
        (None, b"\xff", {"base64": "/w=="}),
    ],
)
def test_a_response_is_plain_data(content_type: Any, body: bytes, shown: Any) -> None:
    response = TestClient(answering(content_type, body), strict="off").get("/")
    typed = {} if content_type is None else {"content-type": content_type.decode()}
    assert snapshot_of(response) == {"status": 201, "headers": {**HEADERS, **typed}, "body": shown}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Wed, 09 Jun 2021 10:18:14 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("Wed, 09-Jun-2021 10:18:14 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("Wed, 09 Jun 2021 10:18:14 -0000", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("Fri, 03 Dec 3021 10:18:14 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"),
        ("0", "0"),
        ("Thu, 01 Jan 99999999999 00:00:00 GMT", "Thu, 01 Jan 99999999999 00:00:00 GMT"),
    ],
)
def test_dates_of_expiry_are_the_same_on_each_day(given: str, shown: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        cookies = [f"id=secret; expires={given}; Max-Age=60; Path=/expires=1", f"b=c; Path=/; Expires={given}"]
        headers = [(b"expires", given.encode()), (b"x-request-id", given.encode())]
        headers += [(b"set-cookie", cookie.encode()) for cookie in cookies]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    headers = snapshot_of(TestClient(app, lifespan="off").get("/"))["headers"]
    assert (headers["expires"], headers["x-request-id"]) == (shown, "redacted")
    assert headers["set-cookie"] == [
        f"id=redacted; expires={shown}; Max-Age=60; Path=/expires=1",
        f"b=redacted; Path=/; Expires={shown}",
    ]


def test_other_headers_are_redacted() -> None:
    response = TestClient(answering(None, b""), strict="off").get("/")
    headers = snapshot_of(response, redact=["Vary"])["headers"]
    assert headers["vary"] == ["redacted"] * 3
    assert headers["set-cookie"] == "id=secret; Path=/"


APPLICATION = """
import os
from asgi_testclient import AsyncTestClient, TestClient, snapshot_of

BODIES = {
    "/json": (b"application/json", b'{"b": [1, 2.5, null, true], "a": "line\\\\nbreak", "quote": "it\\'s"}'),
    "/nan": (b"application/json", b"[NaN, 1e400]"),
    "/text": (b"text/plain", b"one\\r\\ntwo"),
    "/bytes": (b"application/octet-stream", b"\\xff\\xfe"),
    "/nothing": (b"text/plain", b""),
}

async def app(scope, receive, send):
    content_type, body = BODIES[scope["path"]]
    headers = [(b"content-type", content_type), (b"date", os.urandom(4).hex().encode())]
    headers += [(b"set-cookie", b"id=%b; Path=/" % os.urandom(4).hex().encode()), (b"vary", b"a"), (b"vary", b"b")]
    await send({"type": "http.response.start", "status": int(os.environ.get("STATUS", "200")), "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""
SYRUPY = """
import asyncio
import pytest
from site_app import BODIES, AsyncTestClient, TestClient, app, snapshot_of

@pytest.mark.parametrize("path", BODIES)
def test_a_response(path, snapshot):
    assert snapshot_of(TestClient(app).get(path)) == snapshot

def test_an_awaited_response(snapshot):
    assert snapshot_of(asyncio.run(AsyncTestClient(app).get("/json"))) == snapshot
"""
INLINE = """
from inline_snapshot import snapshot
from site_app import TestClient, app, snapshot_of
""" + "".join(
    f"""
def test_{name}():
    assert snapshot_of(TestClient(app).get("/{name}")) == snapshot()
"""
    for name in ("json", "nan", "text", "bytes", "nothing")
)


LIBRARIES = {"syrupy": ("syrupy", SYRUPY), "inline_snapshot": ("inline_snapshot.pytest_plugin", INLINE)}
INSTALLED = {name: found for name, found in LIBRARIES.items() if importlib.util.find_spec(name) is not None}
OPTIONS = {"syrupy": "--snapshot-update", "inline_snapshot": "--inline-snapshot=create"}


@pytest.mark.skipif(not INSTALLED, reason="needs syrupy or inline-snapshot")
def test_snapshots_of_libraries_are_written_and_compared(tmp_path: Path) -> None:
    (tmp_path / "site_app.py").write_text(APPLICATION)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    plugins = []
    for name, (plugin, test) in INSTALLED.items():
        (tmp_path / f"test_{name}.py").write_text(test)
        plugins += ["-p", plugin]
    # Without the variables of CI and of pytest-xdist, where the libraries write nothing.
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"

    def outcome(*arguments: str, status: str = "200") -> str:
        command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugins, *arguments]
        variables = {**environment, "STATUS": status}
        result = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
        return result.stdout + result.stderr

    outcome(*(OPTIONS[name] for name in INSTALLED))
    for name in INSTALLED:
        files = [tmp_path / "test_inline_snapshot.py"] if name == "inline_snapshot" else tmp_path.rglob("*.ambr")
        assert all("id=redacted; Path=/" in file.read_text() for file in files)
    count = 5 * len(INSTALLED) + ("syrupy" in INSTALLED)
    assert f"\n{count} passed in" in outcome()
    assert f"\n{count} failed" in outcome(status="201")
