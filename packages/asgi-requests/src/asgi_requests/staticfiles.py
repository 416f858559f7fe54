"""Files of a directory, as they are.

    app = StaticFiles(directory="static", cache_control=lambda path: "max-age=31536000, immutable")

It is an ASGI application: mounted, or alone on a server. Within an application that handles exceptions it raises
HTTPException for 403, 404 and 405; alone it answers them. Code that tries the files first and something else after
catches the exception:

    class StaticFirst:
        def __init__(self, app, directory):
            self.app = app
            self.static = StaticFiles(directory=directory, raise_errors=True)

        async def __call__(self, scope, receive, send):
            if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
                try:
                    return await self.static(scope, receive, send)
                except HTTPException:
                    pass
            await self.app(scope, receive, send)
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
from .files._metadata import validators
from .files._reader import READ_SIZE, FileAt, FileReplaced, UnreadableFile
from .files.conditional import precondition, request_conditions
from .headers import Headers
from .responses import RedirectResponse
from .types import Receive, Scope, Send

PathLike = str | os.PathLike[str]

_NOTHING_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL})
# A file that is replaced by another between its look-up and its opening, as a deployment does, is looked up again.
_MOST_LOOKUPS = 3
_MOST_TAGS = 4096


class NotModifiedResponse(Response):
    """A 304 with those headers of the full response that a cache may use (RFC 9110 §15.4.5)."""

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
    within the directory unless `follow_symlink`. Names that begin with a dot (`.git`, `.env`) are not served unless
    `dotfiles`, except for `.well-known/`. `cache_control` is a Cache-Control value, or makes one from a path below the
    directory. `etag` makes an entity tag, with its quotes, from a file's path and status, where all files have the same
    time; it is called in a thread, once for each version of a file. With `raise_errors` HTTPException is raised even
    where nothing is known to answer it. Raises RuntimeError for a directory that does not exist, at once or, without
    `check_dir`, at the first request.
    """

    raise_errors = False

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
        etag: Callable[[str, os.stat_result], str | None] | None = None,
        raise_errors: bool | None = None,
    ) -> None:
        self.directory = directory
        self.packages = packages
        self.all_directories = self.get_directories(directory, packages)
        self.html = html
        self.config_checked = False
        self.follow_symlink = follow_symlink
        self.cache_control = cache_control
        self.dotfiles = dotfiles
        self.etag = etag
        if raise_errors is not None:
            self.raise_errors = raise_errors
        self._tags: dict[tuple[str, int, int, int, int], str | None] = {}
        self._directories: dict[str, Directory] = {}
        if check_dir and directory is not None and not os.path.isdir(directory):
            raise RuntimeError(f"Directory '{directory}' does not exist")

    def get_directories(
        self, directory: PathLike | None = None, packages: list[str | tuple[str, str]] | None = None
    ) -> list[PathLike]:
        """Return the directories to look in, in order; a package's is `statics`, or the one named with it."""
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
        """Answer a request; a WebSocket is refused, and a lifespan has nothing to do."""
        if scope["type"] == "lifespan":
            return await _live(receive, send)
        try:
            if scope["type"] != "http":
                raise HTTPException(404)
            if not self.config_checked:
                await self.check_config()
                self.config_checked = True
            await self._respond(scope, receive, send)
        except HTTPException as exc:
            if scope["type"] == "http" and (self.raise_errors or handled_above(scope)):
                raise
            await exc(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(_MOST_LOOKUPS):
            response = await self.get_response(self.get_path(scope), scope)
            try:
                return await response(scope, receive, send)
            except UnreadableFile as exc:
                raise HTTPException(403) from exc
            except FileReplaced:
                # Nothing has been sent: the file is opened before.
                pass
        raise HTTPException(404)

    def get_path(self, scope: Scope) -> str:
        """Return the path below the directory with this system's separators: `.` is the directory, `..` is above it."""
        path, root_path = scope["path"], scope.get("root_path", "")
        if root_path and (path == root_path or path.startswith(root_path.rstrip("/") + "/")):
            path = path[len(root_path) :]
        segments = [segment for segment in path.split("/") if segment]
        return os.path.normpath(os.path.join(*segments)) if segments else "."

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the response for a path below the directory; raises HTTPException with 403, 404 or 405."""
        method = scope["method"]
        if method not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        reads = method == "GET" and not request_conditions(scope).keys() - {"range"}
        reads = reads and "http.response.pathsend" not in (scope.get("extensions") or ())
        try:
            ends_with_slash = scope.get("path", "").endswith("/")
            # Not where an override asks for another file than the requested one, such as the page of an application.
            wants_directory = ends_with_slash and path == self.get_path(scope)
            found = await run_in_thread(self._find, path, ends_with_slash, wants_directory, reads)
        except PermissionError as exc:
            raise HTTPException(403) from exc
        if found is None:
            raise HTTPException(404)
        if stat.S_ISDIR(found.status.st_mode):
            return _slash_redirect(scope)
        response = self.file_response(found.full_path, found.status, scope, found.status_code)
        if isinstance(response, FileResponse) and response.path == found.full_path:
            if found.content is not None:
                response.hold(found.content)
            response.pin(found.status, follow_symlink=self.follow_symlink)
        return response

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Return the full path and status of what is at a path below the directories, or `("", None)`.

        It blocks. Raises OSError where the system fails, PermissionError where it forbids.
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
        """Return the response for a file that was found, or a 304 where the client has it."""
        etag = self._tag(os.fspath(full_path), stat_result)
        cache_control = self._cache_control(scope) if status_code == 200 else []
        # A 304 needs no more than the validators; only an override may want all headers of the response.
        is_overridden = type(self).is_not_modified is not _IS_NOT_MODIFIED
        if status_code == 200 and not is_overridden:
            validating = Headers(raw=validators(stat_result, etag) + cache_control)
            if self.is_not_modified(validating, Headers(scope=scope)):
                return NotModifiedResponse(validating)
        response = FileResponse(full_path, status_code=status_code, stat_result=stat_result, etag=etag)
        response.raw_headers += cache_control
        if status_code == 200 and is_overridden and self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response

    def _tag(self, full_path: str, status: os.stat_result) -> str | None:
        """Return what `etag` makes of a file; made in a thread by `_find`, remembered for `file_response`."""
        if self.etag is None:
            return None
        # The time of the inode's last change cannot be set: it tells versions apart that the time of the file does not.
        key = full_path, status.st_ino, status.st_ctime_ns, status.st_mtime_ns, status.st_size
        if key not in self._tags:
            if len(self._tags) >= _MOST_TAGS:
                self._tags.clear()
            self._tags[key] = self.etag(full_path, status)
        return self._tags[key]

    def _cache_control(self, scope: Scope) -> RawHeaders:
        value = self.cache_control
        if callable(value):
            value = value(self.get_path(scope).replace(os.sep, "/"))
        return [] if value is None else [(b"cache-control", encode_value(value))]

    async def check_config(self) -> None:
        """Raise RuntimeError unless the directory exists; called once, by the first request."""
        if self.directory is not None:
            await run_in_thread(_check_directory, self.directory)

    def is_not_modified(self, response_headers: Headers, request_headers: Headers) -> bool:
        """Return whether the request's conditions are answered with 304 (RFC 9110 §13.2.2)."""
        conditions = request_conditions({"headers": request_headers.raw})
        etag, last_modified = response_headers.get("etag"), response_headers.get("last-modified")
        return precondition("GET", conditions, etag, last_modified) == 304

    def _find(self, path: str, ends_with_slash: bool, wants_directory: bool, reads: bool) -> _Found | None:
        """Look up a path, its index or the page for 404, and read it if it is small: one visit to a thread."""
        for _ in range(_MOST_LOOKUPS):
            found = self._look_up(path, ends_with_slash, wants_directory)
            if found is None or stat.S_ISDIR(found.status.st_mode):
                return found
            self._tag(found.full_path, found.status)
            if not reads or found.status.st_size > READ_SIZE:
                return found
            try:
                return _read_small(found, self.follow_symlink)
            except FileReplaced:
                pass
        return None

    def _look_up(self, path: str, ends_with_slash: bool, wants_directory: bool) -> _Found | None:
        full_path, status = self.lookup_path(path)
        if status is not None and stat.S_ISREG(status.st_mode) and not wants_directory:
            return _Found(full_path, status)
        if not self.html:
            return None
        if status is not None and stat.S_ISDIR(status.st_mode):
            index_path, index = self.lookup_path(os.path.normpath(os.path.join(path, "index.html")))
            if index is not None and stat.S_ISREG(index.st_mode):
                return _Found(index_path, index) if ends_with_slash else _Found(full_path, status)
        full_path, status = self.lookup_path("404.html")
        return _Found(full_path, status, 404) if status is not None and stat.S_ISREG(status.st_mode) else None


_IS_NOT_MODIFIED = StaticFiles.is_not_modified


def _read_small(found: _Found, follow_symlink: bool) -> _Found:
    """Return it with the content, if that is still as long as the status says."""
    size = found.status.st_size
    with FileAt(found.full_path, found.status, follow_symlink).open() as file:
        content = file.read(size)
    return found._replace(content=content) if len(content) == size else found


def _slash_redirect(scope: Scope) -> RedirectResponse:
    """Redirect to the same path with a slash, relatively: neither Host nor a path of `//host` decides where to."""
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
