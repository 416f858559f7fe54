"""Behind nginx and Caddy, set up as docs/behind-a-proxy.md says, the application knows its client, and streams stream."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from documented import ROOT, block

PAGE = ROOT / "docs" / "behind-a-proxy.md"
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
    found = block(PAGE, language)
    assert "127.0.0.1:8000" in found
    return found.replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")


@pytest.fixture
def caddy(start, free_port, tmp_path: Path):
    def caddy(directives: str):
        program = shutil.which("caddy") or pytest.skip("caddy is not installed: apt-get install caddy")
        (tmp_path / "Caddyfile").write_text(CADDY.replace("PORT", str(free_port)).replace("BLOCK", directives))
        folders = dict.fromkeys(["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"], str(tmp_path))
        words = ["run", "--config", tmp_path / "Caddyfile", "--adapter", "caddyfile"]
        return start(*words, program=program, port=free_port, **folders)

    return caddy


@dataclass
class Proxy:
    """A proxy in front of the site; `appends` is true if it passes the X-Forwarded-For that a client sends."""

    url: str
    appends: bool


@pytest.fixture(params=["nginx", "caddy"])
def proxy(request, serve, nginx, caddy) -> Proxy:
    site = serve("uvicorn-httptools", "site_protected:app", "--no-proxy-headers")
    directives = documented(request.param, site.port)
    if request.param == "caddy":
        return Proxy(caddy(directives).url, appends=False)
    mapping = re.search(r"`(map \$http_upgrade .*?})`", PAGE.read_text())
    assert mapping is not None
    return Proxy(nginx(directives, mapping[1]).url, appends=True)


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
    # nginx appends 127.0.0.1, which is trusted here: the entry before it is the client, the first one may be
    # false. Caddy ignores the header of a client.
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
