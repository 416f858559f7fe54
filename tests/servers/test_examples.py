"""The example applications, as a stranger runs them: started from the shell and used over sockets."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from redis_server import running_redis

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)


@pytest.fixture
def pinboard(start, free_port, examples, tmp_path):
    def run():
        return start(examples / "pinboard", "--port", free_port, "--data", tmp_path / "data", port=free_port)

    return run


def test_the_pinboard_says_where_it_is(pinboard):
    server = pinboard()
    assert server.url in server.output


def test_a_note_with_a_picture_is_pinned_and_survives_a_restart(pinboard):
    server = pinboard()
    with httpx.Client(base_url=server.url) as browser:
        sent = browser.post(
            "/notes", data={"author": "Ada", "text": "Tea at <four>"}, files={"picture": ("../t.png", PNG)}
        )
        assert sent.status_code == 303
        page = browser.get("/")
        assert "Tea at &lt;four&gt;" in page.text
        assert "Pinned." in page.text
        assert 'value="Ada"' in page.text
        assert "Pinned." not in browser.get("/").text
        assert browser.get("/static/board.css").headers["cache-control"] == "max-age=300"
        (note,) = browser.get("/api/notes").json()
        picture = browser.get(f"/pictures/{note['picture']}")
        assert (picture.content, picture.headers["content-type"]) == (PNG, "image/png")
        server.stop()
        pinboard()
        assert browser.get(f"/api/notes/{note['id']}").json() == note
        assert 'value="Ada"' in browser.get("/").text


def test_the_api_validates_and_answers_other_origins(pinboard):
    server = pinboard()
    with httpx.Client(base_url=server.url + "/api", headers={"origin": "https://elsewhere.example"}) as client:
        made = client.post("/notes", json={"author": "Ada", "text": "hello"})
        assert made.status_code == 201
        assert made.headers["access-control-allow-origin"] == "*"
        assert client.get(made.headers["location"]).json() == made.json()
        refused = client.post("/notes", json={"text": "x" * 501})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (422, "*")
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["errors"] == {"author": "a text is required", "text": "at most 500 characters, not 501"}
        assert client.post("/notes", content=b"{").status_code == 422
        assert client.get("/notes/999").status_code == 404
        assert client.get("/notes/x").headers["content-type"] == "application/problem+json"
        assert client.get("/notes/99999999999999999999999").status_code == 404
        assert client.post("/notes", content=b'"\xff"').status_code == 422
        not_allowed = client.put("/notes")
        assert (not_allowed.status_code, not_allowed.headers["allow"]) == (405, "GET, HEAD, POST")
        assert not_allowed.json() == {"title": "Method Not Allowed", "status": 405}
        preflight = client.options("/notes", headers={"access-control-request-method": "DELETE"})
        assert preflight.status_code == 200
        assert client.delete(f"/notes/{made.json()['id']}").status_code == 204


def test_several_browsers_talk(pinboard):
    server = pinboard()
    address = server.url.replace("http", "ws") + "/chat"
    with connect(address + "?name=Ada") as ada, connect(address + "?name=Bob") as bob:
        heard = [json.loads(ada.recv(10)) for _ in range(2)]
        assert [message["text"] for message in heard] == ["Ada came in", "Bob came in"]
        json.loads(bob.recv(10))
        bob.send("good morning")
        for browser in (ada, bob):
            assert json.loads(browser.recv(10)) == {"who": "Bob", "text": "good morning", "here": 2}
        bob.close()
        assert json.loads(ada.recv(10))["text"] == "Bob left"


def test_a_new_note_is_pushed_and_the_server_still_stops(pinboard):
    server = pinboard()
    with httpx.Client(base_url=server.url) as client, client.stream("GET", "/events") as events:
        lines = events.iter_lines()
        assert next(lines).startswith("id: ")
        client.post("/api/notes", json={"author": "Ada", "text": "pushed"})
        assert "event: note" in lines
        assert json.loads(next(line for line in lines if line.startswith("data: "))[6:])["text"] == "pushed"
        assert server.stop() == 0
        assert "retry: 2000" in lines, "the farewell"
        assert "Traceback" not in server.output


def test_a_deploy_ends_the_stream_and_the_chat_at_once(pinboard):
    server = pinboard()
    with httpx.Client(base_url=server.url) as client, client.stream("GET", "/events") as events:
        lines = events.iter_lines()
        assert next(lines).startswith("id: ")
        with connect(server.url.replace("http", "ws") + "/chat?name=Ada") as ada:
            assert json.loads(ada.recv(10))["text"] == "Ada came in"
            assert server.stop(signal.SIGTERM) in (0, -signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:
                ada.recv(10)
            assert closed.value.rcvd.code == 1012
        assert ": the board is being restarted" in lines
        assert "Traceback" not in server.output


def test_the_state_is_in_sqlite_and_holds_no_usable_id(pinboard, tmp_path):
    server = pinboard()
    with httpx.Client(base_url=server.url) as browser:
        browser.post("/notes", data={"author": "Ada", "text": "hello"})
        identifier = browser.cookies["pinboard"]
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "state.sqlite")) as connection:
        entries = connection.execute("select key, value from entries").fetchall()
    assert any(key.startswith("session:pinboard:") and b"Ada" in value for key, value in entries)
    assert any(key.startswith("pin:127.0.0.1") for key, _ in entries)
    assert identifier not in str(entries)


def test_with_redis_another_machine_knows_the_session(start, free_port, examples, tmp_path):
    with running_redis(tmp_path) as redis:

        def machine(name):
            words = (examples / "pinboard", "--port", free_port, "--data", tmp_path / name)
            return start(*words, port=free_port, PINBOARD_REDIS=redis.url)

        one = machine("one")
        with httpx.Client(base_url=one.url) as browser:
            browser.post("/notes", data={"author": "Ada", "text": "hello"})
            cookies = dict(browser.cookies)
        one.stop()
        assert not (tmp_path / "one" / "state.sqlite").exists()
        with httpx.Client(base_url=machine("two").url, cookies=cookies) as browser:
            assert 'value="Ada"' in browser.get("/").text
            assert browser.get("/readyz").status_code == 200
            redis.kill()
            assert browser.get("/readyz").status_code == 503
            assert browser.get("/").status_code == 503, "a session that cannot be read is not an empty one"
            assert browser.get("/api/notes").json() == [], "what needs no session works, and is not limited"


def test_errors_have_pages_of_their_own(pinboard):
    server = pinboard()
    with httpx.Client(base_url=server.url) as browser:
        missing = browser.get("/nowhere")
        assert missing.status_code == 404
        assert "Nothing is pinned here" in missing.text
        large = browser.post("/notes", files={"picture": ("p", b"\0" * 5_000_001)})
        assert large.status_code == 413
        assert "five megabytes" in large.text
        text = browser.post("/notes", data={"author": "a", "text": "b"}, files={"picture": ("p.png", b"no picture")})
        assert text.status_code == 415
        assert "A picture is a PNG" in text.text
        sound = b"RIFF\0\0\0\0WAVEfmt "
        assert browser.post("/notes", data={"author": "a", "text": "b"}, files={"picture": sound}).status_code == 415
        lines = {"author": "a", "text": "one\r\n" * 124 + "last"}  # a browser counts 500 characters
        assert browser.post("/notes", data=lines).status_code == 303
        assert browser.get("/api/notes").json()[0]["text"] == "one\n" * 124 + "last"
        browser.delete("/api/notes/1")
        browser.post("/notes", data={"author": "a" * 61, "text": "b"})
        assert "A note wants a name" in browser.get("/").text
        assert browser.get("/api/notes").json() == []
        assert browser.get("/pictures/..%2fpinboard.sqlite").status_code == 404


def test_hello_world_answers(start, free_port, examples):
    server = start("-m", "uvicorn", "hello:app", "--app-dir", examples, "--port", free_port, port=free_port)
    assert httpx.get(server.url + "/hello/world").json() == {"hello": "world"}


def test_a_django_project_takes_two_pieces(start, free_port, examples):
    pytest.importorskip("django", reason="pip install django")
    command = ["-m", "uvicorn", "django_project:application", "--app-dir", examples, "--port", free_port]
    server = start(*command, port=free_port)
    with httpx.Client(base_url=server.url, headers={"origin": "https://app.example.org"}) as browser:
        assert browser.get("/visits").json() == {"visits": 1}
        again = browser.get("/visits")
        assert again.json() == {"visits": 2}
        assert again.headers["access-control-allow-origin"] == "https://app.example.org"


@pytest.mark.whole
def test_a_quart_application_is_tested_with_our_client(examples):
    pytest.importorskip("quart", reason="pip install quart")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", examples / "test_quart_application.py"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert "2 passed" in result.stdout, result.stdout + result.stderr
