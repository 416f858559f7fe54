"""The path of a name, looked for in a list of routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..exceptions import NoMatchFound
from ..paths import URLPath
from .base import BaseRoute
from .route import Route
from .websocket import WebSocketRoute

_OF_ONE_NAME = {Route.url_path_for, WebSocketRoute.url_path_for}


def url_below(
    routes: Iterable[BaseRoute], name: str, path_params: Mapping[str, Any], asked: str, given: Mapping[str, Any]
) -> URLPath:
    """The path of the first of these routes that has the name; `asked` and `given` are what the caller said.

    Raises NoMatchFound, which says what was wrong with the nearest route.
    """
    nearest: NoMatchFound | None = None
    for route in routes:
        if type(route).url_path_for in _OF_ONE_NAME and route.name != name:  # type: ignore[attr-defined]
            continue
        try:
            return route.url_path_for(name, **path_params)
        except NoMatchFound as exc:
            if nearest is None or (exc.nearness > nearest.nearness):
                nearest = exc
    if nearest is None:
        raise NoMatchFound(asked, given)
    raise NoMatchFound(
        asked, given, missing=nearest.missing, surplus=nearest.surplus, reason=nearest.reason
    ) from nearest
