"""Classes with Starlette's names and defaults."""

from __future__ import annotations

from typing import ClassVar

import asgi_requests.staticfiles

from ..applications import App


class Starlette(App):
    """An application of routes, middleware and exception handlers that redirects to absolute URLs."""

    absolute_redirects: ClassVar[bool] = True


class StaticFiles(asgi_requests.staticfiles.StaticFiles):
    """Static files that always raise HTTPException, for middleware that then serves another file instead."""

    raise_errors = True
