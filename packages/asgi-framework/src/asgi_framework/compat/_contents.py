"""The names of each module named starlette, and the modules that define them."""

from __future__ import annotations

from importlib.util import resolve_name

from asgi_requests import status

from ._names import HOMES

VERSION = "1.10.0"
"""The version of Starlette whose names these are."""


def _homes_of(table: dict[str, str]) -> dict[str, tuple[str, str]]:
    homes = {}
    for module, names in table.items():
        home = resolve_name(module, __package__)
        for entry in names.split():
            name, _, attribute = entry.partition("=")
            homes[name] = (home, attribute or name)
    return homes


MODULES = {module: _homes_of(table) for module, table in HOMES.items()}
"""By module, the origin of each name: a module and an attribute of it."""

MODULES["starlette.status"] = {name: (status.__name__, name) for name in dir(status) if not name.startswith("_")}

ALL = {module: sorted(name for name in homes if not name.startswith("_")) for module, homes in MODULES.items()}
"""By module, its `__all__`."""

ALL["starlette.status"] = status.__all__

REQUIRED = {
    "starlette.middleware.opentelemetry": "asgi_middleware.opentelemetry",
    "starlette.templating": "asgi_requests.templating",
    "starlette.testclient": "asgi_framework.testclient",
}
"""The modules whose import fails without an extra, and the module whose ImportError names the extra."""

_PAGE = "the error page does not use these templates: override ServerErrorMiddleware.debug_response"
_TRANSPORT = "the test client has other parts: see asgi_testclient.ASGITransport"

REFUSED = {
    "starlette.middleware.body_limit": dict.fromkeys(
        ("_MISSING", "_Missing"), "a part of Starlette's own implementation"
    ),
    "starlette.middleware.errors": dict.fromkeys(
        ("CENTER_LINE", "FRAME_TEMPLATE", "JS", "LINE", "STYLES", "TEMPLATE"), _PAGE
    ),
    "starlette.middleware.gzip": dict.fromkeys(
        ("_get_gzip_capacity_limiter", "_gzip_capacity_limiter", "_normalize_content_types"),
        "threads are those of AnyIO's default limiter, and media types are normalised by GZipMiddleware",
    ),
    "starlette.testclient": dict.fromkeys(
        ("_AsyncBackend", "_TestClientResponseStream", "_TestClientTransport", "_Upgrade", "_WrapASGI2", "_is_asgi3"),
        _TRANSPORT,
    ),
}
"""Private names that have no counterpart here, and why."""
