"""A Quart application tested with our client: `pytest test_quart_application.py`."""

from __future__ import annotations

from quart import Quart, request, websocket

from asgi_testclient import TestClient

app = Quart(__name__)


@app.post("/double")
async def double():
    number = (await request.get_json())["number"]
    return {"double": number * 2}


@app.websocket("/echo")
async def echo():
    while True:
        await websocket.send(await websocket.receive())


def test_a_number_is_doubled():
    with TestClient(app) as client:
        response = client.post("/double", json={"number": 21})
    assert response.status_code == 200
    assert response.json() == {"double": 42}


def test_a_message_comes_back():
    with TestClient(app) as client, client.websocket_connect("/echo") as session:
        session.send_text("hello")
        assert session.receive_text() == "hello"
