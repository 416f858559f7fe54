"""Work for a client that has left is cancelled, whatever server notices that it has."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("kind", ["uvicorn-h11", "uvicorn-httptools", "hypercorn", "hypercorn-trio", "granian"])
def test_work_is_cancelled_when_the_client_has_left(kind, serve, connect, until):
    server = serve(kind, "site_cancelling:app")
    client = connect(server)
    client.send("POST /work HTTP/1.1\ncontent-length: 3", b"abc")
    until(lambda: "work: begun with 3 bytes" in server.output, lambda: server.output)
    client.socket.close()
    until(lambda: "work: ended" in server.output, lambda: server.output)
