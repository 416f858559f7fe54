"""The template of the route that answered a request, from what routers leave in the scope.

Our routing leaves the whole template, mounts included; Starlette and FastAPI that of the innermost router, and the
mounts in `root_path` as they were requested; Litestar its own in `path_template`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..types import Scope


def route_of(scope: Scope) -> str | None:
    """Return the whole template, the application's root included; None where nothing has matched.

    Two mounts of one application have two templates, and one mount with a parameter has one, whatever its value is:
    a name of bounded variety (OpenTelemetry, `http.route`).
    """
    route = scope.get("route")
    own = scope.get("path_template") or getattr(route, "path_format", None)
    if not isinstance(own, str):
        return None
    root_path = scope.get("root_path", "")
    root = scope.get("app_root_path", root_path)
    mounted = root_path.removeprefix(root).rstrip("/")
    params = scope.get("path_params") or {}
    if not mounted:
        whole = _without_rest(own) if _is_mount(route) else own
    elif _is_mount(route) and not scope.get("path_template"):
        own, mounts = _without_rest(own), _template_of(mounted, params)
        whole = own if own.count("/") >= mounts.count("/") else mounts
    else:
        whole = _below_mounts(own, mounted, params)
    return root.rstrip("/") + whole or "/"


def _below_mounts(own: str, mounted: str, params: Mapping[str, Any]) -> str:
    """Return a route's template with that of its mounts before it, unless it has it already."""
    others = {name: value for name, value in params.items() if f"{{{name}}}" not in own}
    mounts = _template_of(mounted, others)
    for prefix in (_template_of(mounted, params), mounts):
        if own == prefix or own.startswith(f"{prefix}/"):
            return own
    return mounts + own


def _template_of(path: str, params: Mapping[str, Any]) -> str:
    """Return a path with the names of parameters in the place of their values."""
    for name, value in params.items():
        text = str(value)
        segments = path.split("/")
        if text in segments[1:]:
            segments[segments.index(text, 1)] = f"{{{name}}}"
            path = "/".join(segments)
        elif text:  # a part of a segment, or several segments
            path = path.replace(text, f"{{{name}}}", 1)
    return path


def _is_mount(route: object) -> bool:
    return hasattr(route, "routes")


def _without_rest(template: str) -> str:
    """Return the template of a mount without the `{path}` that stands for everything below it."""
    return template.removesuffix("/{path}")
