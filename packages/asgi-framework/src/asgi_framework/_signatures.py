"""Inspection of an application's functions: whether they can be called, and where they are defined."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from ._warn import warn

_VARIADIC = inspect.CO_VARARGS


def fitting(func: Callable[..., Any], count: int, rule: str) -> Callable[..., Any]:
    """Return `func`, or a function that raises TypeError if `func` cannot take `count` positional arguments.

    It only warns now, so that one mistake does not stop the other routes and handlers of the application.
    """
    if can_take(func, count):
        return func
    complaint = f"{rule}: {describe(func)} does not"
    warn(f"{complaint}, and fails when it is called")

    def misfit(*arguments: Any) -> Any:
        raise TypeError(complaint)

    return misfit


def can_take(func: Callable[..., Any], count: int) -> bool:
    """Return whether a function can be called with `count` positional arguments; True if that is unknown.

    The code object of a plain function has the numbers; other callables are inspected, which takes much longer.
    """
    # A decorated function has the signature of the function inside, which inspect follows.
    code = getattr(func, "__code__", None)
    if code is not None and not hasattr(func, "__wrapped__"):
        most = code.co_argcount - inspect.ismethod(func)
        least = most - len(func.__defaults__ or ())
        required = code.co_kwonlyargcount - len(func.__kwdefaults__ or ())
        return bool(least <= count and (count <= most or code.co_flags & _VARIADIC) and not required)
    try:
        inspect.signature(func).bind(*range(count))
    except ValueError:  # builtins and extension types have no signature
        return True
    except TypeError:
        return False
    return True


def is_function(endpoint: Any) -> bool:
    """Return whether an endpoint is a function or a method, also in a `partial`; otherwise it is an application."""
    while isinstance(endpoint, partial):
        endpoint = endpoint.func
    return inspect.isfunction(endpoint) or inspect.ismethod(endpoint)


def describe(func: Any) -> str:
    """Return a function's name, file and line."""
    inner = inspect.unwrap(func)
    while isinstance(inner, partial):
        inner = inner.func
    code = getattr(inner, "__code__", None)
    name = getattr(inner, "__qualname__", repr(inner))
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else str(name)


def not_a_response(func: Callable[..., Any], returned: object) -> TypeError:
    """Return the TypeError for a function that has not returned a response."""
    kind = "nothing (None)" if returned is None else f"a {type(returned).__name__}"
    return TypeError(
        f"{describe(func)} returned {kind}: return a Response, such as JSONResponse(...), or any ASGI application"
    )
