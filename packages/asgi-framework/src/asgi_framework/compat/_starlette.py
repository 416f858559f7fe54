"""The application and the router with Starlette's name and its redirects, which are absolute."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from asgi_routing import BaseRoute
from asgi_routing.lifespan import Lifespan

from .. import routing
from ..applications import App
from ..types import ASGIApp


class Router(routing.Router):
    """Routes in their order, as one application; it redirects to absolute URLs unless told otherwise."""

    def __init__(
        self,
        routes: Sequence[BaseRoute] | None = None,
        redirect_slashes: bool = True,
        default: ASGIApp | None = None,
        lifespan: Lifespan | None = None,
        *,
        middleware: Iterable[Iterable[Any]] | None = None,
        max_body_size: int | None = None,
        **options: Any,
    ) -> None:
        options = {"middleware": middleware, "max_body_size": max_body_size, "absolute_redirects": True, **options}
        super().__init__(routes, redirect_slashes, default, lifespan, **options)


class Starlette(App):
    """An application of routes, middleware and exception handlers."""

    router_class: ClassVar[type[routing.Router]] = Router
