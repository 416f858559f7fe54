"""The template of the route that answered a request, from the keys that routers add to the scope.

Routes of asgi-routing have the whole template as `full_path_format`. Those of Starlette and FastAPI have only the
template of the innermost router, and `root_path` has the mounts as they were requested; Litestar has `path_template`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from .types import Scope

_UNNAMED = "/{mount}"


def route_of(scope: Scope) -> str | None:
    """Return the whole template, including the application's root; None if no route has matched.

    The number of templates is bounded (OpenTelemetry, `http.route`): a mount with a parameter has one for all values.
    Two mounts of one application have two.
    """
    root_path = scope.get("root_path", "")
    root = scope.get("app_root_path", root_path)
    below = _below(scope, "" if root == root_path else root_path.removeprefix(root).rstrip("/"))
    return None if below is None else root.rstrip("/") + below or "/"


def _below(scope: Scope, mounted: str) -> str | None:
    """Return the template below the application's root; `mounted` is the requested path of the mounts."""
    if template := scope.get("path_template"):
        return _template_of(mounted, scope, template) + str(template)
    route = scope.get("route")
    whole = getattr(route, "full_path_format", None)
    if isinstance(whole, str):
        return whole if not mounted or _begins_with(whole, mounted) else _template_of(mounted, scope, whole) + whole
    own = getattr(route, "path_format", None)
    if not isinstance(own, str):
        return None
    mounts = _template_of_mounts(getattr(scope.get("router"), "routes", ()), mounted) if mounted else ""
    if hasattr(route, "routes"):  # a mount, already part of root_path, whose application has set no route
        if not mounted:
            return own.removesuffix("/{path}")
        return _template_of(mounted, scope) if mounts is None else mounts
    return (_template_of(mounted, scope, own) if mounts is None else mounts) + own


def _template_of_mounts(routes: Iterable[Any], mounted: str) -> str | None:
    """Return the template of the mounts that a path went through, found among the routes of the outermost router.

    The scope is not enough: if an inner route has a parameter of the same name it has overwritten the mount's value.
    """
    for route in routes:
        inner, regex = getattr(route, "routes", None), getattr(route, "path_regex", None)
        if inner is None:
            continue
        if regex is None:  # a Host route, which takes nothing from the path
            below, template = mounted, ""
        else:
            found = regex.match(f"{mounted}/")
            if found is None:
                continue
            template = str(route.path_format).removesuffix("/{path}")
            below = found["path"].rstrip("/")
            if not below:
                return template
            below = f"/{below}"
        rest = _template_of_mounts(inner, below)
        if rest is not None:
            return template + rest
    return None


def _begins_with(template: str, mounted: str) -> bool:
    """Return whether a template begins with the path of the mounts, segment by segment."""
    ours, theirs = template.split("/"), mounted.split("/")
    return len(ours) >= len(theirs) and all(
        own == other or "{" in own for own, other in zip(ours, theirs, strict=False)
    )


def _template_of(path: str, scope: Scope, template: str = "") -> str:
    """Return the path of mounts with parameter names instead of values, except those of the route's own template.

    A value may be written in many ways, `7` as `007`, a UUID in capitals. If it cannot be found in the path one name
    replaces the whole path, since the client could choose what is left in it.
    """
    params: Mapping[str, Any] = (path and scope.get("path_params")) or {}
    for name, value in params.items():
        text = str(value)
        if not text or f"{{{name}}}" in template or f"{{{name}:" in template:
            continue
        segments, marked = path.split("/"), f"{{{name}}}"
        if text in segments:
            segments[segments.index(text)] = marked
        alike = [marked if _is_alike(segment, value) else segment for segment in segments]
        if alike != path.split("/"):
            path = "/".join(alike)
        elif _is_certain(path, text, value):  # a part of a segment, or several segments
            path = path.replace(text, marked, 1)
        else:
            return _UNNAMED
    return path


def _is_certain(path: str, text: str, value: Any) -> bool:
    """Return whether replacing the text of a value leaves nothing of the value in the path."""
    if isinstance(value, str):
        return text in path or text.lower() not in path.lower()  # the value of a Host route is not in the path
    before, found, after = path.partition(text)
    return bool(found) and text not in after and not before[-1:].isdigit() and not after[:1].isdigit()


def _is_alike(segment: str, value: Any) -> bool:
    """Return whether a segment is another way to write a value of the usual convertors."""
    if not isinstance(value, (int, float, Decimal, UUID)) or segment == str(value):
        return False
    try:
        return bool(type(value)(segment) == value)
    except (ValueError, ArithmeticError):
        return False
