"""What every route is, and how one is entered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, ClassVar

from .._replies import reply_not_found
from ..convertors import Convertor
from ..exceptions import NoMatchFound
from ..paths import URLPath, build_pattern, missing_params, replace_params
from ..types import ASGIApp, Receive, Scope, Send

PREFIX = "asgi_routing.prefix"

_IN_PLACE = {"endpoint", "path_params", "route"}

MiddlewareRecords = Iterable[Iterable[Any]]


class Match(Enum):
    """How a route answers a scope: not at all, at that path but not with that method, or fully."""

    NONE = 0
    PARTIAL = 1
    FULL = 2


class BaseRoute:
    """One entry of a router's table: subclasses say what they match and how they answer it.

    `returned_keys` are the scope keys that a route with a scope of its own hands back to its caller's scope.
    """

    returned_keys: ClassVar[tuple[str, ...]] = ("route", "endpoint", "path_params")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the scope is for this route, and the keys that its scope then gets."""
        raise NotImplementedError

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """The path of the route of that name; raises NoMatchFound where it is not this one."""
        raise NotImplementedError

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a scope that this route matches, fully or in part."""
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve as an application of one route."""
        match, child_scope = self.matches(scope)
        if match is Match.NONE:
            return await reply_not_found(scope, receive, send)
        return await enter(self, scope, child_scope, receive, send)


class PathPattern:
    """The `path_regex` of a route: compiled when it is first asked for, as most routes never need it."""

    def __get__(self, route: Any, owner: type | None = None) -> Any:
        if route is None:
            return self
        pattern = route.__dict__["path_regex"] = build_pattern(route.path_format, route.param_convertors)
        return pattern


async def enter(route: BaseRoute, scope: Scope, child_scope: Scope, receive: Receive, send: Send) -> None:
    """Let a matching route answer: in the caller's scope where it only learns what matched, else in a copy.

    From the copy the caller learns what matched, and keeps its own path and root path.
    """
    if "root_path" not in child_scope and child_scope.keys() <= _IN_PLACE:
        scope["route"] = placed(route, scope)
        scope.update(child_scope)
        return await route.handle(scope, receive, send)
    own = {**scope, "route": placed(route, scope), **child_scope}
    try:
        await route.handle(own, receive, send)
    finally:
        for key in route.returned_keys:
            if key in own:
                scope[key] = own[key]


def placed(route: BaseRoute, scope: Scope) -> BaseRoute:
    """The route as `scope["route"]` shows it: below mounts, a copy whose `path_format` is the whole template."""
    prefix = scope.get(PREFIX)
    return with_prefix(route, prefix) if prefix else route


def with_prefix(route: BaseRoute, prefix: str) -> BaseRoute:
    """A copy of a route with the templates of its mounts before its own; the route itself where it has none."""
    path_format = getattr(route, "path_format", None)
    if path_format is None:
        return route
    view = object.__new__(type(route))
    view.__dict__.update(route.__dict__, path_format=prefix + path_format)
    return view


def get_name(endpoint: Callable[..., Any]) -> str:
    """The name of a function or class, or of the class of anything else."""
    return getattr(endpoint, "__name__", endpoint.__class__.__name__)


def wrap(app: ASGIApp, middleware: MiddlewareRecords | None) -> ASGIApp:
    """The application within its middleware, each a `(cls, args, kwargs)`; the first is outermost."""
    for cls, args, kwargs in reversed(list(middleware or ())):
        app = cls(app, *args, **kwargs)
    return app


def url_of(
    name: str, path_format: str, convertors: Mapping[str, Convertor[Any]], path_params: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """`replace_params`, whose refusals name the route; raises NoMatchFound for a missing parameter too."""
    if missing := missing_params(convertors, path_params):
        raise NoMatchFound(name, path_params, missing=missing)
    try:
        return replace_params(path_format, convertors, path_params)
    except NoMatchFound as exc:
        raise NoMatchFound(name, path_params, reason=exc.reason) from exc


def whole_url_of(
    name: str, path_format: str, convertors: Mapping[str, Convertor[Any]], path_params: Mapping[str, Any]
) -> str:
    """The path with all its parameters, and no other; raises NoMatchFound, naming the missing and the surplus."""
    missing = missing_params(convertors, path_params)
    surplus = [key for key in path_params if key not in convertors]
    if missing or surplus:
        raise NoMatchFound(name, path_params, missing=missing, surplus=surplus)
    return url_of(name, path_format, convertors, path_params)[0]
