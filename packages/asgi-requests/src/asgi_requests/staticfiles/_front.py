"""Static files in front of an application of any framework.

Rule: a request that names no file goes to the application with the same scope, receive and send. Only a navigation is
watched, if there is a `fallback`, to send that page for a 404 of the application.
"""

from __future__ import annotations

import copy
from typing import Any

from ..exceptions import HTTPException, handled_above
from ..types import ASGIApp, Message, Receive, Scope, Send
from ._app import StaticFiles
from ._globs import warn
from ._navigation import is_navigation
from ._representations import PathLike

_PRODUCTION = {"precompressed": True, "immutable": True, "stat_max_age": 1.0}


def static(app: ASGIApp, directory: PathLike, prefix: str = "/static", **options: Any) -> ASGIApp:
    """Return an application that serves the files of a directory at a prefix, and `app` for everything else.

    Options are those of StaticFiles, with the defaults of production: `precompressed=True`, `immutable=True` and
    `stat_max_age=1.0`. Other paths and methods, WebSockets and the lifespan are left to `app`. With `fallback` that
    page is sent for navigations that `app` answers with 404. Raises RuntimeError if the directory is missing.
    """
    if not callable(app):
        raise TypeError(f"static() takes an ASGI application, a directory and a prefix, not {app!r}")
    return StaticFront(app, FilesAt(prefix, directory=directory, **(_PRODUCTION | options)))


class FilesAt(StaticFiles):
    """The files of a directory below a prefix of the path."""

    raise_errors = True
    # The application has pages of its own.
    sends_404_page = False

    def __init__(self, prefix: str, **options: Any) -> None:
        super().__init__(**options)
        self.prefix = _check_prefix(prefix)

    def covers(self, scope: Scope) -> bool:
        """Return whether a path is below the prefix."""
        return self._without_root(scope).startswith(self.prefix)

    def get_path(self, scope: Scope) -> str:
        """Return the path below the directory."""
        below = self._without_root(scope)[len(self.prefix) - 1 :]
        return super().get_path({"path": below})

    async def check_config(self) -> None:
        """Leave everything to the application while the directory is missing."""

    def _without_root(self, scope: Scope) -> str:
        path: str = scope["path"]
        root_path = scope.get("root_path", "").rstrip("/")
        return path[len(root_path) :] if root_path and path.startswith(root_path + "/") else path


class StaticFront:
    """The application that `static` returns; `app` is the one behind the files."""

    def __init__(self, app: ASGIApp, files: FilesAt) -> None:
        self.app = app
        self.files = copy.copy(files)
        self.files._fallback = None
        # The same, with the page for what the application does not know.
        self._page = files if files._fallback is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a file, or call the application."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or not self.files.covers(scope):
            return await self.app(scope, receive, send)
        if await _served(self.files, scope, receive, send):
            return None
        if self._page is not None and is_navigation(scope):
            return await self._app_or_page(self._page, scope, receive, send)
        return await self.app(scope, receive, send)

    async def _app_or_page(self, page: FilesAt, scope: Scope, receive: Receive, send: Send) -> None:
        missing = False

        async def send_unless_missing(message: Message) -> None:
            nonlocal missing
            if message["type"] == "http.response.start" and message["status"] == 404:
                missing = True
            # The body of the application's 404 is dropped with its start.
            if not missing:
                await send(message)

        await self.app(scope, receive, send_unless_missing)
        if missing and not await _served(page, scope, receive, send):
            await HTTPException(404)(scope, receive, send)


async def _served(files: FilesAt, scope: Scope, receive: Receive, send: Send) -> bool:
    """Send a file and return True, or False where there is none."""
    try:
        await files(scope, receive, send)
    except HTTPException as exc:
        if exc.status_code == 404:
            return False
        if handled_above(scope):
            raise
        await exc(scope, receive, send)
    return True


def _check_prefix(prefix: str) -> str:
    """Return the prefix with a slash on both sides; raises ValueError for a URL."""
    if "://" in prefix or prefix.startswith("//"):
        raise ValueError(f"prefix is a path such as '/static', not the URL {prefix!r}")
    if not prefix.startswith("/"):
        warn(f"prefix: {prefix!r} is taken as {'/' + prefix!r}: paths begin with a slash")
    stripped = prefix.strip("/")
    return f"/{stripped}/" if stripped else "/"
