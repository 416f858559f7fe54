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
        assert next(lines).startswith("id: ")
        client.post("/api/notes", json={"author": "Ada", "text": "pushed"})
        assert "event: note" in lines
        last = next(line for line in lines if line.startswith("id: "))[4:]
        assert json.loads(next(line for line in lines if line.startswith("data: "))[6:])["text"] == "pushed"
    with httpx.Client(base_url=pinned.url, timeout=60) as client:
        client.post("/api/notes", json={"author": "Ada", "text": "missed"})
        with client.stream("GET", "/events", headers={"last-event-id": last}) as events:
            data = next(line for line in events.iter_lines() if line.startswith("data: "))
            assert json.loads(data[6:])["text"] == "missed"


def test_two_clients_chat(pinned):
    with websocket(f"{pinned.ws}/chat?name=Ada") as ada:
        assert json.loads(ada.recv(60))["text"] == "Ada came in"
        with websocket(f"{pinned.ws}/chat?name=Bob") as bob:
            assert json.loads(ada.recv(60))["text"] == "Bob came in"
            bob.send("good morning")
            assert json.loads(ada.recv(60)) == {"who": "Bob", "text": "good morning", "here": 2}
        assert json.loads(ada.recv(60))["text"] == "Bob left"


def test_a_probe_is_answered_and_a_session_is_an_id(pinned):
    with httpx.Client(base_url=pinned.url, timeout=60) as browser:
        assert browser.get("/livez").json()["status"] == "pass"
        ready = browser.get("/readyz")
        assert (ready.status_code, ready.headers["content-type"]) == (200, "application/health+json")
        assert browser.get("/").cookies == {}, "a page that keeps nothing sets nothing"
        browser.post("/notes", data={"author": "", "text": ""})
        assert len(browser.cookies["pinboard"]) == 43
        assert "A note wants a name" in browser.get("/").text


def test_a_client_that_pins_too_much_is_refused(pinned):
    with httpx.Client(base_url=pinned.url, timeout=60) as browser:
        for _ in range(40):
            reply = browser.post("/notes", data={"author": "", "text": ""})
            if reply.status_code != 303:
                break
        assert (reply.status_code, reply.headers["ratelimit-policy"]) == (429, '"default";q=30;w=60')
        assert int(reply.headers["retry-after"]) >= 1
        assert browser.get("/").status_code == 200
