"""The kinds of routes: a path with methods, a path for WebSockets, everything below a path, everything at a host.

    from asgi_routing import Host, Mount, Route, WebSocketRoute

    routes = [
        Route("/users/{id:int}", app, methods=["GET"], name="user"),
        WebSocketRoute("/chat/{room}", app),
        Mount("/static", app=app),
        Host("api.example.org", app=app),
    ]

An endpoint is an ASGI application.
"""

from __future__ import annotations

from .._allow import AllowedMethods
from .base import BaseRoute, Match, Predicate, get_name
from .host import Host
from .mount import Mount
from .path import PathRoute
from .route import Route, RouteOptions
from .websocket import WebSocketRoute

__all__ = [
    "AllowedMethods",
    "BaseRoute",
    "Host",
    "Match",
    "Mount",
    "PathRoute",
    "Predicate",
    "Route",
    "RouteOptions",
    "WebSocketRoute",
    "get_name",
]
