"""The site, built and served on a free loopback port, and a Chromium that reads it."""

from __future__ import annotations

import functools
import http.server
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import devtools

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Site:
    """A built site: its files and, where it is served, its address."""

    folder: Path
    url: str = ""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files as a static host serves them: silently, and with the site's own page for what is not there."""

    def log_message(self, *arguments: Any) -> None: ...

    def send_error(self, code: int, *arguments: Any) -> None:
        page = (Path(self.directory) / "404.html").read_bytes()
        self.send_response(code)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page)


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build mkdocs.yml and docs of a folder into its dist/site, as `hatch run docs:build` does."""
    words = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    shutil.copytree(ROOT / "docs", folder / "docs")
    (folder / "packages").symlink_to(ROOT / "packages")
    result = build(folder)
    assert result.returncode == 0, result.stdout + result.stderr
    handler = functools.partial(Handler, directory=str(folder / "dist" / "site"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield Site(folder / "dist" / "site", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


@pytest.fixture
def trial(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """trial(index=...): build a site of two pages with the configuration of the real one."""

    def trial(index: str) -> subprocess.CompletedProcess[str]:
        configuration = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[0]
        (tmp_path / "mkdocs.yml").write_text(f"{configuration}\nnav:\n  - index.md\n  - other.md\n")
        for name in (".theme", "stylesheets"):
            shutil.copytree(ROOT / "docs" / name, tmp_path / "docs" / name)
        (tmp_path / "packages").symlink_to(ROOT / "packages")
        (tmp_path / "docs" / "index.md").write_text(f"# Home\n\n{index}\n")
        (tmp_path / "docs" / "other.md").write_text("# Other\n\n## Part\n")
        return build(tmp_path)

    return trial


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[devtools.Browser]:
    with devtools.chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser
