"""The application that serves the files of directories."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Sequence

from .._fields import RawHeaders
from .._response import Response
from .._threads import run_in_thread
from ..exceptions import HTTPException, handled_above
from ..files import FileResponse
from ..files._reader import FileReplaced, UnreadableFile
from ..files.conditional import request_conditions
from ..headers import Headers
from ..types import Receive, Scope, Send
from ._answers import NotModifiedResponse, complete_lifespan, file_response, is_not_modified, slash_redirect
from ._codings import check_codings
from ._globs import usable_glob, warn
from ._lookup import MOST_LOOKUPS, choose, find_in_thread, find_representation
from ._paths import Search, check_directory, is_safe, package_directory
from ._policy import CacheControlOption, CachePolicy, Manifest
from ._remembered import Key, Remembered
from ._representations import Found, PathLike, Representation, Tags, coded_validators, confirm

_MOST_REMEMBERED = 4096
_SECONDS_IN_MEMORY = 5.0


class StaticFiles:
    """Serves files by GET and HEAD, with ranges, validators and conditional requests.

    With `html`, index.html stands for its directory and 404.html for what is missing. Symbolic links must stay
    within the directory unless `follow_symlink`. Names that begin with a dot (`.git`, `.env`) are not served unless
    `dotfiles`, except for `.well-known/`. `etag` makes an entity tag, with its quotes, from a file's path and status,
    where all files have the same time; it is called in a thread, once for each version of a file. With `raise_errors`
    HTTPException is raised even where nothing is known to answer it. Raises RuntimeError for a directory that does not
    exist, at once or, without `check_dir`, at the first request.

    For production:

    - `precompressed` serves `app.js.br`, `.zst` or `.gz` for `app.js` to clients that accept it; `True`, or codings out
      of `br`, `zstd` and `gzip`. A sibling that is older than its file is left alone.
    - `cache_control` is a Cache-Control value, a str or CacheControl, a mapping of glob patterns to values of which the
      first match counts, or a function of the path below the directory.
    - `immutable` says which names change with their content, and are cached for a year: `True` for names with a
      hexadecimal hash, `"django"`, `"vite"` or `"esbuild"` for what that tool writes, or glob patterns. `manifest`
      is the path of Django's staticfiles.json, Vite's manifest.json or esbuild's metafile, a mapping of names to those
      with a hash, or several of these.
    - `stat_max_age` is the number of seconds for which what was found is believed when no content is sent (304, HEAD);
      immutable names are believed without end. Before content is sent the file is always compared with it.
    - `fallback` is the page, such as `"index.html"`, for navigations to paths that lead to no file.
    """

    raise_errors = False
    sends_404_page = True

    def __init__(
        self,
        *,
        directory: PathLike | None = None,
        packages: list[str | tuple[str, str]] | None = None,
        html: bool = False,
        check_dir: bool = True,
        follow_symlink: bool = False,
        cache_control: CacheControlOption | None = None,
        dotfiles: bool = False,
        etag: Callable[[str, os.stat_result], str | None] | None = None,
        raise_errors: bool | None = None,
        precompressed: bool | Iterable[str] = False,
        immutable: bool | str | Iterable[str] = False,
        manifest: Manifest | Sequence[Manifest] | None = None,
        stat_max_age: float = 0.0,
        fallback: str | None = None,
    ) -> None:
        self.directory = directory
        self.packages = packages
        self.all_directories = self.get_directories(directory, packages)
        self.html = html
        self.config_checked = False
        self.follow_symlink = follow_symlink
        self._dotfiles = dotfiles
        if raise_errors is not None:
            self.raise_errors = raise_errors
        if check_dir and directory is not None and not os.path.isdir(directory):
            raise RuntimeError(f"Directory '{directory}' does not exist")
        self._precompressed = check_codings(precompressed)
        self._fallback = None if fallback is None else usable_glob(fallback, "fallback")
        self._policy = CachePolicy(cache_control, immutable, manifest, self.all_directories)
        self._remembered: Remembered[Found] | None = None
        if stat_max_age > 0:
            self._remembered = Remembered(stat_max_age, _MOST_REMEMBERED)
        self._tags = Tags(etag)
        # Paths that the event loop may look up, unless that calls the application, which may block.
        self._in_memory: Remembered[bool] = Remembered(_SECONDS_IN_MEMORY, _MOST_REMEMBERED)
        self._calls_application = etag is not None or getattr(self.lookup_path, "__func__", None) is not _LOOKUP_PATH
        self._search = Search()
        # What was remembered has its headers ready in a representation.
        options = self._precompressed, self._fallback, self._policy.by_path, self._remembered
        self._passes_representation = any(options) and self._takes_representation()

    def get_directories(
        self, directory: PathLike | None = None, packages: list[str | tuple[str, str]] | None = None
    ) -> list[PathLike]:
        """Return the directories to look in, in order; a package's is `statics`, or the one named with it."""
        directories: list[PathLike] = [] if directory is None else [directory]
        directories += [package_directory(package) for package in packages or ()]
        return directories

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; a WebSocket is refused, and a lifespan has nothing to do."""
        if scope["type"] == "lifespan":
            return await complete_lifespan(receive, send)
        try:
            if scope["type"] != "http":
                raise HTTPException(404)
            if not self.config_checked:
                await self.check_config()
                # After the wait: a check that fails is made again.
                self.config_checked = True
            await self._respond(scope, receive, send)
        except HTTPException as exc:
            if scope["type"] == "http" and (self.raise_errors or handled_above(scope)):
                raise
            await exc(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(MOST_LOOKUPS):
            response = await self.get_response(self.get_path(scope), scope)
            try:
                return await response(scope, receive, send)
            except UnreadableFile as exc:
                raise HTTPException(403) from exc
            except FileReplaced:
                # Nothing has been sent: the file is opened before.
                if self._remembered is not None:
                    self._remembered.forget_all()
        raise HTTPException(404)

    def get_path(self, scope: Scope) -> str:
        """Return the path below the directory with this system's separators: `.` is the directory, `..` is above it."""
        path, root_path = scope["path"], scope.get("root_path", "")
        if root_path and (path == root_path or path.startswith(root_path.rstrip("/") + "/")):
            path = path[len(root_path) :]
        segments = [segment for segment in path.split("/") if segment]
        return os.path.normpath(os.path.join(*segments)) if segments else "."

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the response for a path below the directory; raises HTTPException with 403, 404, 405 or 406."""
        method = scope["method"]
        if method not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        # Small content is read in the visit to the thread that finds it, unless a 304 or the server may need none.
        reads = method == "GET" and not request_conditions(scope).keys() - {"range"}
        reads = reads and "http.response.pathsend" not in (scope.get("extensions") or ())
        ends_with_slash = scope.get("path", "").endswith("/")
        # Not where an override asks for another file than the requested one, such as the page of an application.
        wants_directory = ends_with_slash and path == self.get_path(scope)
        key = path, ends_with_slash, wants_directory
        if self._remembered is not None:
            response = await self._from_memory(self._remembered, key, scope, reads)
            if response is not None:
                return response
        try:
            if not reads and self._in_memory.get(key):
                found, chosen, content = find_representation(self, key, scope, reads)
            else:
                found, chosen, content = await run_in_thread(find_in_thread, self, key, scope, reads)
        except PermissionError as exc:
            raise HTTPException(403) from exc
        if found.is_directory:
            return slash_redirect(scope)
        if self._remembered is not None and found.status_code == 200 and not found.file.is_fallback:
            self._remembered.put(key, found, immutable=self._policy.is_immutable(found.file.path))
        return self._held(self._response(found, chosen, scope), chosen, content)

    async def _from_memory(self, remembered: Remembered[Found], key: Key, scope: Scope, reads: bool) -> Response | None:
        """Return the response that what is remembered gives, or None where the path has to be looked up."""
        found = remembered.get(key)
        if found is None:
            return None
        chosen = choose(self, found, scope)
        response = self._response(found, chosen, scope)
        if scope["method"] == "HEAD" or not isinstance(response, FileResponse):
            return response
        try:
            content = await run_in_thread(confirm, found, chosen, self.follow_symlink, reads)
        except (FileReplaced, OSError):
            remembered.forget(key)
            return None
        return self._held(response, chosen, content)

    def _held(self, response: Response, chosen: Representation, content: bytes | None) -> Response:
        """Bind a response to the very file that was looked at, and to the content where that has been read."""
        if isinstance(response, FileResponse) and response.path == chosen.full_path:
            if content is not None:
                response.hold(content)
            response.pin(chosen.status, follow_symlink=self.follow_symlink)
        return response

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Return the full path and status of what is at a path below the directories, or `("", None)`.

        It blocks. Raises OSError where the system fails, PermissionError where it forbids.
        """
        path = os.path.normpath(path)
        if not is_safe(path.replace(os.sep, "/"), dotfiles=self._dotfiles):
            return "", None
        found = self._search.find(path, self.all_directories, follow_symlink=self.follow_symlink)
        return found or ("", None)

    def file_response(
        self,
        full_path: PathLike,
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
        *,
        representation: Representation | None = None,
    ) -> Response:
        """Return the response for a file that was found, or a 304 where the client has it.

        `representation` says which form of the file that is, and is passed where an option asks for more than the file.
        """
        form = representation
        if form is None:
            below = self._below(scope) if self._policy.by_path else ""
            form = Representation(below, os.fspath(full_path), stat_result)
        etag = self._tags.of(form)
        if status_code != 200:
            return FileResponse(full_path, status_code=status_code, stat_result=stat_result, etag=etag)
        fields = self._validating(form, etag, scope)
        # A 304 needs no more than the validators; only an override may want all headers of the response.
        is_overridden = type(self).is_not_modified is not _IS_NOT_MODIFIED
        if not is_overridden and is_not_modified(fields, request_conditions(scope)):
            return NotModifiedResponse(Headers(raw=fields))
        response = file_response(full_path, form, fields, etag)
        if is_overridden and self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response

    def is_not_modified(self, response_headers: Headers, request_headers: Headers) -> bool:
        """Return whether the request's conditions are answered with 304 (RFC 9110 §13.2.2)."""
        return is_not_modified(response_headers.raw, request_conditions({"headers": request_headers.raw}))

    async def check_config(self) -> None:
        """Raise RuntimeError unless the directory exists; called once, by the first request."""
        if self.directory is not None:
            await run_in_thread(check_directory, self.directory)

    def _response(self, found: Found, chosen: Representation, scope: Scope) -> Response:
        if self._passes_representation:
            options = scope, found.status_code
            return self.file_response(chosen.full_path, chosen.status, *options, representation=chosen)
        return self.file_response(chosen.full_path, chosen.status, scope, found.status_code)

    def _validating(self, form: Representation, etag: str | None, scope: Scope) -> RawHeaders:
        """Return the headers that a 304 has as well; they are kept unless a function makes them."""
        if form.fields is not None:
            return form.fields
        fields = coded_validators(form, etag)
        if self._policy.function is not None:
            return fields + self._policy.fields(form.path, self._below(scope)) + form.vary
        # The page of an application stands at many paths: a cache must not keep its old version at one of them.
        default = [(b"cache-control", b"no-cache")] if form.is_fallback else []
        form.fields = fields + (self._policy.fields(form.path, "") or default) + form.vary
        return form.fields

    def _below(self, scope: Scope) -> str:
        return self.get_path(scope).replace(os.sep, "/")

    def _takes_representation(self) -> bool:
        """Return whether `file_response` takes a representation; an override with Starlette's signature does not."""
        parameters = inspect.signature(self.file_response).parameters
        takes = "representation" in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())
        if not takes and self._precompressed:
            name = f"{type(self).__name__}.file_response"
            warn(f"precompressed: {name} takes no 'representation': add **options, and pass them to super()")
            self._precompressed = ()
        return takes


# Compared with what a class has, so that an override, or what another library has put in its place, is called.
_IS_NOT_MODIFIED, _LOOKUP_PATH = StaticFiles.is_not_modified, StaticFiles.lookup_path
