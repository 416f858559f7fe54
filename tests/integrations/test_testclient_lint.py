"""Lint around applications of seven frameworks: what they do is right, or a habit that is known."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pytest

from asgi_testclient import Lint, TestClient, WebSocketDisconnect

HABITS = {
    "integrations.site_django": {"W01"},
    "integrations.site_sanic": {"W01"},
    "integrations.site_blacksheep": {"W01", "W02"},
}
if not version("quart").startswith(("0.20.", "0.21.", "0.22.")):
    HABITS["integrations.site_quart"] = {"E27"}  # from 0.23, which needs 3.13, the handler starts before receive() does


def visit(client: Any, site: Any) -> None:
    for path in ("/", "/missing", "/stream", "/redirect", "/cookies"):
        client.get(path)
        client.head(path)
    client.post("/echo", content=b"x" * 100_000)
    client.post("/upload", files={"file": ("a.txt", b"content")}, data={"title": "A"})
    if site.features.get("background", True):
        client.get("/background")
        client.wait_idle(5)
    if site.features.get("websocket", True):
        with client.websocket_connect("/ws", subprotocols=["chat"]) as websocket:
            websocket.send_text("one")
            websocket.receive_text()
            websocket.send_text("close")
            with pytest.raises(WebSocketDisconnect):
                websocket.receive_text()


def test_frameworks_and_the_client_keep_to_the_protocol(site: Any) -> None:
    lint = Lint(Lint(site.create()))
    with TestClient(lint, raise_server_exceptions=False) as client:
        visit(client, site)
    lint.assert_clean()
    assert {violation.code for violation in lint.violations} == HABITS.get(site.__name__, set())
