"""Serve a WSGI application as an ASGI one (PEP 3333), streaming both ways; needs asgi-middleware[wsgi].

    app = WSGIMiddleware(flask_app)

The application runs in a worker thread, which waits for each chunk that it reads or writes, so nothing is queued.
"""

from __future__ import annotations

from ._environ import build_environ
from ._middleware import WSGIMiddleware
from ._streams import ClientGone, FileWrapper

__all__ = ["ClientGone", "FileWrapper", "WSGIMiddleware", "build_environ"]
