"""Read configuration from the environment and from an env file, with casts and defaults.

    from asgi_framework.config import Config

    config = Config(".env")
    workers = config("WORKERS", cast=int, default=1)
    debug = config("DEBUG", cast=bool, default=False)

A line of an env file is `NAME=value` or `export NAME=value`; quotes around the value are removed. A `#` begins a
comment at the start of a line, after a quoted value, and after a space.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, TypeVar, overload

T = TypeVar("T")

# Starlette accepts no other spellings; `yes` and `on` raise ValueError rather than be guessed.
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}

_LINE = re.compile(r"\s*(?:export\s+)?([^#=\s][^=]*?)\s*=(.*)", re.DOTALL).fullmatch
_QUOTED = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)')\s*(?:#.*)?""", re.DOTALL).fullmatch
_COMMENT = re.compile(r"\s#.*", re.DOTALL)


class undefined:
    """The absence of a default, since None is a valid default."""


class EnvironError(Exception):
    """Raised if a variable is changed after it has been read."""


class Environ(MutableMapping[str, str]):
    """The environment, whose variables cannot be changed after they have been read.

    Otherwise a test that sets a variable too late would pass or fail depending on the order of imports.
    """

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._has_been_read: set[str] = set()

    def __getitem__(self, key: str) -> str:
        self._has_been_read.add(key)
        return self._environ[key]

    def __setitem__(self, key: str, value: str) -> None:
        if key in self._has_been_read:
            raise EnvironError(f"Attempting to set environ[{key!r}], but the value has already been read.")
        self._environ[key] = value

    def __delitem__(self, key: str) -> None:
        if key in self._has_been_read:
            raise EnvironError(f"Attempting to delete environ[{key!r}], but the value has already been read.")
        del self._environ[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)


environ = Environ()


class Config:
    """A reader of settings: from the environment, otherwise from the env file, otherwise the default.

    `env_prefix` is prepended to each name. A missing file is only warned of, so that a program runs without it.
    """

    def __init__(
        self,
        env_file: str | Path | None = None,
        environ: Mapping[str, str] = environ,
        env_prefix: str = "",
        encoding: str = "utf-8",
    ) -> None:
        self.environ = environ
        self.env_prefix = env_prefix
        self.file_values: dict[str, str] = {}
        if env_file is None:
            return
        if Path(env_file).is_file():
            self.file_values = self._read_file(env_file, encoding)
        else:
            warnings.warn(f"Config file '{env_file}' not found.", stacklevel=2)

    @overload
    def __call__(self, key: str, *, default: None) -> str | None: ...
    @overload
    def __call__(self, key: str, cast: type[T], default: T = ...) -> T: ...
    @overload
    def __call__(self, key: str, cast: type[str] = ..., default: str = ...) -> str: ...
    @overload
    def __call__(self, key: str, cast: Callable[[Any], T], default: Any = ...) -> T: ...
    @overload
    def __call__(self, key: str, cast: type[str] = ..., default: T = ...) -> T | str: ...

    def __call__(self, key: str, cast: Callable[[Any], Any] | None = None, default: Any = undefined) -> Any:
        """Return the value of `key`, cast; raises KeyError if it is missing, ValueError if it cannot be cast."""
        return self.get(key, cast, default)

    def get(self, key: str, cast: Callable[[Any], Any] | None = None, default: Any = undefined) -> Any:
        """Return the value of `key`, as a call of the object does."""
        key = self.env_prefix + key
        for values in (self.environ, self.file_values):
            if key in values:
                return self._perform_cast(key, values[key], cast)
        if default is undefined:
            raise KeyError(f"Config '{key}' is missing, and has no default.")
        return self._perform_cast(key, default, cast)

    def _read_file(self, file_name: str | Path, encoding: str) -> dict[str, str]:
        # Editors on Windows may begin a UTF-8 file with a byte order mark, which is not part of the first name.
        text = Path(file_name).read_text(encoding).removeprefix("\ufeff")
        lines = (_LINE(line) for line in text.split("\n"))
        return {line[1]: _value(line[2]) for line in lines if line is not None}

    def _perform_cast(self, key: str, value: Any, cast: Callable[[Any], Any] | None = None) -> Any:
        if cast is None or value is None:
            return value
        # bool("false") is True.
        if cast is bool and isinstance(value, str):
            if value.lower() in BOOLEANS:
                return BOOLEANS[value.lower()]
            raise ValueError(f"Config '{key}' has value '{value}'. Not a valid bool.")
        try:
            return cast(value)
        except (TypeError, ValueError) as exc:
            name = getattr(cast, "__name__", type(cast).__name__)
            raise ValueError(f"Config '{key}' has value '{value}'. Not a valid {name}.") from exc


def _value(text: str) -> str:
    """Return the value of a line without its quotes or comment; `#fff` is a comment only after a space."""
    quoted = _QUOTED(text)
    if quoted is not None:
        return quoted[1] if quoted[1] is not None else quoted[2]
    return _COMMENT.sub("", text).strip()
