"""Files of a directory, or of installed packages, served as they are.

    app = StaticFiles(directory="static", cache_control=lambda path: "max-age=31536000, immutable")

It is an ASGI application: mounted, or alone on a server. Within an application that handles exceptions it raises
HTTPException for 404, 405 and 403; alone it answers them.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import stat
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

from ._fields import RawHeaders, encode_value
from ._response import Response
from ._staticpaths import Directory, is_safe
from ._threads import run_in_thread
from .exceptions import HTTPException, handled_above
from .files import FileResponse
from .files._reader import READ_SIZE, UnreadableFile, open_file
from .files.conditional import precondition, request_conditions
from .files.response import validators
from .headers import Headers
from .responses import RedirectResponse
from .types import Receive, Scope, Send

PathLike = str | os.PathLike[str]

_NOTHING_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL})


class NotModifiedResponse(Response):
    """304, with those headers of the full response that a cache may use (RFC 9110 §15.4.5)."""

    NOT_MODIFIED_HEADERS = ("cache-control", "content-location", "date", "etag", "expires", "last-modified", "vary")

    def __init__(self, headers: Headers) -> None:
        super().__init__(status_code=304)
        kept = self.NOT_MODIFIED_HEADERS
        self.raw_headers = [field for field in headers.raw if field[0].decode("latin-1") in kept]


class _Found(NamedTuple):
    full_path: str
    status: os.stat_result
    status_code: int = 200
    content: bytes | None = None


class StaticFiles:
    """Serves files by GET and HEAD, with ranges, validators and conditional requests.

    With `html`, index.html stands for its directory and 404.html for what is missing. Symbolic links must stay
    within the directory unless `follow_symlink`. Names that begin with a dot are not served unless `dotfiles`, but
    for `.well-known/`. `cache_control` is a Cache-Control value, or makes one from a path below the directory.
    Raises RuntimeError for a directory that does not exist, at once or, without `check_dir`, at the first request.
    """

    def __init__(
        self,
        *,
        directory: PathLike | None = None,
        packages: list[str | tuple[str, str]] | None = None,
        html: bool = False,
        check_dir: bool = True,
        follow_symlink: bool = False,
        cache_control: str | Callable[[str], str | None] | None = None,
        dotfiles: bool = False,
    ) -> None:
        self.directory = directory
        self.packages = packages
        self.all_directories = self.get_directories(directory, packages)
        self.html = html
        self.config_checked = False
        self.follow_symlink = follow_symlink
        self.cache_control = cache_control
        self.dotfiles = dotfiles
        self._directories: dict[str, Directory] = {}
        if check_dir and directory is not None and not os.path.isdir(directory):
            raise RuntimeError(f"Directory '{directory}' does not exist")

    def get_directories(
        self, directory: PathLike | None = None, packages: list[str | tuple[str, str]] | None = None
    ) -> list[PathLike]:
        """The directories to look in, in order; of a package it is `statics`, or the one named with it."""
        directories: list[PathLike] = [] if directory is None else [directory]
        for package in packages or ():
            name, statics = (package, "statics") if isinstance(package, str) else package
            spec = importlib.util.find_spec(name)
            origin = None if spec is None else spec.origin
            assert origin is not None, f"Package {name!r} could not be found."
            path = os.path.normpath(os.path.join(origin, "..", statics))
            assert os.path.isdir(path), f"Directory '{statics!r}' in package {name!r} could not be found."
            directories.append(path)
        return directories

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request; a WebSocket is refused, and a lifespan has nothing to wait for."""
        if scope["type"] == "lifespan":
            return await _live(receive, send)
        try:
            if scope["type"] != "http":
                raise HTTPException(404)
            if not self.config_checked:
                await self.check_config()
                self.config_checked = True
            response = await self.get_response(self.get_path(scope), scope)
            try:
                await response(scope, receive, send)
            except UnreadableFile as exc:
                raise HTTPException(403) from exc
        except HTTPException as exc:
            if scope["type"] == "http" and handled_above(scope):
                raise
            await exc(scope, receive, send)

    def get_path(self, scope: Scope) -> str:
        """The path below the directory, of this system's kind: `.` for the directory, `..` for a way out of it."""
        path, root_path = scope["path"], scope.get("root_path", "")
        if root_path and (path == root_path or path.startswith(root_path.rstrip("/") + "/")):
            path = path[len(root_path) :]
        segments = [segment for segment in path.split("/") if segment]
        return os.path.normpath(os.path.join(*segments)) if segments else "."

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The response for a path below the directory; raises HTTPException with 403, 404 or 405."""
        method = scope["method"]
        if method not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        reads = method == "GET" and not request_conditions(scope).keys() - {"range"}
        reads = reads and "http.response.pathsend" not in (scope.get("extensions") or ())
        try:
            found = await run_in_thread(self._find, path, scope["path"].endswith("/"), reads)
        except PermissionError as exc:
            raise HTTPException(403) from exc
        if found is None:
            raise HTTPException(404)
        if stat.S_ISDIR(found.status.st_mode):
            return _slash_redirect(scope)
        response = self.file_response(found.full_path, found.status, scope, found.status_code)
        if found.content is not None and isinstance(response, FileResponse) and response.path == found.full_path:
            response.hold(found.content)
        return response

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """The full path and status of what stands at a path below the directories; `("", None)` for nothing.

        Blocks. Raises OSError where the system fails, PermissionError where it forbids.
        """
        path = os.path.normpath(path)
        if not is_safe(path.replace(os.sep, "/"), dotfiles=self.dotfiles):
            return "", None
        for directory in self.all_directories:
            key = os.fspath(directory)
            searched = self._directories.get(key) or self._directories.setdefault(key, Directory(key))
            try:
                found = searched.find(path, follow_symlink=self.follow_symlink)
            except ValueError:
                # A name that cannot be encoded for this file system.
                continue
            except OSError as exc:
                if exc.errno not in _NOTHING_THERE:
                    raise
                continue
            if found is not None:
                return found
        return "", None

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The response for a file that was found, or 304 where the client has it."""
        cache_control = self._cache_control(scope) if status_code == 200 else []
        # What a browser comes back for needs no response but the 304; only an override may ask for all of its headers.
        is_overridden = type(self).is_not_modified is not StaticFiles.is_not_modified
        if status_code == 200 and not is_overridden:
            validating = Headers(raw=validators(stat_result) + cache_control)
            if self.is_not_modified(validating, Headers(scope=scope)):
                return NotModifiedResponse(validating)
        response = FileResponse(full_path, status_code=status_code, stat_result=stat_result)
        response.raw_headers += [(b"x-content-type-options", b"nosniff"), *cache_control]
        if status_code == 200 and is_overridden and self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response

    def _cache_control(self, scope: Scope) -> RawHeaders:
        value = self.cache_control
        if callable(value):
            value = value(self.get_path(scope).replace(os.sep, "/"))
        return [] if value is None else [(b"cache-control", encode_value(value))]

    async def check_config(self) -> None:
        """Raise RuntimeError unless the directory is one; called once, by the first request."""
        if self.directory is not None:
            await run_in_thread(_check_directory, self.directory)

    def is_not_modified(self, response_headers: Headers, request_headers: Headers) -> bool:
        """Whether the request's conditions are answered with 304 (RFC 9110 §13.2.2)."""
        conditions = request_conditions({"headers": request_headers.raw})
        etag, last_modified = response_headers.get("etag"), response_headers.get("last-modified")
        return precondition("GET", conditions, etag, last_modified) == 304

    def _find(self, path: str, ends_with_slash: bool, reads: bool) -> _Found | None:
        """Look up a path, its index or the page for 404, and read it if it is small: one visit to a thread."""
        full_path, status = self.lookup_path(path)
        if status is not None and stat.S_ISREG(status.st_mode):
            return _read_small(_Found(full_path, status), reads)
        if not self.html:
            return None
        if status is not None and stat.S_ISDIR(status.st_mode):
            index_path, index = self.lookup_path(os.path.normpath(os.path.join(path, "index.html")))
            if index is not None and stat.S_ISREG(index.st_mode):
                return _read_small(_Found(index_path, index), reads) if ends_with_slash else _Found(full_path, status)
        full_path, status = self.lookup_path("404.html")
        if status is not None and stat.S_ISREG(status.st_mode):
            return _read_small(_Found(full_path, status, 404), reads)
        return None


def _read_small(found: _Found, reads: bool) -> _Found:
    """With the content, if it is small and still what the status says."""
    size = found.status.st_size
    if not reads or size > READ_SIZE:
        return found
    with open_file(found.full_path) as file:
        content = file.read(size)
    return found._replace(content=content) if len(content) == size else found


def _slash_redirect(scope: Scope) -> RedirectResponse:
    """To the same path with a slash: relative, so that neither Host nor a path of `//host` decides where it leads."""
    name = quote(scope["path"].rpartition("/")[2], safe="!$&'()*+,;=:@")
    query = scope.get("query_string", b"").decode("latin-1")
    return RedirectResponse((f"./{name}/" if name else "./") + (f"?{query}" if query else ""))


def _check_directory(directory: PathLike) -> None:
    try:
        status = os.stat(directory)
    except FileNotFoundError as exc:
        raise RuntimeError(f"StaticFiles directory '{directory}' does not exist.") from exc
    if not stat.S_ISDIR(status.st_mode):
        raise RuntimeError(f"StaticFiles path '{directory}' is not a directory.")


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
