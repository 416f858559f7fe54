"""Downloads that were cut off go on where they ended, byte for byte and in every coding, in curl and in Chromium."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import brotli
import pytest

from asgi_requests.staticfiles.__main__ import main as static_command

NAME = "words.txt"
SUFFIXES = {"identity": "", "gzip": ".gz", "br": ".br", "zstd": ".zst"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    """A file with its siblings in three codings, none of which is a prefix of another."""
    folder: Path = tmp_path_factory.mktemp("static")
    words = random.Random(3).choices(["alpha", "beta", "gamma", "delta", "epsilon"], k=60_000)
    (folder / NAME).write_text(" ".join(words))
    assert static_command(["compress", str(folder), "--quiet"]) == 0
    return folder


@pytest.fixture
def site(serve, directory: Path):
    return serve("uvicorn-httptools", "site_downloads:app", STATIC_DIRECTORY=str(directory))


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl: apt-get install curl")
def test_curl_goes_on_in_the_coding_that_it_began(site, directory, tmp_path):
    url, target = f"{site.url}/static/{NAME}", tmp_path / "part"
    for coding, suffix in SUFFIXES.items():
        whole = (directory / (NAME + suffix)).read_bytes()
        asked = ["-H", f"accept-encoding: {coding}", "-D", str(tmp_path / "head"), "-o", str(target), url]
        subprocess.run(["curl", "-sSf", *asked], check=True, timeout=60)
        assert target.read_bytes() == whole
        head = (tmp_path / "head").read_text().lower().splitlines()
        etag = next(line.partition(": ")[2] for line in head if line.startswith("etag:"))
        for size in (1, 1000, len(whole) - 1):
            target.write_bytes(whole[:size])
            # If-Range by hand: curl sends none. Other codings come first for a client that takes all of them.
            taken = ["-H", f"if-range: {etag}", "-H", "accept-encoding: br, zstd, gzip, identity"]
            subprocess.run(["curl", "-sSf", *taken, "-C", str(size), "-o", str(target), url], check=True, timeout=60)
            assert target.read_bytes() == whole, (coding, size)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl: apt-get install curl")
def test_a_part_of_another_version_is_never_glued_on(site, directory, tmp_path):
    answers = set()
    for coding in ("gzip", "br", "zstd"):
        for validator in ('"of-another-version"', "Sun, 06 Nov 1994 08:49:37 GMT"):
            asked = ["-H", f"accept-encoding: {coding}", "-H", f"if-range: {validator}", "-H", "range: bytes=10-"]
            words = ["curl", "-sS", *asked, "-o", os.devnull, "-w", "%{http_code}", f"{site.url}/static/{NAME}"]
            answers.add(subprocess.run(words, check=True, timeout=60, capture_output=True, text=True).stdout)
    assert answers == {"200"}


def test_a_browser_decodes_the_whole_and_gets_exact_parts(site, directory, browser):
    text = (directory / NAME).read_text()
    assert brotli.decompress((directory / f"{NAME}.br").read_bytes()).decode() == text
    page = browser.open(f"{site.url}/")
    page.run(
        f"""
        window.seen = null;
        (async () => {{
            const whole = await fetch("/static/{NAME}");
            const text = await whole.text();
            const plain = await fetch("/static/{NAME}", {{headers: {{range: "bytes=0-99"}}}});
            const first = await plain.text(), tag = plain.headers.get("etag");
            const rest = await fetch("/static/{NAME}", {{headers: {{range: "bytes=100-", "if-range": tag}}}});
            window.seen = JSON.stringify([
                whole.headers.get("content-encoding"), text.length, plain.status, rest.status,
                first + await rest.text() === text,
            ]);
        }})().catch(error => {{ window.seen = JSON.stringify(String(error)); }});
        """
    )
    page.wait_for("window.seen !== null")
    coding, length, *rest = json.loads(page.run("window.seen"))
    assert coding in ("br", "gzip", "zstd", None)  # None where the browser hides it from scripts
    assert (length, rest) == (len(text), [206, 206, True])
