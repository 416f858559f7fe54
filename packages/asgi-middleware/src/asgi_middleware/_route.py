"""The template of the route that answered a request, from what routers leave in the scope.

Routes of asgi-routing have the whole template as `full_path_format`. Those of Starlette and FastAPI have that of the
innermost router, and `root_path` has their mounts as they were requested; Litestar leaves its own in `path_template`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .types import Scope


def route_of(scope: Scope) -> str | None:
    """Return the whole template, the application's root included; None where nothing has matched.

    Two mounts of one application have two templates, and one mount with a parameter has one, whatever its value is:
    a name of bounded variety (OpenTelemetry, `http.route`).
    """
    root_path = scope.get("root_path", "")
    root = scope.get("app_root_path", root_path)
    below = _below(scope, root_path.removeprefix(root).rstrip("/"))
    return None if below is None else root.rstrip("/") + below or "/"


def _below(scope: Scope, mounted: str) -> str | None:
    """Return the template below the application's root; `mounted` is the path of the mounts as it was requested."""
    route, params = scope.get("route"), scope.get("path_params") or {}
    if template := scope.get("path_template"):
        return _template_of(mounted, params, template) + str(template)
    whole = getattr(route, "full_path_format", None)
    if isinstance(whole, str):
        return whole if _begins_with(whole, mounted) else _template_of(mounted, params, whole) + whole
    own = getattr(route, "path_format", None)
    if not isinstance(own, str):
        return None
    if hasattr(route, "routes"):  # a mount, which stands in root_path already, and whose application named no route
        return _template_of(mounted, params) if mounted else own.removesuffix("/{path}")
    return _template_of(mounted, params, own) + own


def _begins_with(template: str, mounted: str) -> bool:
    """Return whether a template begins with that of the mounts, segment by segment."""
    ours, theirs = template.split("/"), mounted.split("/")
    return len(ours) >= len(theirs) and all(
        own == other or "{" in own for own, other in zip(ours, theirs, strict=False)
    )


def _template_of(path: str, params: Mapping[str, Any], template: str = "") -> str:
    """Return the path of mounts with the names of parameters for their values, but for those in a route's template."""
    for name, value in params.items():
        text = str(value)
        if not text or f"{{{name}}}" in template:
            continue
        segments = path.split("/")
        if text in segments:
            segments[segments.index(text)] = f"{{{name}}}"
            path = "/".join(segments)
        else:  # a part of a segment, or several segments
            path = path.replace(text, f"{{{name}}}", 1)
    return path
