"""Cross-origin resource sharing: which pages of other origins may read the responses (Fetch, HTTP CORS protocol).

    from asgi_middleware.cors import CORSMiddleware

    app = CORSMiddleware(app, allow_origins=["https://shop.example"], allow_methods=["GET", "PUT"])

Origins are exact (`https://shop.example`), any host below (`https://*.shop.example`), any port
(`http://localhost:*`), a regular expression that matches the whole, `*`, or decided by `origin_check`.
"""

from __future__ import annotations

from ._middleware import CORSMiddleware
from ._preflight import ALL_METHODS, SAFELISTED_HEADERS

__all__ = ["ALL_METHODS", "SAFELISTED_HEADERS", "CORSMiddleware"]
