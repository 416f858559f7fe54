"""Serve a WSGI application as an ASGI one (PEP 3333), streaming both ways; needs asgi-middleware[wsgi].

    from asgi_middleware.wsgi import WSGIMiddleware

    def site(environ, start_response):          # Flask, Bottle, Django's get_wsgi_application(), yours
        start_response("200 OK", [("content-type", "text/plain")])
        return [b"hello"]

    app = WSGIMiddleware(site)

The application runs in a worker thread, which waits for each chunk that it reads or writes, so nothing is queued.
"""

from __future__ import annotations

from ._environ import build_environ
from ._middleware import WSGIMiddleware
from ._streams import ClientGone, FileWrapper

__all__ = ["ClientGone", "FileWrapper", "WSGIMiddleware", "build_environ"]
