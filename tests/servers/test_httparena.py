"""The entry for HttpArena, on a real server: what its cases ask for."""

from __future__ import annotations

import gzip
import json
import socket

import httpx
import pytest

PRODUCTS = [
    {"id": number, "name": f"Product {number}", "price": number * 1.5, "quantity": 3, "tags": ["new", "sale"]}
    for number in range(1, 51)
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("httparena")
    (folder / "dataset.json").write_text(json.dumps(PRODUCTS))
    (folder / "static").mkdir()
    (folder / "static" / "app.css").write_text("p {}" * 500)
    (folder / "static" / "app.css.gz").write_bytes(gzip.compress(b"p {}" * 500))
    return folder


@pytest.fixture
def arena(start, free_port, examples, data):
    words = ["-m", "uvicorn", "app:app", "--port", free_port, "--app-dir", examples / "httparena", "--no-access-log"]
    server = start(*words, port=free_port, HTTPARENA_DATA=str(data))
    with httpx.Client(base_url=server.url) as client:
        yield client


def test_every_case_is_answered(arena, data):
    assert arena.get("/pipeline").text == "ok"
    assert arena.get("/baseline11?a=13&b=42").text == "55"
    assert arena.get("/baseline2?a=1&b=1").text == "2"
    assert arena.post("/baseline11?a=13&b=42", content=b"20").text == "75"
    assert arena.post("/baseline11?a=13&b=42", content=iter([b"2", b"0"])).text == "75"
    assert arena.post("/baseline11?a=13&b=many", content=b"20").status_code == 400

    answer = arena.get("/json", headers={"accept-encoding": "identity"}).json()
    assert answer["count"] == len(answer["items"]) == 50
    assert answer["items"][1] == {**PRODUCTS[1], "total": 9.0}
    assert "content-encoding" not in arena.get("/json", headers={"accept-encoding": "identity"}).headers
    compressed = arena.get("/json/20?m=2", headers={"accept-encoding": "gzip"})
    assert compressed.headers["content-encoding"] == "gzip"
    assert compressed.json()["items"][1]["total"] == 18.0
    assert len(compressed.json()["items"]) == 20
    assert arena.get("/json/20?m=x").status_code == 400

    assert arena.post("/upload", content=bytes(20 << 20)).text == str(20 << 20)
    assert arena.post("/upload", content=iter([b"a" * 1000] * 3)).text == "3000"

    file = arena.get("/static/app.css", headers={"accept-encoding": "gzip"})
    assert (file.headers["content-encoding"], file.text) == ("gzip", "p {}" * 500)
    assert arena.get("/static/missing.css").status_code == 404


def test_pipelined_requests_are_answered_in_their_order(arena):
    request = b"GET /pipeline HTTP/1.1\r\nhost: arena\r\n\r\n"
    last = b"GET /baseline11?a=1&b=2 HTTP/1.1\r\nhost: arena\r\nconnection: close\r\n\r\n"
    with socket.create_connection((arena.base_url.host, arena.base_url.port), 10) as connection:
        connection.sendall(request * 15 + last)
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 16
    assert answers.count(b"\r\n\r\nok") == 15
    assert answers.endswith(b"\r\n\r\n3")


def test_the_entry_names_only_cases_that_are_answered(examples):
    meta = json.loads((examples / "httparena" / "meta.json").read_text())
    assert set(meta["tests"]) == {"baseline", "pipelined", "limited-conn", "json", "json-comp", "upload", "static"}
    assert "app:app" in (examples / "httparena" / "Dockerfile").read_text()
