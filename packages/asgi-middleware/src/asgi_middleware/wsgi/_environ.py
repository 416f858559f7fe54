"""The environ of a WSGI application, from an ASGI scope (PEP 3333; RFC 3875 §4.1)."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import unquote_to_bytes

from .._host import default_port
from ..types import Scope

_WITHOUT_PREFIX = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


def build_environ(scope: Scope, body: Any) -> dict[str, Any]:
    """Return the environ of a request, with `body` as its `wsgi.input` and the scope itself under `asgi.scope`."""
    script_name, path_info = _split_path(scope)
    scheme = scope.get("scheme") or "http"
    name, port = _server_of(scope, scheme)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": script_name,
        "PATH_INFO": path_info,
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        "SERVER_NAME": name,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": body,
        # Chunked requests have no CONTENT_LENGTH; Werkzeug reads to the end only if this is set.
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "asgi.scope": scope,
    }
    if client := scope.get("client"):
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = client[0], str(client[1])
    _add_headers(environ, scope)
    return environ


def _server_of(scope: Scope, scheme: str) -> tuple[str, int]:
    """Return SERVER_NAME and SERVER_PORT, which must not be empty (PEP 3333, "environ Variables").

    On a Unix socket `server` is a path without a port, so they are invented; a URL is built from Host anyway.
    """
    name, port = scope.get("server") or ("", None)
    if name and port is not None:
        return name, port
    return "localhost", default_port(scheme) or 80


def _split_path(scope: Scope) -> tuple[str, str]:
    """Return SCRIPT_NAME and PATH_INFO, split at a segment: bytes decoded as latin-1 (PEP 3333, "Unicode Issues")."""
    path = scope["path"].encode()
    raw = unquote_to_bytes(scope.get("raw_path") or b"")
    if raw != path and raw.decode("utf-8", "replace") == scope["path"]:
        path = raw  # the decoded path has U+FFFD for bytes that are not UTF-8
    root = scope.get("root_path", "").encode().rstrip(b"/")
    if root and (path == root or path.startswith(root + b"/")):
        path = path[len(root) :]
    return root.decode("latin-1"), path.decode("latin-1")


def _add_headers(environ: dict[str, Any], scope: Scope) -> None:
    """Add HTTP_ variables; repeated fields are joined, cookies with a semicolon (RFC 9113 §8.2.3)."""
    for field, value in scope.get("headers", ()):
        name = field.decode("latin-1").lower()
        # `x_real` would become the same variable as `x-real`, which a proxy in front may have checked. `Proxy` would
        # become HTTP_PROXY, from which HTTP clients read the address of their proxy (CVE-2016-5385, httpoxy).
        if "_" in name or name == "proxy":
            continue
        key = _WITHOUT_PREFIX.get(name) or f"HTTP_{name.upper().replace('-', '_')}"
        text = value.decode("latin-1")
        if key not in environ:
            environ[key] = text
        elif name not in _WITHOUT_PREFIX:
            environ[key] += f"{'; ' if name == 'cookie' else ','}{text}"
