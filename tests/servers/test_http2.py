"""HTTP/2 with prior knowledge, where a server speaks it without TLS."""

from __future__ import annotations

import json
import socket

import pytest

h2 = pytest.importorskip("h2", reason="pip install h2")
from h2.config import H2Configuration  # noqa: E402
from h2.connection import H2Connection  # noqa: E402
from h2.events import (  # noqa: E402
    DataReceived,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

OFFERED = {
    "hypercorn": ["http.response.early_hint", "http.response.push", "http.response.trailers"],
    "hypercorn-trio": ["http.response.early_hint", "http.response.push", "http.response.trailers"],
    "granian": ["http.response.pathsend", "websocket.http.response"],
}
pytestmark = pytest.mark.parametrize("server", OFFERED, indirect=True)


class Client:
    """Several requests over one connection; what was answered to each stands under its stream."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.answers: dict[int, dict[str, object]] = {}

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> int:
        stream = self.h2.get_next_available_stream_id()
        self.answers[stream] = {"body": b"", "hints": [], "ended": False}
        pseudo = {":method": method, ":path": path, ":scheme": "http", ":authority": "127.0.0.1"}
        self.h2.send_headers(stream, list((pseudo | headers).items()), end_stream=not body)
        for start in range(0, len(body), 16_384):
            self.h2.send_data(stream, body[start : start + 16_384], end_stream=start + 16_384 >= len(body))
        self.flush()
        return stream

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def step(self) -> None:
        piece = self.socket.recv(65_536)
        if not piece:
            raise ConnectionError("the connection ended")
        for event in self.h2.receive_data(piece):
            answer = self.answers.get(getattr(event, "stream_id", None))
            match event:
                case InformationalResponseReceived():
                    answer["hints"].append(dict(event.headers))
                case ResponseReceived():
                    answer["headers"] = dict(event.headers)
                case TrailersReceived():
                    answer["trailers"] = dict(event.headers)
                case DataReceived():
                    answer["body"] += event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case StreamEnded() | StreamReset():
                    answer["ended"] = type(event)
        self.flush()

    def read(self, stream: int) -> dict[str, object]:
        while not self.answers[stream]["ended"]:
            self.step()
        return self.answers[stream]


@pytest.fixture
def client(server):
    client = Client(server.port)
    yield client
    client.socket.close()


def test_what_a_server_offers_over_http2(server, client):
    found = json.loads(client.read(client.ask("GET", "/scope?a=1"))["body"])
    assert (found["http_version"], found["path"], found["query"]) == ("2", "/scope", "a=1")
    assert found["extensions"] == OFFERED[server.kind]


def test_answers_share_a_connection(client):
    streams = [client.ask("GET", f"/plain/{number}") for number in range(20)]
    for number, stream in reversed(list(enumerate(streams))):
        assert client.read(stream)["body"] == b"at /plain/%d" % number


def test_an_upload_comes_back(client):
    answer = client.read(client.ask("POST", "/echo", b"x" * 50_000))
    assert (answer["headers"][":status"], answer["body"]) == ("200", b"x" * 50_000)


def test_head_has_no_body(client):
    answer = client.read(client.ask("HEAD", "/static/site_probe.py"))
    assert (answer["headers"][":status"], answer["body"]) == ("200", b"")
    assert int(answer["headers"]["content-length"]) > 1000


def test_early_hints_come_first_where_they_are_offered(server, client):
    answer = client.read(client.ask("GET", "/hinted"))
    assert answer["body"] == b"hinted"
    hints = [(hint[":status"], hint["link"]) for hint in answer["hints"]]
    offered = "http.response.early_hint" in OFFERED[server.kind]
    assert hints == ([("103", "</style.css>; rel=preload; as=style")] if offered else [])


def test_trailers_follow_the_body_where_they_are_offered(server, client):
    answer = client.read(client.ask("GET", "/trailed", te="trailers"))
    assert answer["body"] == b"012"
    if "http.response.trailers" in OFFERED[server.kind]:
        assert answer["headers"]["trailer"] == "x-count"
        assert answer["trailers"] == {"x-count": "3"}
    else:
        assert "trailers" not in answer
    plain = client.read(client.ask("GET", "/trailed"))
    assert (plain["body"], "trailer" in plain["headers"], "trailers" in plain) == (b"012", False, False)


def test_a_stream_that_is_reset_ends_and_its_neighbours_live(server, client, happened, until):
    name = f"reset-{server.kind}"
    ticks = client.ask("GET", f"/ticks/{name}?wait=forever")
    while not client.answers[ticks]["body"]:
        client.step()
    client.h2.reset_stream(ticks)
    client.flush()
    until(lambda: "background" in happened(server, name), lambda: server.output)
    assert happened(server, name) == ["began", "closed", "background"]
    assert client.read(client.ask("GET", "/"))["body"] == b"at /"


def test_an_error_in_mid_stream_is_reported(server, client):
    """By a reset of the stream; hypercorn ends the connection with all its streams."""
    stream = client.ask("GET", "/fails-late")
    if server.kind == "granian":
        assert client.read(stream)["ended"] is StreamReset
    else:
        with pytest.raises(ConnectionError):
            client.read(stream)
