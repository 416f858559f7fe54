"""HTTP/1.1 as it is on the wire, on every server."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

SPEC = {"hypercorn": "2.1", "hypercorn-trio": "2.1", "daphne": None}
OFFERED = {
    "granian": ["http.response.pathsend", "websocket.http.response"],
}
CHUNKS_FOR_HTTP_10 = {"uvicorn-httptools"}  # RFC 9112 §6.1 forbids it
# It says http.disconnect while it takes the last message; the stream is cancelled there, and the socket stays open.
LEAVES_HTTP_10_OPEN = {"hypercorn-trio"}
KEEPS_UPLOADS = {"daphne"}  # the application is called when the whole body is there
FORGETS_ERRORS = {"daphne"}  # what an application raises after its answer is not logged, nor is the connection cut


def test_what_a_server_offers(server, connect):
    """Servers advertise different extensions; the packages must be right over each."""
    found = json.loads(connect(server).ask("GET /scope?a=%20b HTTP/1.1").body)
    assert found["asgi"].get("spec_version") == SPEC.get(server.kind, "2.3")
    assert found["extensions"] == OFFERED.get(server.kind, [])
    assert (found["path"], found["query"], found["http_version"]) == ("/scope", "a=%20b", "1.1")
    assert found["state"] is found["opened"] is (server.kind != "daphne")


def test_one_connection_answers_one_request_after_another(server, connect):
    wire = connect(server)
    assert wire.ask("GET / HTTP/1.1").body == b"at /"
    assert wire.ask("POST /echo HTTP/1.1\ncontent-length: 3", b"abc").body == b"abc"
    assert wire.ask("GET /nowhere HTTP/1.1").status == 404
    assert wire.ask("GET /pieces HTTP/1.1").body == b"one two three"
    assert wire.ask("GET /fails HTTP/1.1").status == 500


def test_an_error_leaves_the_server_as_it_was(server, connect, until):
    wire = connect(server)
    failed = wire.ask("GET /fails HTTP/1.1")
    assert (failed.status, failed.body) == (500, b"Internal Server Error")
    until(lambda: server.kind in FORGETS_ERRORS or "RuntimeError: as planned" in server.output)
    assert connect(server).ask("GET / HTTP/1.1").status == 200


def test_pipelined_requests_are_answered_in_order(server, connect):
    wire = connect(server)
    for number in range(5):
        wire.send(f"GET /plain/{number} HTTP/1.1")
        wire.send("POST /echo HTTP/1.1\ncontent-length: 2", b"%02d" % number)
    for number in range(5):
        assert wire.read().body == b"at /plain/%d" % number
        assert wire.read().body == b"%02d" % number


def test_a_client_of_http_10_gets_an_answer_and_a_closed_connection(server, connect):
    """A stream without a length ends with its connection, except where a server errs."""
    wire = connect(server)
    assert wire.ask("GET / HTTP/1.0").body == b"at /"
    assert wire.is_closed()
    wire = connect(server)
    wire.send("GET /pieces HTTP/1.0")
    if server.kind in LEAVES_HTTP_10_OPEN:
        wire.until(b"one two three")
        return
    answer = wire.read()
    assert (answer.status, answer.body) == (200, b"one two three")
    assert (answer.header("transfer-encoding") is None) is (server.kind not in CHUNKS_FOR_HTTP_10)
    assert wire.is_closed()


def test_connection_close_is_kept(server, connect):
    wire = connect(server)
    assert wire.ask("GET / HTTP/1.1\nconnection: close").body == b"at /"
    assert wire.is_closed()


def test_a_chunked_upload_arrives_whole(server, connect):
    wire = connect(server)
    wire.send("POST /echo HTTP/1.1\ntransfer-encoding: chunked")
    sent = b""
    for size in (1, 70_000, 13, 200_000):
        piece = bytes([65 + size % 26]) * size
        sent += piece
        wire.socket.sendall(b"%x;of=no-interest\r\n%b\r\n" % (size, piece))
    wire.socket.sendall(b"0\r\n\r\n")
    answer = wire.read()
    assert (answer.status, answer.body) == (200, sent)
    assert wire.ask("GET / HTTP/1.1").status == 200


def test_an_upload_that_declares_too_much_is_refused(server, connect):
    wire = connect(server)
    size = 9_000_000 if server.kind in KEEPS_UPLOADS else 900_000_000
    begun = bytes(size) if server.kind in KEEPS_UPLOADS else bytes(10)
    wire.send(f"POST /upload/huge HTTP/1.1\ncontent-length: {size}\nconnection: close", begun)
    assert wire.read().status == 413


def test_an_upload_that_grows_too_large_is_refused(server, connect):
    wire = connect(server)
    wire.send("POST /upload/grown HTTP/1.1\ntransfer-encoding: chunked\nconnection: close")
    piece = b"%x\r\n%b\r\n" % (1_000_000, bytes(1_000_000))
    # Who is refused while still sending may lose the answer with the connection (RFC 9112 §9.6).
    with contextlib.suppress(OSError, EOFError):
        for _ in range(9):
            wire.socket.sendall(piece)
        wire.socket.sendall(b"0\r\n\r\n")
        assert wire.read().status == 413
    assert connect(server).ask("GET / HTTP/1.1").status == 200


def test_expect_100_continue(server, connect):
    """The client sends its body after a 100 Continue, or after the final answer."""
    wire = connect(server)
    wire.send("POST /echo HTTP/1.1\ncontent-length: 5\nexpect: 100-continue")
    assert wire.head().status == 100
    wire.socket.sendall(b"hello")
    assert wire.read().body == b"hello"


def test_a_body_that_is_never_read(server, connect):
    wire = connect(server)
    wire.send("POST /refuse HTTP/1.1\ncontent-length: 5", b"hello")
    answer = wire.read()
    assert (answer.status, answer.body) == (403, b"no, thank you")


@pytest.mark.parametrize("path", ["/", "/pieces", "/static/site_probe.py", "/nowhere"])
def test_head_has_the_headers_of_get_and_no_body(server, connect, path):
    wire = connect(server)
    head = wire.ask(f"HEAD {path} HTTP/1.1")
    get = wire.ask(f"GET {path} HTTP/1.1")
    assert head.status == get.status
    ignored = {"date", "transfer-encoding", "connection", "keep-alive"}
    assert {k: v for k, v in head.headers if k not in ignored} == {k: v for k, v in get.headers if k not in ignored}
    assert wire.buffer == b""


def test_large_headers_arrive(server, connect):
    answer = connect(server).ask(f"GET /largest HTTP/1.1\ncookie: {'c' * 12_000}")
    assert (answer.status, answer.body) == (200, b"12000")


def test_a_static_file_is_cut_and_revalidated(server, connect):
    whole = Path(__file__).with_name("site_probe.py").read_bytes()
    wire = connect(server)
    full = wire.ask("GET /static/site_probe.py HTTP/1.1")
    assert full.body == whole
    part = wire.ask("GET /static/site_probe.py HTTP/1.1\nrange: bytes=10-19")
    assert (part.status, part.body) == (206, whole[10:20])
    assert part.header("content-range") == f"bytes 10-19/{len(whole)}"
    parts = wire.ask("GET /static/site_probe.py HTTP/1.1\nrange: bytes=0-3,-4")
    assert parts.status == 206
    assert parts.header("content-length") == str(len(parts.body))
    assert whole[-4:] in parts.body
    assert wire.ask("GET /static/site_probe.py HTTP/1.1\nrange: bytes=9000000-").status == 416
    same = wire.ask(f"GET /static/site_probe.py HTTP/1.1\nif-none-match: {full.header('etag')}")
    assert (same.status, same.body) == (304, b"")
    assert wire.ask("GET /static/../conftest.py HTTP/1.1").status in (400, 404)


def test_a_file_is_handed_to_the_server_where_it_offers_pathsend(server, connect, happened):
    answer = connect(server).ask("GET /file HTTP/1.1")
    pathsend = "http.response.pathsend" in OFFERED.get(server.kind, [])
    assert ("http.response.pathsend" in happened(server, "file")) is pathsend
    assert ("http.response.body" in happened(server, "file")) is not pathsend
    whole = Path(__file__).with_name("site_probe.py").read_bytes()
    assert answer.body == whole
    assert answer.header("content-length") == str(len(whole))
    assert answer.header("content-disposition") == 'attachment; filename="probe.py"'


def test_early_hints_are_left_out_where_no_server_offers_them(server, connect):
    """None does over HTTP/1.1; hypercorn does over HTTP/2."""
    answer = connect(server).ask("GET /hinted HTTP/1.1")
    assert (answer.body, answer.interim) == (b"hinted", [])


def test_an_error_in_mid_stream_cuts_the_answer_short(server, connect):
    """The client must be able to tell: the last chunk never comes."""
    wire = connect(server)
    wire.send("GET /fails-late HTTP/1.1")
    if server.kind in FORGETS_ERRORS:
        wire.until(b"half of ")
    else:
        with pytest.raises((EOFError, ConnectionResetError)):
            wire.read()
    assert connect(server).ask("GET / HTTP/1.1").status == 200
