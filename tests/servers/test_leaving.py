"""Clients that leave in the middle: what was opened for them is closed, and the server serves on."""

from __future__ import annotations

import socket
import uuid

import httpx
import pytest
from websockets.sync.client import connect as websocket

# daphne calls the application when the whole body is there: who leaves before has never been heard of
KEEPS_UPLOADS = {"daphne"}
# hypercorn says 1006 of every client that leaves
FORGETS_CODES = {"hypercorn", "hypercorn-trio"}


@pytest.fixture
def name():
    return uuid.uuid4().hex


@pytest.mark.parametrize("query", ["", "?wait=forever"], ids=["busy", "silent"])
def test_a_client_that_leaves_a_stream_ends_it(server, connect, happened, until, name, query):
    """The generator is closed and the background task runs, whether or not anything is being sent."""
    wire = connect(server)
    wire.send(f"GET /ticks/{name}{query} HTTP/1.1")
    wire.until(b"data: tick")
    assert happened(server, name) == ["began"]
    wire.socket.close()
    until(lambda: "background" in happened(server, name), lambda: server.output)
    assert happened(server, name) == ["began", "closed", "background"]


def test_a_client_that_leaves_a_stream_before_its_first_byte_does_no_harm(server, connect):
    for _ in range(5):
        wire = connect(server)
        wire.send("GET /ticks/gone HTTP/1.1")
        wire.socket.close()
    assert connect(server).ask("GET / HTTP/1.1").status == 200


@pytest.mark.parametrize("framing", ["content-length: 5000000", "transfer-encoding: chunked"])
def test_a_client_that_leaves_an_upload_ends_it(server, connect, happened, until, name, framing):
    wire = connect(server)
    wire.send(f"POST /upload/{name} HTTP/1.1\n{framing}", b"5\r\nhello\r\n")
    if server.kind in KEEPS_UPLOADS:
        wire.socket.close()
        assert connect(server).ask("GET / HTTP/1.1").status == 200
        assert happened(server, name) == []
        return
    until(lambda: happened(server, name))
    wire.socket.close()
    until(lambda: "over" in happened(server, name), lambda: server.output)
    assert happened(server, name) == ["began", "left", "over"]
    assert connect(server).ask("GET / HTTP/1.1").status == 200


def test_a_client_that_says_goodbye_is_understood(server, happened, until, name):
    with websocket(f"{server.ws}/talk/{name}") as session:
        session.send("hello")
        assert session.recv(60) == "hello"
        session.close(3001, "bye")
    until(lambda: "over" in happened(server, name), lambda: server.output)
    began, left, over = happened(server, name)
    assert (began, left.split()[0], over) == ("began", "1006" if server.kind in FORGETS_CODES else "3001", "over")


def test_a_client_that_drops_a_websocket_is_noticed(server, happened, until, name):
    with websocket(f"{server.ws}/talk/{name}") as session:
        session.send("hello")
        assert session.recv(60) == "hello"
        session.socket.shutdown(socket.SHUT_RDWR)
    until(lambda: "over" in happened(server, name), lambda: server.output)
    began, left, over = happened(server, name)
    assert (began, over) == ("began", "over")
    assert int(left.split()[0]) in (1005, 1006)


def test_the_server_is_well_after_all_of_it(server):
    assert httpx.get(server.url + "/pieces").text == "one two three"
