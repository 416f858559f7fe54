"""The example application on every server: page, form, upload, session, API, events, chat."""

from __future__ import annotations

import json

import httpx
from websockets.sync.client import connect as websocket

PNG = b"\x89PNG\r\n\x1a\n" + bytes(70_000)


def test_a_browser_pins_a_note_with_a_picture(pinned):
    with httpx.Client(base_url=pinned.url, timeout=60) as browser:
        form = {"author": "Ada", "text": f"from <{pinned.kind}>"}
        assert browser.post("/notes", data=form, files={"picture": ("../t.png", PNG)}).status_code == 303
        page = browser.get("/").text
        assert f"from &lt;{pinned.kind}&gt;" in page
        assert "Pinned." in page
        assert 'value="Ada"' in page
        note = browser.get("/api/notes").json()[0]
        picture = browser.get(f"/pictures/{note['picture']}")
        assert (picture.content, picture.headers["content-type"]) == (PNG, "image/png")
        part = browser.get(f"/pictures/{note['picture']}", headers={"range": "bytes=0-7"})
        assert (part.status_code, part.content) == (206, PNG[:8])
        assert browser.get("/static/board.css").headers["content-type"].startswith("text/css")


def test_the_api_makes_finds_and_removes(pinned):
    with httpx.Client(base_url=pinned.url, timeout=60, headers={"origin": "https://elsewhere.example"}) as client:
        made = client.post("/api/notes", json={"author": "Ada", "text": "by a program"})
        assert made.status_code == 201
        assert made.headers["access-control-allow-origin"] == "*"
        assert client.get(made.headers["location"]).json() == made.json()
        assert client.delete(made.headers["location"]).status_code == 204
        assert client.get(made.headers["location"]).headers["content-type"] == "application/problem+json"
        assert client.post("/api/notes", content=b"{").status_code == 422
        assert client.get("/nowhere").status_code == 404


def test_a_note_is_pushed_to_who_listens(pinned):
    with httpx.Client(base_url=pinned.url, timeout=60) as client, client.stream("GET", "/events") as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        lines = events.iter_lines()
        assert next(lines) == "retry: 2000"
        client.post("/api/notes", json={"author": "Ada", "text": "pushed"})
        assert "event: note" in lines
        assert json.loads(next(line for line in lines if line.startswith("data: "))[6:])["text"] == "pushed"


def test_two_clients_chat(pinned):
    with websocket(f"{pinned.ws}/chat?name=Ada") as ada:
        assert json.loads(ada.recv(60))["text"] == "Ada came in"
        with websocket(f"{pinned.ws}/chat?name=Bob") as bob:
            assert json.loads(ada.recv(60))["text"] == "Bob came in"
            bob.send("good morning")
            assert json.loads(ada.recv(60)) == {"who": "Bob", "text": "good morning", "here": 2}
        assert json.loads(ada.recv(60))["text"] == "Bob left"
