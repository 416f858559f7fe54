"""Probable mistakes in routes: named where a route is made, and by `check()`.

Such a route is kept, as it does no harm: the rest of the application is served.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Collection
from types import MethodType
from typing import Any

from .exceptions import RouteWarning
from .paths import PARAM_REGEX

# Parameters as other frameworks write them: <name>, <int:name>.
_ANGLED = r"<(?:([a-z]+):)?([a-zA-Z_][a-zA-Z0-9_]*)>"
_BRACED = r"\{[^{}]*\}?|\}"


def template_mistake(path: str) -> str | None:
    """Return what is wrong with something in a path that looks like a parameter, and what to write instead."""
    if "<" in path and (found := re.search(_ANGLED, path)) is not None:
        kind = {None: "", "string": ""}.get(found[1], f":{found[1]}")
        return f"{found[0]} is not a parameter in {path!r}: write {{{found[2]}{kind}}}"
    if "{" not in path and "}" not in path:
        return None
    found = re.search(_BRACED, PARAM_REGEX.sub("", path))
    if found is None:
        return None
    return f"{found[0]} is not a parameter in {path!r}: write {{name}} or {{name:convertor}}, without blanks"


def endpoint_mistake(app: object, endpoint: object) -> str | None:
    """Return what is wrong with an endpoint that could never be called, nor was made an application."""
    if callable(app) or callable(endpoint):
        return None
    return f"the endpoint {endpoint!r} cannot be called: pass a function or an ASGI application"


def lifespan_mistake(lifespan: Any) -> str | None:
    """Return what is wrong with a lifespan that could never be called with the application."""
    if lifespan is None:
        return None
    if not callable(lifespan):
        return f"the lifespan {lifespan!r} cannot be called: pass a function of the application that yields once"
    code = getattr(lifespan, "__code__", None)
    if code is None or hasattr(lifespan, "__wrapped__"):  # a decorator: its own parameters say nothing
        return None
    from inspect import CO_VARARGS

    most = code.co_argcount - isinstance(lifespan, MethodType)
    if most > 0 or code.co_flags & CO_VARARGS:
        return None
    name = getattr(lifespan, "__qualname__", repr(lifespan))
    return f"the lifespan {name} takes no argument: it is called with the application"


def check_methods(methods: Collection[str] | None) -> None:
    """Raise TypeError for a str in place of a list of methods: it would be read as a list of letters."""
    if isinstance(methods, str):
        raise TypeError(f"methods={methods!r} is one text: write methods=[{methods!r}]")


def warn_of(mistake: str | None, route: Any) -> None:
    """Warn where the program made the route."""
    if mistake is None:
        return
    # Past the constructors, those of subclasses too, and the methods that call them.
    depth, frame = 1, sys._getframe(0)
    while frame.f_back is not None and (
        frame.f_code.co_name in ("warn_of", "__init__", "add_route", "add_websocket_route", "mount", "host")
    ):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(f"{type(route).__name__}: {mistake}", RouteWarning, stacklevel=depth)
