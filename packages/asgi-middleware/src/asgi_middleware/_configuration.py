"""Readers of configured lists: an entry without effect is reported, but never stops an application."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator

from .types import ASGIApp


class ConfigurationWarning(UserWarning):
    """Warning about an entry of a middleware's configuration that has no effect as written; it names what to write."""


def application(app: ASGIApp, wrapper: object) -> ASGIApp:
    """Return the application of a middleware; raises TypeError for anything else, at once instead of per request."""
    name = getattr(wrapper, "__name__", type(wrapper).__name__)
    if not callable(app):
        raise TypeError(f"{name} needs an ASGI application, not {app!r}")
    return app


def check_seconds(parameter: str, value: object, otherwise: str = "") -> None:
    """Raise TypeError for a duration that is not a number, ValueError for one that is not above 0."""
    is_number = isinstance(value, int | float)
    if not is_number or not value > 0:  # type: ignore[operator]
        problem = f"{parameter}={value!r} must be a number of seconds above 0{otherwise}"
        raise ValueError(problem) if is_number else TypeError(problem)


def check_numbers(**options: object) -> None:
    """Raise TypeError for options that are not numbers, such as texts from the environment."""
    for parameter, value in options.items():
        if not isinstance(value, int | float):
            raise TypeError(f"{parameter}={value!r} must be a number")


def check_function(parameter: str, value: object, takes: str = "the scope") -> None:
    """Raise TypeError for an option that is not a function."""
    if not callable(value):
        raise TypeError(f"{parameter}={value!r} must be a function of {takes}")


def check_store(store: object, method: str) -> None:
    """Raise TypeError for what is not a store: the class of one, or a path."""
    if isinstance(store, type) or not hasattr(store, method):
        raise TypeError(f"store={store!r} must be a store, such as MemoryStore() or SQLiteStore('state.db')")


def names(values: Iterable[str]) -> tuple[str, ...]:
    """Return the names of a list; a string is a list of one."""
    return (values,) if isinstance(values, str) else tuple(values)


def warn_corrected(parameter: str, entry: object, meant: object) -> None:
    """Warn of an entry that is written wrongly, but read as it was clearly meant."""
    _warn(f"{parameter}: {entry!r} is read as {meant!r}: write {meant!r}")


def warn_ignored(parameter: str, entry: object, advice: str) -> None:
    """Warn of an entry that is left out."""
    _warn(f"{parameter}: {entry!r} is ignored: {advice}")


def warn_refused(parameter: str, entry: object, advice: str) -> None:
    """Warn of an entry that is sent as it is, and that browsers do not accept."""
    _warn(f"{parameter}: browsers refuse {entry!r}: {advice}")


def entries(parameter: str, values: object) -> Iterator[str]:
    """Yield the strings of a list, stripped; warn of empty ones.

    A single string is a list of one. A string with several entries, as environment variables have them, is split at its
    commas. Objects such as URLs and addresses are converted by `str`.
    """
    for value in values if isinstance(values, Iterable) and not isinstance(values, str) else (values,):
        # pydantic adds a slash to a URL without a path, which the author did not write: no warning for that.
        text = value if isinstance(value, str) else str(value).removesuffix("/")
        parts = [stripped for part in text.split(",") if (stripped := part.strip())]
        if value is None or not parts:
            warn_ignored(parameter, value, "leave it out")
            continue
        if parts != [text]:
            warn_corrected(parameter, value, parts[0] if len(parts) == 1 else parts)
        yield from parts


def paths(parameter: str, values: Iterable[str]) -> tuple[str, ...]:
    """Return the paths of a list, with a warning for one that no request can have; a string is a list of one."""
    kept = []
    # `exempt_paths="/healthz"` would otherwise be a list of characters, and exempt "/".
    for path in (values,) if isinstance(values, str) else values:
        if path.startswith("/"):
            kept.append(path)
        else:
            warn_ignored(parameter, path, f"write {'/' + path!r}")
    return tuple(kept)


def _warn(message: str) -> None:
    """Warn at the line that builds the middleware: the first one outside this package."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and (frame.f_globals.get("__package__") or "").partition(".")[0] == __package__:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, ConfigurationWarning, stacklevel=level)
