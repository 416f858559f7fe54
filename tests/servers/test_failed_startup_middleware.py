"""An application whose middleware cannot be built stops the server that starts it: the deployment fails, no visitor."""

from __future__ import annotations

import httpx
import pytest

KINDS = ["uvicorn-h11", "hypercorn", "granian"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_middleware_that_cannot_be_built_stops_the_server_and_says_why(serve, kind):
    server = serve(kind, "site_misconfigured:app", wait=False)
    code = server.wait()
    assert "unexpected keyword argument 'origins'" in server.output
    assert "CORSMiddleware" in server.output
    assert code == (3 if kind.startswith("uvicorn") else 1)


@pytest.mark.parametrize("kind", ["uvicorn-h11", "uvicorn-httptools", "hypercorn"])
def test_an_upload_that_its_client_aborts_leaves_nothing_in_the_log(serve, connect, kind):
    server = serve(kind, "site_misconfigured:uploads")
    wire = connect(server)
    wire.send("POST / HTTP/1.1\ncontent-length: 1000000", b"x" * 1000)
    assert httpx.post(server.url, content=b"abc", timeout=60).text == "3"
    wire.socket.close()
    assert httpx.post(server.url, content=b"abcd", timeout=60).text == "4"
    server.stop()
    assert "Traceback" not in server.output
    assert "ClientDisconnect" not in server.output
