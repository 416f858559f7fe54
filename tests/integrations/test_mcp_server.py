"""An MCP server of the `mcp` package behind BearerAuthMiddleware: what the authorization of its specification asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from asgi_middleware.bearer import BearerAuthMiddleware
from asgi_testclient import TestClient

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
ACCEPT = {"accept": "application/json, text/event-stream"}


def guarded_server() -> Any:
    pytest.importorskip("mcp", reason="pip install mcp")
    try:
        from mcp.server.fastmcp import FastMCP as Server
    except ImportError:
        from mcp.server.mcpserver import MCPServer as Server
    server = Server("notes")
    app = server.streamable_http_app()

    async def verify(token: str, scope: Any) -> Any:
        return type("User", (), {"scopes": ["notes"]})() if token == "swordfish" else None

    return BearerAuthMiddleware(
        app,
        verify,
        resource="http://127.0.0.1:8000/mcp",
        authorization_servers=["https://login.example"],
        scopes=["notes"],
    )


def test_a_client_finds_its_way_from_the_challenge_to_the_authorization_server() -> None:
    with TestClient(guarded_server(), base_url="http://127.0.0.1:8000", strict="off") as client:
        refused = client.post("/mcp", json=INITIALIZE, headers=ACCEPT)
        assert refused.status_code == 401
        challenge = refused.headers["www-authenticate"]
        assert challenge.startswith("Bearer ")
        url = challenge.partition('resource_metadata="')[2].partition('"')[0]
        metadata = client.get(url)
        assert metadata.json()["authorization_servers"] == ["https://login.example"]
        assert metadata.json()["resource"] == "http://127.0.0.1:8000/mcp"


@pytest.mark.filterwarnings("ignore::asgi_testclient.UnfinishedTasks")  # mcp leaves a task of its own
def test_with_a_token_the_server_answers() -> None:
    with TestClient(guarded_server(), base_url="http://127.0.0.1:8000", strict="off") as client:
        answer = client.post("/mcp", json=INITIALIZE, headers=ACCEPT | {"authorization": "Bearer swordfish"})
        assert answer.status_code == 200
        data = next(line for line in answer.text.splitlines() if line.startswith("data:"))
        assert json.loads(data.removeprefix("data:"))["result"]["serverInfo"]["name"] == "notes"
