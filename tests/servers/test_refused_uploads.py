"""A body over the limit: the client reads the 413, whether or not it has sent everything, and through nginx too."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

# Servers that read what is left of a refused body before they close the connection: the client then sees the answer.
# Hypercorn and granian reset the connection of a client that goes on sending, whatever the application says.
DRAINING = ["uvicorn-h11", "uvicorn-httptools"]
SIZES = [200_000, 2_000_000, 8_000_000]
NGINX = """
daemon off; master_process off; pid nginx.pid; error_log error.log; user root;
events {}
http {
    access_log off; client_max_body_size 0;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
    server { listen 127.0.0.1:PORT; location / { proxy_pass http://127.0.0.1:UPSTREAM; } }
}
"""
NODE = """
const [port, size] = process.argv.slice(1).map(Number);
const options = {port, method: "POST", path: "/ignore", headers: {"content-length": size}};
const request = require("http").request(options, response => {
  response.resume(); response.on("end", () => { console.log(JSON.stringify(response.statusCode)); process.exit(0); });
});
request.on("error", error => { console.log(JSON.stringify(error.code)); process.exit(0); });
request.end(Buffer.alloc(size));
"""


@pytest.fixture(params=DRAINING)
def refusing(request, serve):
    return serve(request.param, "site_refusing:app")


def upload(port: int, path: str, size: int, *, chunked: bool = False) -> tuple[int, bytes]:
    """Send all of a body, then read the answer, as simple clients do."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        body = iter([b"x" * 50_000] * (size // 50_000)) if chunked else b"x" * size
        connection.request("POST", path, body, encode_chunked=chunked)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/read", "/ignore"])
def test_a_client_that_sends_everything_reads_the_answer(refusing, path):
    for size in SIZES:
        assert upload(refusing.port, path, size) == (413, b"Content Too Large")
    assert upload(refusing.port, "/read", 2_000_000, chunked=True) == (413, b"Content Too Large")
    assert upload(refusing.port, path, 100_000)[0] == 200


def test_the_connection_goes_on(refusing, connect):
    wire = connect(refusing)
    for _ in range(3):
        assert wire.ask("POST /ignore HTTP/1.1\ncontent-length: 200000", b"x" * 200_000).status == 413
        assert wire.ask("POST /read HTTP/1.1\ncontent-length: 3", b"abc").body == b"3"


def test_node_reads_the_answer(refusing):
    node = shutil.which("node") or pytest.skip("node is not installed")
    seen = []
    for _ in range(5):
        words = [node, "-e", NODE, str(refusing.port), "20000000"]
        seen.append(json.loads(subprocess.run(words, capture_output=True, check=True, timeout=60).stdout))
    assert seen == [413] * 5


@pytest.fixture
def behind_nginx(refusing, free_port, until, tmp_path: Path) -> Iterator[int]:
    """The port of an nginx in front of the server, as Debian configures it."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    nginx = shutil.which("nginx", path=path) or pytest.skip("nginx is not installed: apt-get install nginx-light")
    text = NGINX.replace("PORT", str(free_port)).replace("UPSTREAM", str(refusing.port))
    (tmp_path / "nginx.conf").write_text(text if os.geteuid() == 0 else text.replace(" user root;", ""))
    words = [nginx, "-p", str(tmp_path), "-c", "nginx.conf"]
    with (tmp_path / "nginx.log").open("wb") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output, start_new_session=True)
    try:
        until(lambda: answers(free_port) or process.poll() is not None, lambda: (tmp_path / "error.log").read_text())
        yield free_port
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    try:
        return upload(port, "/read", 3) == (200, b"3")
    except OSError:
        return False


def test_nginx_passes_the_answer_instead_of_a_bad_gateway(behind_nginx):
    seen = [upload(behind_nginx, path, size) for size in SIZES for path in ("/read", "/ignore") for _ in range(3)]
    assert seen == [(413, b"Content Too Large")] * len(seen)


@pytest.mark.parametrize("kind", ["hypercorn", "hypercorn-trio", "granian"])
@pytest.mark.parametrize("path", ["/read", "/wsgi/read"])
def test_a_body_without_a_length_is_refused_over_http2(serve, kind, path):
    """Before a WSGI application, too, whose first piece of body is read for it; the last piece is one too many."""
    pytest.importorskip("h2", reason="pip install h2")
    server = serve(kind, "site_refusing:app", *(["--http", "2"] if kind == "granian" else []))
    assert over_http2(server.port, path, [b"x" * 16_000] * 7) == (413, b"Content Too Large")
    assert over_http2(server.port, path, [b"x" * 16_000])[0] == 200


def over_http2(port: int, path: str, chunks: list[bytes]) -> tuple[int, bytes]:
    """The answer to a body sent piece by piece, without Content-Length, as far as it is let."""
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset

    connection = H2Connection(H2Configuration(client_side=True))
    connection.initiate_connection()
    head = [(":method", "POST"), (":path", path), (":scheme", "http"), (":authority", "127.0.0.1")]
    connection.send_headers(1, head)
    status, body, rest, ended = 0, b"", list(chunks), False
    with socket.create_connection(("127.0.0.1", port), 60) as wire:
        while not ended:
            while rest and connection.local_flow_control_window(1) >= len(rest[0]):
                connection.send_data(1, rest.pop(0), end_stream=not rest)
            wire.sendall(connection.data_to_send())
            for event in connection.receive_data(wire.recv(65_536)):
                match event:
                    case ResponseReceived():
                        status = int(dict(event.headers)[b":status"])
                    case DataReceived():
                        body += event.data
                    case StreamEnded() | StreamReset():
                        ended = True
    return status, body
