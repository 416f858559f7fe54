"""The life of a server: a start that fails, several workers, and an end with clients still there."""

from __future__ import annotations

import json
import signal
import sys
from importlib.metadata import version

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as websocket

KINDS = ["uvicorn-h11", "uvicorn-httptools", "hypercorn", "hypercorn-trio", "granian"]  # daphne has no lifespan
# Only a worker in a process of its own heeds signals on trio.
ONE_WORKER = {"hypercorn": ["--workers", "1"], "hypercorn-trio": ["--workers", "1"]}
# How a WebSocket ends; granian and daphne drop the connection.
CODES = {"uvicorn-h11": 1012, "uvicorn-httptools": 1012, "hypercorn": 1011, "hypercorn-trio": 1011}
CUTS_THE_LIFESPAN = {"daphne", "granian"}  # granian kills a worker that is not done in time
PATIENT = {
    "uvicorn": "--timeout-graceful-shutdown 60",
    "hypercorn": "--graceful-timeout 60",
    "granian": "--workers-kill-timeout 60",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_start_that_fails_stops_the_server_and_says_why(serve, kind):
    server = serve(kind, "site_failing:app", wait=False)
    code = server.wait()
    assert "RuntimeError: the database is on holiday" in server.output
    assert "site_failing.py" in server.output
    assert code == (3 if kind.startswith("uvicorn") else 1)


@pytest.mark.parametrize("kind", [*KINDS, "daphne"])
@pytest.mark.parametrize(
    "signum", [pytest.param(signal.SIGINT, id="int", marks=pytest.mark.whole), pytest.param(signal.SIGTERM, id="term")]
)
def test_it_stops_with_a_stream_and_a_websocket_open(serve, connect, kind, signum):
    """Clients who never leave are cut off once the time for it has passed."""
    if kind == "hypercorn" and sys.version_info >= (3, 12) and version("hypercorn") == "0.18.0":
        pytest.skip(
            "hypercorn 0.18.0 awaits Server.wait_closed, from 3.12 on for every client, before its grace begins"
        )
    server = serve(kind, "site_probe:app", *ONE_WORKER.get(kind, ()))
    stream = connect(server)
    stream.send("GET /ticks/open?wait=forever HTTP/1.1")
    stream.until(b"data: tick")
    with websocket(f"{server.ws}/talk/open") as session:
        session.send("hello")
        assert session.recv(60) == "hello"
        code = server.stop(signum)
        with pytest.raises(ConnectionClosed) as closed:
            session.recv(60)
    assert code in (0, -signum)
    assert closed.value.rcvd is None or closed.value.rcvd.code == CODES.get(kind)
    assert kind in CUTS_THE_LIFESPAN or "probe: stopped" in server.output
    stream.until_closed()


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_has_begun_is_finished_before_it_stops(serve, connect, kind):
    server = serve(kind, "site_probe:app", *ONE_WORKER.get(kind, ()), *PATIENT[kind.partition("-")[0]].split())
    wire = connect(server)
    wire.send("GET /slowly HTTP/1.1")
    wire.until(b"0 ")
    server.process.send_signal(signal.SIGTERM)
    wire.until(b"19 ")
    wire.socket.close()  # a server may wait for a connection that is kept alive
    server.wait()
    assert "probe: stopped" in server.output


@pytest.mark.parametrize("kind", ["uvicorn-httptools", "granian"])
def test_several_workers_share_one_port(serve, until, kind):
    server = serve(kind, "site_probe:app", "--workers", "2")
    seen = set()

    def both():
        seen.add(json.loads(httpx.get(f"{server.url}/scope", timeout=60).content)["pid"])
        return len(seen) == 2

    until(both, lambda: server.output)
    assert server.process.pid not in seen
    server.stop(signal.SIGTERM)
    assert server.output.count("probe: started") >= 2
    assert server.output.count("probe: stopped") >= 2
