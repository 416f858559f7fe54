"""Routes from a path and a method to an ASGI application, and back from a name to a path."""

from __future__ import annotations

from ._scope import get_route_path
from ._urlpath import URLPath
from .convertors import CONVERTOR_TYPES, Convertor, register_url_convertor
from .exceptions import InvalidParameter, NoMatchFound, RouteWarning
from .paths import PARAM_REGEX, compile_path, replace_params
from .router import Router
from .routes import BaseRoute, Host, Match, Mount, Route, WebSocketRoute, get_name

__version__ = "1.0.0"

__all__ = [
    "CONVERTOR_TYPES",
    "PARAM_REGEX",
    "BaseRoute",
    "Convertor",
    "Host",
    "InvalidParameter",
    "Match",
    "Mount",
    "NoMatchFound",
    "Route",
    "RouteWarning",
    "Router",
    "URLPath",
    "WebSocketRoute",
    "__version__",
    "compile_path",
    "get_name",
    "get_route_path",
    "register_url_convertor",
    "replace_params",
]
