"""Read from a scope what routing needs."""

from __future__ import annotations

from ._host import ParsedHost, parse_host
from .types import Scope


def get_route_path(scope: Scope) -> str:
    """Return the part of the path below `root_path`; all of it if the server left the root path out.

    If the server did, the path has what mounts have added to `root_path`, but not `app_root_path`.
    """
    path: str = scope["path"]
    root_path: str = scope.get("root_path", "")
    if root_path.endswith("/"):
        if path.startswith(f"{root_path}/"):  # a mount whose last parameter is empty ends in a slash
            return path[len(root_path) :]
        root_path = root_path.rstrip("/")
    if not root_path:
        return path
    # A whole segment: `/api` is not the root path of `/apiary`.
    if path.startswith(root_path):
        below = path[len(root_path) :]
        return below if not below or below[0] == "/" else path
    # Some servers leave their root path out of `path`, where ASGI wants it; what mounts have added is in both.
    base = scope.get("app_root_path", "").rstrip("/")
    if base and root_path.startswith(f"{base}/") and path.startswith(f"{root_path[len(base) :]}/"):
        return path[len(root_path) - len(base) :]
    return path


def get_full_path(scope: Scope) -> str:
    """Return the whole path, with the application's root path even if the server left it out."""
    path: str = scope["path"]
    base: str = scope.get("app_root_path", scope.get("root_path", "")).rstrip("/")
    return path if path.startswith(base) else base + path


def requested_host(scope: Scope) -> ParsedHost | None:
    """Return the host that the request names, or None if Host is missing, repeated or malformed (RFC 9110 §7.2)."""
    values = [value for name, value in scope.get("headers", ()) if name.lower() == b"host"]
    # Two Host fields name no host (RFC 9112 §3.2): software in front may have read the other one.
    return parse_host(values[0].decode("latin-1")) if len(values) == 1 else None
