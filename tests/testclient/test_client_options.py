"""The options: each is written once, checked once, and described."""

from __future__ import annotations

import re
from typing import Any

import pytest

import asgi_testclient.httpx
from asgi_testclient import ASGITransport, TestClient
from asgi_testclient._options import ClientOptions, Options, Settings, TransportOptions


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"ok"})


def test_every_option_is_a_setting_and_every_setting_an_option() -> None:
    settings = {name for name, field in Settings.__dataclass_fields__.items() if field.init}
    assert settings == set(TransportOptions.__annotations__)


def test_every_option_is_described() -> None:
    text = asgi_testclient.httpx.TestClient.__doc__ or ""
    for name in {*Options.__annotations__, *ClientOptions.__annotations__, *TransportOptions.__annotations__}:
        assert re.search(rf"\b{name}\b", text), name


@pytest.mark.parametrize("make", [TestClient, ASGITransport])
def test_an_unknown_option_is_refused_with_the_one_that_was_meant(make: Any) -> None:
    with pytest.raises(TypeError, match=r"^the test client has no option 'timeot'; did you mean 'timeout'\?$"):
        make(app, timeot=3)
    with pytest.raises(TypeError, match="^the test client has no option 'colour'$"):
        make(app, colour="red")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lifespan": "yes"}, "lifespan is one of 'auto', 'on', 'off', 'raise', not 'yes'"),
        ({"strict": True}, "strict is one of 'errors', 'all', 'order', 'off', not True"),
        ({"loop": "new"}, "loop is one of 'persistent', 'per-request', not 'new'"),
        ({"backend": "uvloop"}, "backend is one of 'asyncio', 'trio', not 'uvloop'"),
        ({"sync_on_caller": "yes"}, "sync_on_caller is one of True, False, 'auto', not 'yes'"),
        ({"timeout": "5"}, "timeout is a number from 0, not '5'"),
        ({"timeout": -1}, "timeout is a number from 0, not -1"),
        ({"disconnect_grace": None}, "disconnect_grace is a number from 0, not None"),
        ({"stream_buffer": True}, "stream_buffer is a number from 0, not True"),
        ({"ignore": {"E99"}}, "no such code to ignore: E99"),
        ({"spec_version": "two"}, "spec_version is two numbers and a dot, such as '2.3', not 'two'"),
    ],
)
def test_an_impossible_value_is_refused(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        TestClient(app, **options)


def test_no_limit_is_a_limit() -> None:
    assert TestClient(app, timeout=None).get("/").text == "ok"


def test_a_subclass_prepares_its_scopes() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["type"], scope["tenant"]))
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.accept"})
        await send({"type": "http.response.start", "status": 204})
        return await send({"type": "http.response.body"})

    class Transport(ASGITransport):
        def prepare_scope(self, scope: Any) -> Any:
            return {**scope, "tenant": "acme"}

    class Client(TestClient):
        transport_type = Transport
        handshake_headers = {"x-own": "1"}

    client = Client(app)
    client.get("/")
    with client.websocket_connect("/") as session:
        headers = dict(session.scope["headers"])
    assert seen == [("http", "acme"), ("websocket", "acme")]
    assert headers[b"x-own"] == b"1"
    assert b"sec-websocket-key" not in headers
