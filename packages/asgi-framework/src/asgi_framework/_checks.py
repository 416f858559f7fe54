"""Checks of the arguments of an App: each error names the argument and what to write instead."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, cast

from asgi_middleware import Middleware
from asgi_routing.lifespan import Lifespan

from ._signatures import can_take, describe
from ._warn import warn
from .middleware import ExceptionHandler, check_handler


def check_debug(debug: Any) -> bool:
    """Return `debug`; raises TypeError for a list of routes, which is the second argument."""
    if isinstance(debug, Iterable) and not isinstance(debug, str):
        raise TypeError(f"the first argument of App is debug, not {debug!r}: write App(routes=[...])")
    checked: bool = debug
    return checked


def check_size(max_body_size: Any) -> int | None:
    """Return the size; raises TypeError for anything but a number, ValueError for a negative one."""
    if max_body_size is None:
        return None
    # True is an int in Python, and would be a limit of one byte.
    if not isinstance(max_body_size, (int, float)) or isinstance(max_body_size, bool):
        raise TypeError(f"max_body_size must be a number of bytes, such as 1_000_000, not {max_body_size!r}")
    if max_body_size < 0:
        raise ValueError(f"max_body_size must be 0 or more, not {max_body_size!r}")
    return cast("int", max_body_size)  # a float compares as well


def check_lifespan(lifespan: Any) -> Lifespan | None:
    """Return the lifespan; raises TypeError for anything but a function of the application."""
    if lifespan is not None and not (callable(lifespan) and can_take(lifespan, 1)):
        shown = describe(lifespan) if callable(lifespan) else repr(lifespan)
        raise TypeError(
            f"lifespan must be an async context manager function that takes the application, not {shown}: "
            "write @contextlib.asynccontextmanager above `async def lifespan(app): ... yield`"
        )
    checked: Lifespan | None = lifespan
    return checked


def check_handlers(handlers: Mapping[Any, ExceptionHandler]) -> dict[Any, ExceptionHandler]:
    """Return the handlers whose keys can match; warns of the others, and reads a status in a string as a number."""
    checked = {}
    for given, handler in handlers.items():
        # Handlers read from JSON or YAML have their statuses as strings.
        key = int(given) if isinstance(given, str) and given.isdecimal() else given
        if key is not given:
            warn(f"exception_handlers: the status {given!r} is a string: write {key}")
        elif not isinstance(key, int) and not (isinstance(key, type) and issubclass(key, Exception)):
            warn(
                f"exception_handlers: {key!r} is never raised, so its handler is ignored: write a status code, such as "
                "404, or a class of Exception"
            )
            continue
        checked[key] = check_handler(handler)
    return checked


def check_middleware(middleware: Any) -> list[Middleware]:
    """Return the records in a list; raises TypeError, with what to write instead, for anything else."""
    if middleware is None:
        return []
    if isinstance(middleware, (str, Middleware)) or not isinstance(middleware, Iterable):
        raise TypeError(f"middleware must be a list of records: write middleware=[Middleware(...)], not {middleware!r}")
    records = list(middleware)
    for record in records:
        check_record(record)
    return records


def check_record(record: Any) -> None:
    """Raise TypeError, with what to write instead, unless `record` is a valid record of a middleware."""
    parts = None
    if isinstance(record, Iterable) and not isinstance(record, (str, bytes, type)):
        parts = tuple(record)
    if parts is None or len(parts) != 3:
        name = getattr(record, "__name__", None)
        raise TypeError(
            f"middleware=[...] must contain records, not {record!r}: write Middleware({name or '...'}, ...), "
            "with the class and its arguments except for the application"
        )
    cls = parts[0]
    if not callable(cls):
        raise TypeError(f"Middleware({cls!r}): the first argument must take an application and return another")
    # `Middleware(CORSMiddleware(app))` has an instance, whose class has an async __call__.
    kind: Any = type(cls)
    if kind is not type and inspect.iscoroutinefunction(kind.__call__):
        raise TypeError(
            f"Middleware({cls!r}): this is already an application: write Middleware({type(cls).__name__}, ...), "
            "with the class and its arguments except for the application"
        )
