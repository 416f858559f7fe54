from __future__ import annotations

import subprocess
import sys

import pytest

from asgi_framework import App, PlainTextResponse, Route, TestClient, WebSocketDisconnect, WebSocketRoute
from asgi_framework.testclient import AsyncTestClient


async def hello(request):
    return PlainTextResponse("hello")


async def goodbye(websocket):
    await websocket.accept()
    await websocket.close(4001, "bye")


app = App(routes=[Route("/", hello), WebSocketRoute("/ws", goodbye)])


def test_the_client_calls_the_application():
    with TestClient(app) as client:
        assert client.get("/").text == "hello"


async def test_the_async_client_calls_it_on_the_loop_of_the_test():
    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).text == "hello"


def test_a_close_is_the_disconnect_that_the_framework_knows():
    with TestClient(app) as client, client.websocket_connect("/ws") as session:
        with pytest.raises(WebSocketDisconnect) as caught:
            session.receive_text()
        assert (caught.value.code, caught.value.reason) == (4001, "bye")


def test_without_the_package_it_says_what_to_install():
    code = "import sys; sys.modules['asgi_testclient'] = None; import asgi_framework.testclient"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "the test client needs asgi-testclient: pip install asgi-framework[testclient]" in result.stderr
