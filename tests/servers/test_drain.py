"""At SIGTERM, with streams and WebSockets open and an answer on its way, the server stops when the answer is out."""

from __future__ import annotations

import signal
import threading

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as websocket

# No option that bounds the wait: without DrainMiddleware these servers would stay for as long as the stream is open.
SERVERS = {
    "uvicorn": ["uvicorn", "--no-access-log", "--http", "httptools"],
    "uvicorn-h11": ["uvicorn", "--no-access-log", "--http", "h11", "--ws", "wsproto"],
    "uvicorn-workers": ["uvicorn", "--no-access-log", "--workers", "2"],
    "uvicorn-reload": ["uvicorn", "--no-access-log", "--reload", "--reload-dir", "FOLDER"],
    "granian": ["granian", "--interface", "asgi"],
    "h2corn": ["h2corn"],
}


@pytest.fixture(params=SERVERS)
def draining(request, start, free_port, tmp_path):
    module, *options = SERVERS[request.param]
    pytest.importorskip(module, reason=f"pip install {module}")
    (tmp_path / "watched").mkdir()
    options = [option.replace("FOLDER", str(tmp_path / "watched")) for option in options]
    where = ["--bind", f"127.0.0.1:{free_port}"] if module == "h2corn" else ["--port", str(free_port)]
    return start("-m", module, *options, "site_draining:app", *where, port=free_port, kind=request.param)


def close_code(session):
    """The code that a WebSocket is closed with, whatever it says before."""
    try:
        while True:
            session.recv(60)
    except ConnectionClosed as exc:
        return exc.rcvd and exc.rcvd.code


def test_everything_ends_properly_when_the_last_answer_is_out(draining, connect, until):
    stream = connect(draining)
    stream.send("GET /events HTTP/1.1")
    deaf = connect(draining)
    deaf.send("GET /raw/ HTTP/1.1")
    for wire in (stream, deaf):
        wire.until(b"data: tick\n\n")
    answers = []
    post = threading.Thread(
        target=lambda: answers.append(httpx.post(f"{draining.url}/slow", content=b"x" * 1000, timeout=60))
    )
    with websocket(f"{draining.ws}/echo") as session, websocket(f"{draining.ws}/chatter") as chatter:
        session.send("hello")
        assert session.recv(60) == "hello"
        chatter.recv(60)
        post.start()
        until(lambda: "slow: begun" in draining.output, lambda: draining.output)
        draining.process.send_signal(signal.SIGTERM)
        for wire in (stream, deaf):
            assert b"event: bye" in wire.until(b"0\r\n\r\n")  # the last chunk: a clean end
        for closing in (session, chatter):
            assert close_code(closing) in (1001, 1012)  # h2corn closes them itself
    post.join(60)
    assert answers[0].text == "took 1000 bytes"
    assert draining.wait() in (0, -signal.SIGTERM)
    assert "Traceback" not in draining.output


@pytest.mark.parametrize("kind", ["hypercorn", "hypercorn-trio", "daphne", "uvicorn-h11"])
def test_where_no_signal_comes_it_is_begun_by_hand(kind, serve, connect, until):
    server = serve(kind, "site_draining_by_hand:app")
    stream = connect(server)
    stream.send("GET /events HTTP/1.1")
    stream.until(b"data: tick\n\n")
    assert httpx.post(f"{server.url}/begin", timeout=60).text == "begun"
    assert b"event: bye" in stream.until(b"0\r\n\r\n")
    until(lambda: "events: closed" in server.output, lambda: server.output)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_is_enough(signum, start, free_port, connect):
    words = ["uvicorn", "--no-access-log", "--http", "h11", "site_draining_by_hand:app", "--port", free_port]
    server = start("-m", *words, port=free_port)
    stream = connect(server)
    stream.send("GET /events HTTP/1.1")
    stream.until(b"data: tick\n\n")
    server.process.send_signal(signum)
    assert b"event: bye" in stream.until(b"0\r\n\r\n")
    assert server.wait() in (0, -signum)
    assert "Traceback" not in server.output
