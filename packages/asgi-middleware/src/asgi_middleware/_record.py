"""The record of a middleware class and its arguments, from which a framework builds the middleware later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ParamSpec, Protocol

from .types import ASGIApp

P = ParamSpec("P")


class MiddlewareFactory(Protocol[P]):
    """A class or function that returns an ASGI application around another: `factory(app, *args, **kwargs)`."""

    def __call__(self, app: ASGIApp, /, *args: P.args, **kwargs: P.kwargs) -> ASGIApp: ...


class Middleware:
    """A middleware class and its arguments except for the application.

    Unpack it, `cls, args, kwargs = middleware`, and build `cls(app, *args, **kwargs)`. Type checkers check the
    arguments against the parameters of `cls`.
    """

    __slots__ = ("args", "cls", "kwargs")

    def __init__(self, cls: MiddlewareFactory[P], *args: P.args, **kwargs: P.kwargs) -> None:
        self.cls = cls
        self.args = args
        self.kwargs = kwargs

    def __iter__(self) -> Iterator[Any]:
        return iter((self.cls, self.args, self.kwargs))

    def __repr__(self) -> str:
        parts = [getattr(self.cls, "__name__", "") or repr(self.cls)]
        parts += map(_shown, _positional_names(self.cls, len(self.args)), self.args)
        parts += [f"{name}={_shown(name, value)}" for name, value in self.kwargs.items()]
        return f"{type(self).__name__}({', '.join(parts)})"


def _shown(name: str, value: object) -> str:
    """Return the repr of an argument, masked if its parameter is named like a secret."""
    words = name.lower().split("_")
    return "'***'" if {"secret", "secrets", "key", "keys", "password", "token", "tokens"} & {*words} else repr(value)


def _positional_names(cls: MiddlewareFactory[...], count: int) -> Sequence[str]:
    from inspect import Parameter, signature

    try:
        parameters = list(signature(cls).parameters.values())[1:]
    except (TypeError, ValueError):
        return ["key"] * count
    names = [p.name for p in parameters if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    return (names + [""] * count)[:count]
