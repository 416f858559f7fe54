"""The application by Starlette's name, with its redirects, which are absolute."""

from __future__ import annotations

from typing import ClassVar

from ..applications import App


class Starlette(App):
    """An application of routes, middleware and exception handlers that redirects to absolute URLs."""

    absolute_redirects: ClassVar[bool] = True
