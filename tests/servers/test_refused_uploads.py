"""A body over the limit: the client reads the 413, whether or not it has sent everything, and through nginx too."""

from __future__ import annotations

import http.client
import json
import os
import shutil
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


def test_nginx_passes_the_answer_and_is_no_bad_gateway(behind_nginx):
    seen = [upload(behind_nginx, path, size) for size in SIZES for path in ("/read", "/ignore") for _ in range(3)]
    assert seen == [(413, b"Content Too Large")] * len(seen)
