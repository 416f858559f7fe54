"""From a name to a path, looked up in a list of routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._urlpath import URLPath
from ..exceptions import NoMatchFound
from .base import BaseRoute
from .path import PathRoute

_OF_ONE_NAME = PathRoute.url_path_for


def reverse(
    routes: Iterable[BaseRoute], name: str, path_params: Mapping[str, Any], asked: str, given: Mapping[str, Any]
) -> URLPath:
    """Return the path of the first of these routes that has the name.

    Raises NoMatchFound, with the name and the parameters that the caller asked for, for the nearest route.
    """
    nearest: NoMatchFound | None = None  # of the routes with that name, the one whose parameters fit best
    for route in routes:
        # Most routes are passed by here without the cost of an exception.
        if type(route).url_path_for is _OF_ONE_NAME and route.name != name:  # type: ignore[attr-defined]
            continue
        try:
            return route.url_path_for(name, **path_params)
        except NoMatchFound as exc:
            if nearest is None or (exc.specificity > nearest.specificity):
                nearest = exc
        except Exception as exc:
            # The routes of a mounted application of Starlette raise an exception of Starlette's.
            if type(exc).__name__ != NoMatchFound.__name__:
                raise
    if nearest is None:
        raise NoMatchFound(asked, given)
    raise nearest.renamed(asked, given) from nearest
