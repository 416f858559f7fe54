"""Every path at one host, for one application."""

from __future__ import annotations

import re
from typing import Any

from .._host import parse_host
from .._mistakes import template_mistake, warn_of
from .._patterns import by_pattern, compile_extract
from .._scope import requested_host
from .._urlpath import URLPath
from ..convertors import Convertor
from ..exceptions import NoMatchFound
from ..paths import PARAM_FORMAT_REGEX, build_pattern, parse_path, percent_encode, without_port
from ..types import ASGIApp, Receive, Scope, Send
from ._reverse import reverse
from .base import BaseRoute, Match, Predicate, check_params, fill_template, set_predicate, take_query


class Host(BaseRoute):
    """Every path at one host, such as `api.example.org` or `{tenant}.example.org`, for one application.

    Neither case nor port nor a final dot count when requests are matched, and parameters are in lower case
    (RFC 9110 §4.2.3). A malformed or repeated Host matches none. `when` as for a Route.
    """

    def __init__(self, host: str, app: ASGIApp, name: str | None = None, *, when: Predicate | None = None) -> None:
        assert not host.startswith("/"), "Host must not start with '/'"
        self.host = host
        self.app = app
        self.name = name
        self.host_format: str
        self.param_convertors: dict[str, Convertor[Any]]
        self.host_format, self.param_convertors = parse_path(host)
        self.host_regex: re.Pattern[str] = build_pattern(self.host_format, self.param_convertors)
        self._own_regex = self.host_regex
        self._extract = compile_extract(host_to_match(self), self.param_convertors, re.IGNORECASE)
        warn_of(template_mistake(host), self)
        set_predicate(self, when)

    @property
    def base_app(self) -> ASGIApp:
        """The application."""
        return self.app

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes of the application, if it has any."""
        routes: list[BaseRoute] = getattr(self.app, "routes", [])
        return routes

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        host = requested_host(scope) if scope["type"] in ("http", "websocket") else None
        if host is None:
            return Match.NONE, {}
        replaced = self.host_regex is not self._own_regex  # a program may set another pattern, as in Starlette
        extract = by_pattern(self.host_regex, self.param_convertors) if replaced else self._extract
        params = extract(host.name)
        if params is None or (self.when is not None and not self.when(scope)):
            return Match.NONE, {}
        return Match.FULL, {"path_params": {**scope.get("path_params", {}), **params}, "endpoint": self.app}

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        own = {key: value for key, value in path_params.items() if key in self.param_convertors}
        if self.name is not None and name == self.name and "path" in path_params:
            path = path_params.pop("path")
            rest = take_query(self.param_convertors, path_params)
            check_params(name, self.param_convertors, path_params, ())
            host = fill_template(name, self.host_format, self.param_convertors, own)
            found = self.url_path_class(path if isinstance(path, URLPath) else percent_encode(str(path)), host=host)
            return found.with_query(**rest) if rest else found
        if self.name is not None and not name.startswith(f"{self.name}:"):
            raise NoMatchFound(name, path_params, missing=["path"] if name == self.name else [])
        below = name if self.name is None else name[len(self.name) + 1 :]
        inner = {key: value for key, value in path_params.items() if key not in own}
        url = reverse(self.routes, below, inner, name, path_params)
        host = fill_template(name, self.host_format, self.param_convertors, own)
        return self.url_path_class(url, protocol=url.protocol, host=host)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Host) and _key(self) == _key(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(host={self.host!r}, name={self.name or ''!r}, app={self.app!r})"


def _key(host: Host) -> tuple[object, ...]:
    return host.host, host.app, host.when


def host_to_match(route: Host) -> str:
    """Return the template as the host of a request is compared with it: without port and final dot, in lower case."""
    template = without_port(route.host_format)
    parsed = None if route.param_convertors else parse_host(template)
    if parsed is not None:
        return parsed.name
    pieces = PARAM_FORMAT_REGEX.split(template.removesuffix("."))
    return "".join(f"{{{piece}}}" if i % 2 else piece.lower() for i, piece in enumerate(pieces))
