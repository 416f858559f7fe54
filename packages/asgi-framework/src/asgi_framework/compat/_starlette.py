"""Classes by Starlette's names whose defaults are Starlette's, and not those of these packages."""

from __future__ import annotations

from typing import ClassVar

import asgi_requests.staticfiles

from ..applications import App


class Starlette(App):
    """An application of routes, middleware and exception handlers that redirects to absolute URLs."""

    absolute_redirects: ClassVar[bool] = True


class StaticFiles(asgi_requests.staticfiles.StaticFiles):
    """Static files that raise HTTPException wherever they are, for middleware that serves something else instead."""

    raise_errors = True
