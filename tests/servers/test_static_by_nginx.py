"""nginx sends the files of a directory and their compressed siblings, set up as docs/deploying.md says."""

from __future__ import annotations

import httpx
import pytest

from asgi_requests.staticfiles.__main__ import main
from documented import ROOT, block


@pytest.fixture
def url(nginx, tmp_path):
    location = block(ROOT / "docs" / "deploying.md", "nginx")
    assert "/srv/shop/dist" in location
    return nginx(location.replace("/srv/shop/dist", str(tmp_path))).url


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
