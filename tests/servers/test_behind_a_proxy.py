"""Behind nginx and Caddy, set up as docs/behind-a-proxy.md says, the application knows its client, and streams stream."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

PAGE = Path(__file__).resolve().parents[2] / "docs" / "behind-a-proxy.md"
NGINX = """
daemon off; master_process off; pid nginx.pid; error_log error.log; user root;
events {}
http {
    access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u;
    scgi_temp_path s;
    MAP
    server {
        listen 127.0.0.1:PORT;
        LOCATION
    }
}
"""
CADDY = """
{
    admin off
    auto_https off
}
http://127.0.0.1:PORT {
    bind 127.0.0.1
    BLOCK
}
"""


def documented(language: str, upstream: int) -> str:
    """Return the block that the page shows, with the port of the application under test."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None, f"the page has no {language} block"
    assert "127.0.0.1:8000" in found[1]
    return found[1].replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")


def nginx_command(folder: Path, port: int, upstream: int) -> list[str]:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    program = shutil.which("nginx", path=path) or pytest.skip("nginx is not installed: apt-get install nginx-light")
    location = documented("nginx", upstream)
    mapping = re.search(r"`(map \$http_upgrade .*?})`", PAGE.read_text())
    assert mapping is not None
    text = NGINX.replace("PORT", str(port)).replace("MAP", mapping[1]).replace("LOCATION", location)
    (folder / "nginx.conf").write_text(text if os.geteuid() == 0 else text.replace(" user root;", ""))
    return [program, "-p", str(folder), "-c", "nginx.conf"]


def caddy_command(folder: Path, port: int, upstream: int) -> list[str]:
    program = shutil.which("caddy") or pytest.skip("caddy is not installed: apt-get install caddy")
    text = CADDY.replace("PORT", str(port)).replace("BLOCK", documented("caddy", upstream))
    (folder / "Caddyfile").write_text(text)
    return [program, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@dataclass
class Proxy:
    """A proxy in front of the site, and what it passes of the X-Forwarded-For that a client sends."""

    url: str
    appends: bool


COMMANDS = {"nginx": (nginx_command, True), "caddy": (caddy_command, False)}


@pytest.fixture(params=COMMANDS)
def proxy(request, serve, free_port, until, tmp_path: Path) -> Iterator[Proxy]:
    command, appends = COMMANDS[request.param]
    site = serve("uvicorn-httptools", "site_protected:app", "--no-proxy-headers")
    words = command(tmp_path, free_port, site.port)
    url, log = f"http://127.0.0.1:{free_port}", tmp_path / "log"

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/who", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    environment = os.environ | {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output, start_new_session=True, env=environment)
    try:
        until(lambda: answers() or process.poll() is not None, log.read_text)
        yield Proxy(url, appends)
    finally:
        process.kill()
        process.wait()


def test_the_client_and_the_scheme_are_known(proxy):
    seen = httpx.get(f"{proxy.url}/who", headers={"forwarded": "for=6.6.6.6"}, timeout=60).json()
    expected = {"client": "127.0.0.1", "scheme": "http", "url": f"{proxy.url}/who", "peer": "127.0.0.1"}
    assert seen | expected == seen
    assert {"x-forwarded-for", "x-forwarded-proto"} <= set(seen["forwarded"])
    assert "forwarded" not in seen["forwarded"]


def test_what_a_client_writes_itself_is_not_believed_beyond_the_trusted_proxies(proxy):
    headers = {
        "x-forwarded-for": "6.6.6.6, 203.0.113.7",
        "x-forwarded-proto": "gopher",
        "x-forwarded-host": "evil.example",
    }
    seen = httpx.get(f"{proxy.url}/who", headers=headers, timeout=60).json()
    # nginx appends 127.0.0.1, which is trusted here: the entry before it is the client, the first one is anybody's
    # guess. Caddy believes no client's header and starts a new list.
    assert seen["client"] == ("203.0.113.7" if proxy.appends else "127.0.0.1")
    assert seen["url"] == f"{proxy.url}/who"


@pytest.mark.parametrize("path", ["/events", "/events?unbuffered"])
def test_an_event_arrives_before_the_stream_ends(proxy, path):
    with httpx.stream("GET", proxy.url + path, timeout=60) as response:
        lines = response.iter_lines()
        assert next(lines) == "data: one"
        assert httpx.post(f"{proxy.url}/go-on", timeout=60).status_code == 204
        assert [line for line in lines if line] == ["data: two"]


def test_a_websocket_passes(proxy):
    with connect(proxy.url.replace("http:", "ws:") + "/socket") as socket:
        socket.send("hello")
        assert json.loads(socket.recv()) == ["127.0.0.1", "ws", "hello"]
