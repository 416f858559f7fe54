"""Behind a real nginx the application knows its client, and in a real browser other sites' forms and scripts fail."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")
NGINX = """
daemon off; master_process off; pid nginx.pid; error_log error.log; user root;
events {}
http {
    access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u;
    scgi_temp_path s;
    server {
        listen 127.0.0.1:PORT;
        location / {
            proxy_pass http://127.0.0.1:UPSTREAM;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto https;
        }
    }
}
"""


@pytest.fixture
def protected(serve):
    return serve("uvicorn-httptools", "site_protected:app", "--no-proxy-headers")


@pytest.fixture
def nginx(protected, free_port, until, tmp_path: Path) -> Iterator[str]:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    program = shutil.which("nginx", path=path) or pytest.skip("nginx is not installed: apt-get install nginx-light")
    text = NGINX.replace("PORT", str(free_port)).replace("UPSTREAM", str(protected.port))
    (tmp_path / "nginx.conf").write_text(text if os.geteuid() == 0 else text.replace(" user root;", ""))
    url = f"http://127.0.0.1:{free_port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/who", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    with (tmp_path / "nginx.log").open("wb") as output:
        words = [program, "-p", str(tmp_path), "-c", "nginx.conf"]
        process = subprocess.Popen(words, stdout=output, stderr=output, start_new_session=True)
    try:
        until(lambda: answers() or process.poll() is not None, lambda: (tmp_path / "error.log").read_text())
        yield url
    finally:
        process.kill()
        process.wait()


def test_behind_nginx_the_client_and_the_scheme_are_known(nginx):
    seen = httpx.get(f"{nginx}/who", headers={"forwarded": "for=6.6.6.6"}, timeout=60).json()
    assert seen == {
        "client": "127.0.0.1",
        "scheme": "https",
        "url": nginx.replace("http:", "https:") + "/who",
        "peer": "127.0.0.1",
        "forwarded": ["x-forwarded-for", "x-forwarded-proto"],
    }


def test_what_a_client_writes_itself_is_not_believed_beyond_the_trusted_proxies(nginx):
    seen = httpx.get(f"{nginx}/who", headers={"x-forwarded-for": "6.6.6.6, 203.0.113.7"}, timeout=60).json()
    # nginx adds 127.0.0.1, which is trusted here: the entry before it is the client, the first one is anybody's guess.
    assert seen["client"] == "203.0.113.7"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    devtools = runpy.run_path(str(Path(__file__).with_name("devtools.py")))
    with devtools["Browser"](CHROMIUM, tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@needs_chromium
def test_the_sites_own_form_passes_and_that_of_another_origin_does_not(browser, protected, serve):
    page = browser.open(f"{protected.url}/form")
    page.click("button")
    page.wait_for("document.title == 'Transferred'")
    other = serve("uvicorn-httptools", "site_protected:app")
    page.go(f"{other.url}/form?action={protected.url}/transfer")
    page.click("button")
    page.wait_for("document.body.textContent == 'Forbidden: this request comes from another site'")


@needs_chromium
def test_a_script_without_the_nonce_does_not_run(browser, protected):
    page = browser.open(f"{protected.url}/page")
    page.wait_for("window.good === true")
    assert page.run("window.bad === undefined")
