"""zstd and brotli in front of five frameworks: their pages decode to what they are without, and nothing is lost."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from asgi_middleware._codecs import brotli_module, zstd_module
from asgi_middleware.compression import CompressionMiddleware
from integrations.with_middleware import PAGES, SITES, STACKS, call_bare, page_scope

PLAIN = STACKS[0]


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("coding", ["zstd", "br"])
async def test_pages_decode_to_what_they_are_without(site: str, coding: str) -> None:
    pytest.importorskip(site, reason=f"needs {site}: pip install {SITES[site]}")
    module: Any = zstd_module() if coding == "zstd" else brotli_module()
    app = import_module(f"integrations.site_{site}").create()
    compressed = CompressionMiddleware(app, codings=[coding], minimum_size=1)
    encoded = 0
    for page in PAGES:
        plain_scope, scope = page_scope(PLAIN, page), page_scope(PLAIN, page)
        scope["headers"] = [*scope["headers"], (b"accept-encoding", coding.encode())]
        plain = await call_bare(app, plain_scope, page[3])
        reply = await call_bare(compressed, scope, page[3])
        body = reply.body
        if reply.all("content-encoding") == [coding] and page[0] != "HEAD":
            encoded += 1
            body = module.decompress(body)
        assert (reply.status, body) == (plain.status, plain.body), page[:2]
    assert encoded
