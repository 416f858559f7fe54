"""nginx sends the files of a directory and their compressed siblings, set up as docs/deploying.md says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from asgi_requests.staticfiles.__main__ import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "deploying.md"
NGINX = """
daemon off; master_process off; pid nginx.pid; error_log error.log; user root;
events {}
http {
    access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u;
    scgi_temp_path s;
    server {
        listen 127.0.0.1:PORT;
        LOCATION
    }
}
"""


@pytest.fixture
def url(tmp_path, free_port, until):
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    program = shutil.which("nginx", path=path) or pytest.skip("nginx is not installed: apt-get install nginx-light")
    found = re.search(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    assert "/srv/shop/dist" in found[1]
    text = NGINX.replace("PORT", str(free_port)).replace("LOCATION", found[1].replace("/srv/shop/dist", str(tmp_path)))
    (tmp_path / "nginx.conf").write_text(text if os.geteuid() == 0 else text.replace(" user root;", ""))
    log = tmp_path / "log"

    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{free_port}/", timeout=5).status_code == 404
        except httpx.TransportError:
            return False

    with log.open("wb") as output:
        command = [program, "-p", str(tmp_path), "-c", "nginx.conf"]
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        until(lambda: answers() or process.poll() is not None, log.read_text)
        yield f"http://127.0.0.1:{free_port}"
    finally:
        process.kill()
        process.wait()


def test_a_compressed_sibling_is_sent_to_those_who_accept_it(url, tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "app.js").write_text("let answer = 42\n" * 100)
    assert main(["compress", str(tmp_path), "--coding", "gzip", "--quiet"]) == 0
    lengths = set()
    for coding in ("gzip", "identity"):
        response = httpx.get(f"{url}/assets/app.js", headers={"accept-encoding": coding}, timeout=60)
        assert response.headers.get("content-encoding", "identity") == coding
        assert response.text == "let answer = 42\n" * 100
        assert response.headers["vary"] == "Accept-Encoding"
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["x-content-type-options"] == "nosniff"
        lengths.add(response.headers["content-length"])
    assert len(lengths) == 2
