"""The base of all routes, and how a matching route is given its connection.

Rule: keys are written to the caller's own scope, as `scope["route"]` is for those outside. Where a router below a
mount finds nothing, the mount puts back what it changed: another application may be tried with the same scope.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, ClassVar

from .._patterns import extract_of, has_path_pattern
from .._replies import reject
from .._urlpath import URLPath, is_query
from ..convertors import Convertor
from ..exceptions import NoMatchFound
from ..paths import missing_params, replace_params
from ..types import ASGIApp, Receive, Scope, Send

PREFIX = "asgi_routing.prefix"
UNMATCHED = "asgi_routing.unmatched"

MiddlewareRecords = Iterable[Iterable[Any]]
Predicate = Callable[[Scope], object]


class Match(Enum):
    """The degree to which a route matches a scope: not at all, its path but not its method, or fully."""

    NONE = 0
    PARTIAL = 1
    FULL = 2


class BaseRoute:
    """One entry of a router's table: subclasses say what they match and how they handle it."""

    url_path_class: ClassVar[type[URLPath]] = URLPath
    # None in the class: subclasses elsewhere do without the constructors here.
    when: Predicate | None = None

    @property
    def full_path_format(self) -> str | None:
        """The whole template, without convertors, for metrics and traces (`http.route`); None if there is none.

        In `scope["route"]` it begins with the templates of the mounts around the route, but not with the root path
        of the server: that is `scope["app_root_path"]` or, outside of mounts, `scope["root_path"]`.
        """
        path_format = getattr(self, "path_format", None)
        return path_format if isinstance(path_format, str) else None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether the scope is for this route, and the keys to be added to it."""
        raise NotImplementedError

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Return the path of the route of that name; raise NoMatchFound if it is another.

        `query`, a mapping or pairs, and `fragment`, a text, follow the path, unless it has parameters of these names.
        """
        raise NotImplementedError

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a scope that this route matches, fully or in part."""
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve as an application of one route."""
        match, child_scope = self.matches(scope)
        if match is Match.NONE:
            return await reject(scope, receive, send)
        shown = with_mount_prefix(self, scope.get(PREFIX, ""))
        return await serve_match(self, shown, child_scope, None, scope, receive, send)


async def serve_match(
    route: BaseRoute,
    shown: BaseRoute,
    child_scope: Scope,
    router: object,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Add to the scope what matched, and let the route handle it; `shown` is the route for `scope["route"]`.

    If a router below finds nothing, all is put back but `route` and `endpoint`: they say how far the path led.
    `router`, if it is not None, is taken out of the scope then.
    """
    before = {key: scope.get(key) for key in child_scope}
    nested = UNMATCHED in scope
    scope["route"] = shown
    scope.update(child_scope)
    if "route" in child_scope:  # a class of routes that writes itself: FastAPI's do
        scope["route"] = with_mount_prefix(child_scope["route"], scope.get(PREFIX, ""))
    scope[UNMATCHED] = False
    try:
        await route.handle(scope, receive, send)
    finally:
        unmatched = scope.pop(UNMATCHED, False)
        # The mount around this one learns it as well: nothing was found below it either.
        if nested:
            scope[UNMATCHED] = unmatched
        for key, value in before.items():
            if key == PREFIX or (unmatched and key not in ("route", "endpoint")):
                put_back(scope, key, value)
        if unmatched and router is not None and scope.get("router") is router:
            del scope["router"]


def put_back(scope: Scope, key: str, value: Any) -> None:
    """Give a key the value that it had; None stands for a key that was not there."""
    if value is None:
        scope.pop(key, None)
    else:
        scope[key] = value


def with_mount_prefix(route: BaseRoute, prefix: str) -> BaseRoute:
    """Return the route as `scope["route"]` shows it: a copy whose `path_format` is the whole template.

    It matches as the route does. The route itself is returned if its own template is the whole one, or it has none.
    """
    own = getattr(route, "__dict__", {})
    template = getattr(route, "full_path_format", own.get("path_format"))
    if template is None or "path_format" not in own or (not prefix and template == own["path_format"]):
        return route
    # Without __init__, whose parameters a subclass may have changed.
    shown = object.__new__(type(route))
    shown.__dict__.update(own, path_format=prefix + template or "/")
    if has_path_pattern(route):
        pattern = route.path_regex  # type: ignore[attr-defined]
        shown.__dict__.update(path_regex=pattern, _extract=extract_of(route))
    return shown


def checked_predicate(when: Predicate | None) -> Predicate | None:
    """Return the predicate of a route; raise TypeError for what cannot be called, or is a coroutine function."""
    if when is None:
        return None
    if not callable(when):
        raise TypeError(f"when={when!r}: give a function of the scope that returns a bool")
    from inspect import iscoroutinefunction

    if iscoroutinefunction(when) or iscoroutinefunction(getattr(when, "__call__", None)):  # noqa: B004
        raise TypeError(f"when={when!r}: a route is found without waiting: give a function that is not async")
    return when


def set_predicate(route: BaseRoute, when: Predicate | None) -> None:
    """Note the predicate of a route that has one."""
    if checked_predicate(when) is not None:
        route.when = when


def get_name(endpoint: Callable[..., Any]) -> str:
    """Return the name of a function or class, or of the class of anything else."""
    return getattr(endpoint, "__name__", endpoint.__class__.__name__)


def wrap(app: ASGIApp, middleware: MiddlewareRecords | None) -> ASGIApp:
    """Return the application within its middleware, each a `(cls, args, kwargs)`; the first is outermost.

    Raises TypeError for anything else in the list.
    """
    for cls, args, kwargs in reversed([*_checked(middleware or ())]):  # from the inside out
        app = cls(app, *args, **kwargs)
    return app


def _checked(middleware: MiddlewareRecords) -> Iterator[tuple[Any, Any, Any]]:
    for record in middleware:
        try:
            cls, args, kwargs = record
        except (TypeError, ValueError) as exc:
            shown = getattr(record, "__name__", None) or repr(record)
            raise TypeError(
                f"middleware={shown}: a list of middleware has Middleware(cls, ...) or (cls, args, kwargs) in it"
            ) from exc
        yield cls, args, kwargs


def fill_template(
    name: str, path_format: str, convertors: Mapping[str, Convertor[Any]], path_params: Mapping[str, Any]
) -> str:
    """Return the path with what is given of its parameters; the others keep their braces.

    Raises NoMatchFound, naming the route, for a value that is refused.
    """
    try:
        return replace_params(path_format, convertors, path_params)[0]
    except NoMatchFound as exc:
        raise exc.renamed(name, path_params) from exc


def take_query(convertors: Mapping[str, Convertor[Any]], path_params: dict[str, Any]) -> dict[str, Any]:
    """Take `query` and `fragment` out of the parameters, unless the path has a parameter of that name."""
    taken = {}
    for key, fits in (("query", is_query), ("fragment", _is_fragment)):
        if key in path_params and key not in convertors and fits(path_params[key]):
            taken[key] = path_params.pop(key)
    return taken


def _is_fragment(value: object) -> bool:
    return value is None or isinstance(value, str)


def check_params(
    name: str, convertors: Mapping[str, Convertor[Any]], path_params: Mapping[str, Any], required: Iterable[str]
) -> None:
    """Raise NoMatchFound, naming what is missing and what is unexpected, unless these are the parameters."""
    missing = missing_params({key: convertors[key] for key in required}, path_params)
    unexpected = [key for key in path_params if key not in convertors]
    if missing or unexpected:
        raise NoMatchFound(name, path_params, missing=missing, unexpected=unexpected)
