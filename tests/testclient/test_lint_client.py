"""Lint says what the test client itself does as a server: its scopes, its messages, and what it leaves alone."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest

from asgi_testclient import AsyncTestClient, Lint, TestClient, WebSocketDisconnect


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
    elif scope["type"] == "websocket":
        await receive()
        if scope["path"] == "/denied":
            await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b"no"})
            return
        await send({"type": "websocket.accept", "subprotocol": "chat"})
        while (message := await receive())["type"] == "websocket.receive":
            await send(message | {"type": "websocket.send"})
    else:
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
        trailers = scope["path"] == "/trailers"
        await send({"type": "http.response.debug", "info": {}})
        await send({"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]})
        await send({"type": "http.response.start", "status": 200, "trailers": trailers})
        while scope["path"] == "/endless" and message["type"] != "http.disconnect":
            await send({"type": "http.response.body", "body": b"tick", "more_body": True})
            message = await receive()
        await send({"type": "http.response.body", "body": b"hello"})
        if trailers:
            await send({"type": "http.response.trailers", "headers": [(b"a", b"b")]})


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_client_is_a_right_server(backend: Any) -> None:
    lint = Lint(Lint(app, strict="all"), strict="all")
    with TestClient(lint, backend=backend, http_version="2", root_path="/mount") as client:
        assert client.get("/caf%C3%A9?a=b", headers={"X-Name": "caf\xe9".encode("latin-1")}).text == "hello"
        assert client.head("/").text == ""
        client.post("/", content=b"x" * 1_000_000)
        client.post("/", content=iter([b"a", b"", b"b"]))
        client.get("/trailers")
        with client.stream("GET", "/endless") as response:
            assert next(response.iter_bytes()) == b"tick"
        with client.websocket_connect("/", subprotocols=["chat"]) as websocket:
            websocket.send_text("a")
            websocket.send_bytes(b"a")
            assert (websocket.receive_text(), websocket.receive_bytes()) == ("a", b"a")
        with client.websocket_connect("/", subprotocols=["chat"]) as websocket:
            websocket.disconnect()
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/denied"):
            pass
    assert lint.violations == []


# httpx does not close its own generators where a test breaks out of them; httpx2 does.
@pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")
async def test_the_asynchronous_client_is_a_right_server() -> None:
    lint = Lint(Lint(app, strict="all"), strict="all")
    async with AsyncTestClient(lint, server=("/run/app.sock", None)) as client:
        assert (await client.post("/", content=b"x" * 200_000)).text == "hello"
        async with client.stream("GET", "/endless") as response, aclosing(response.aiter_bytes()) as chunks:
            assert await anext(chunks) == b"tick"
        async with client.websocket_connect("/", subprotocols=["chat"]) as websocket:
            await websocket.send_text("a")
            assert await websocket.receive_text() == "a"
    assert lint.violations == []
