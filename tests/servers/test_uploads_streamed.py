"""Files saved while they arrive: whole, not at all where the client leaves, and no faster than they are taken."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random

import pytest

KINDS = ["uvicorn-h11", "uvicorn-httptools", "hypercorn-trio"]
HEAD = b'--B\r\nContent-Disposition: form-data; name="f"; filename="../../a.bin"\r\n\r\n'
END = b"\r\n--B--\r\n"


@pytest.fixture(params=KINDS)
def uploading(request, serve, tmp_path):
    folder = tmp_path / "uploads"
    folder.mkdir()
    return serve(request.param, "site_uploading:app", UPLOADS=str(folder)), folder


def post(path, length):
    return f"POST {path} HTTP/1.1\ncontent-type: multipart/form-data; boundary=B\ncontent-length: {length}"


def test_a_file_is_saved_whole(uploading, connect):
    server, folder = uploading
    content = random.Random(1).randbytes(3_000_000)
    body = HEAD + content + END
    answer = connect(server).ask(post("/", len(body)), body)
    assert (answer.status, json.loads(answer.body)) == (200, {"f": hashlib.sha256(content).hexdigest()})
    assert os.listdir(folder) == ["a.bin"]
    assert (folder / "a.bin").read_bytes() == content


def test_a_client_that_leaves_leaves_no_file(uploading, connect, until):
    server, folder = uploading
    with connect(server) as wire:
        wire.send(post("/", 50_000_000), HEAD + b"x" * 5_000_000)
        until(lambda: os.listdir(folder))
        assert os.listdir(folder)[0].endswith(".part")
    until(lambda: os.listdir(folder) == [])


def test_a_client_sends_no_faster_than_its_parts_are_taken(uploading, connect):
    server, folder = uploading
    wire = connect(server)
    wire.send(post("/waiting", 64_000_000 + len(HEAD + END)), HEAD)
    wire.socket.settimeout(1)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < 64_000_000:
            sent += wire.socket.send(b"x" * min(65536, 64_000_000 - sent))
    assert sent < 32_000_000
    (folder / "go on").touch()
    wire.socket.settimeout(60)
    wire.socket.sendall(b"x" * (64_000_000 - sent) + END)
    answer = wire.read("POST")
    assert (answer.status, json.loads(answer.body)["size"] > 60_000_000) == (200, True)
