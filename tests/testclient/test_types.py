"""Type checkers see what the clients return: `response.asgi`, sessions and the options."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKED = """
from collections.abc import Callable
from typing import Any

from asgi_testclient import AsyncTestClient, LifespanManager, TestClient, Violation


async def app(scope: Any, receive: Any, send: Any) -> None: ...


def test_sync(client: TestClient) -> None:
    response = client.get("/", params={"a": 1}, headers={"x": "y"})
    violations: list[Violation] = response.asgi.violations
    response.asgi.wait_closed(timeout=1)
    status: int = client.request("GET", "/").status_code + client.post("/", json=1).status_code
    done: bool = client.send(client.build_request("PUT", "/")).asgi.done
    with client.stream("GET", "/") as streamed:
        streamed.asgi.disconnect()
    with client.websocket_connect("/", ["chat"]) as session:
        text: str = session.receive_text(timeout=None)
    exchange = client.last_exchange
    assert exchange is not None
    exchange.wait_closed()
    if client.portal is not None:
        client.portal.call(print)


async def test_async(client: AsyncTestClient) -> None:
    response = await client.get("/")
    await response.asgi.wait_closed()
    messages: list[tuple[str, Any]] = [(a, b) for a, b in (await client.delete("/")).asgi.messages]
    async with client.stream("GET", "/") as streamed:
        streamed.asgi.disconnect()
    async with client.websocket_connect("/") as session:
        content: bytes = await session.receive_bytes()
    async with LifespanManager(app, startup_timeout=3) as manager:
        state: dict[str, Any] = manager.state


TestClient(app, strict="all", timeout=None, ignore={"W01"}, auth=("a", "b"))
"""
WRONG = """
from asgi_testclient import TestClient

TestClient(None, timeot=3)
TestClient(None, strict="yes")
TestClient(None).get("/", jsn=1)
TestClient(None).get("/").asgi.nothing
"""


def checked(tmp_path: Path, cache: Path, code: str) -> list[str]:
    """Return the complaints of mypy about some code, each with its line."""
    file = tmp_path / "uses.py"
    file.write_text(code)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={cache}", "--no-error-summary"]
    done = subprocess.run([*command, str(file)], capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path)
    return [line for line in done.stdout.splitlines() + done.stderr.splitlines() if ": error:" in line]


def test_mypy_knows_the_responses_and_the_options(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("mypy", reason="needs mypy: pip install mypy")
    cache = Path(request.config.cache.mkdir("mypy"))  # type: ignore[union-attr]
    assert checked(tmp_path, cache, CHECKED) == []
    lines = {line.partition("uses.py:")[2].partition(":")[0] for line in checked(tmp_path, cache, WRONG)}
    assert lines == {"4", "5", "6", "7"}


@pytest.mark.whole  # node takes seconds to start
def test_pyright_knows_the_responses_and_the_options(tmp_path: Path) -> None:
    pytest.importorskip("basedpyright", reason="needs basedpyright: pip install basedpyright")
    found = {}
    for name, code in {"right": CHECKED, "wrong": WRONG}.items():
        (tmp_path / f"{name}.py").write_text(code)
        command = [sys.executable, "-m", "basedpyright", "--outputjson", "--level", "error", f"{name}.py"]
        command += ["--pythonpath", sys.executable]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path)
        report = json.loads(done.stdout)["generalDiagnostics"]
        rules = {"reportCallIssue", "reportArgumentType", "reportAttributeAccessIssue", "reportAssignmentType"}
        found[name] = {entry["range"]["start"]["line"] + 1 for entry in report if entry.get("rule") in rules}
    assert found == {"right": set(), "wrong": {4, 5, 6, 7}}
