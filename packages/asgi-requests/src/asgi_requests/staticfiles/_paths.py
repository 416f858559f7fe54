"""Decide which paths may name a static file, and find one without leaving its directory."""

from __future__ import annotations

import errno
import importlib.util
import os
import re
import stat
from collections.abc import Sequence

# Refused on every system, so that what is safe on one is safe on the other: NUL, backslash, a drive, an absolute
# path, a way up.
_UNSAFE = re.compile(r"[\\\0]|^[A-Za-z]:|^/|(?:^|/)\.\.(?:/|$)").search
_HIDDEN = re.compile(r"(?:^|/)\.(?!$)").search
_WELL_KNOWN = ".well-known"
# Streams, devices and names that Windows trims to other names.
_UNSAFE_ON_WINDOWS = re.compile(
    r":|[. ](?:/|$)|(?:^|/)(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(?:[.:][^/]*)?(?:/|$)",
    re.IGNORECASE,
).search


def is_safe(path: str, *, dotfiles: bool, windows: bool = os.name == "nt") -> bool:
    """Return whether a relative path, with `/` between its segments, may be looked up.

    Without `dotfiles` no segment may begin with a dot, except that the first may be `.well-known` (RFC 8615).
    """
    if path == ".":
        return True
    if _UNSAFE(path) is not None or (windows and _UNSAFE_ON_WINDOWS(path) is not None):
        return False
    if path == _WELL_KNOWN or path.startswith(_WELL_KNOWN + "/"):
        path = path[len(_WELL_KNOWN) :]
    return dotfiles or _HIDDEN(path) is None


_NOTHING_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL})


class Search:
    """A search through directories in their order; each is resolved once."""

    def __init__(self) -> None:
        self._resolved: dict[str, Directory] = {}

    def find(
        self, path: str, directories: Sequence[str | os.PathLike[str]], *, follow_symlink: bool
    ) -> tuple[str, os.stat_result] | None:
        """Return the full path and status of what a safe path leads to; raises OSError where the system fails."""
        for directory in directories:
            key = os.fspath(directory)
            searched = self._resolved.get(key) or self._resolved.setdefault(key, Directory(key))
            try:
                found = searched.find(path, follow_symlink=follow_symlink)
            except ValueError:
                # A name that cannot be encoded for this file system.
                continue
            except OSError as exc:
                if exc.errno not in _NOTHING_THERE:
                    raise
                continue
            if found is not None:
                return found
        return None


class Directory:
    """A directory to serve from; its resolved path is remembered while it stays the same directory."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._identity: tuple[int, int] | None = None
        self._real_path = ""

    def find(self, path: str, *, follow_symlink: bool) -> tuple[str, os.stat_result] | None:
        """Return the full path and status of what a safe path leads to, or None for a link out of the directory.

        Raises OSError where there is nothing. With `follow_symlink` links may lead anywhere.
        """
        if follow_symlink:
            full_path = os.path.abspath(os.path.join(self.path, path))
            return full_path, os.stat(full_path)
        status = os.stat(self.path)
        full_path = root = self._resolve(status)
        if path != ".":
            for segment in path.split(os.sep):
                full_path = os.path.join(full_path, segment)
                status = os.lstat(full_path)
                if stat.S_ISLNK(status.st_mode):
                    return _within(root, os.path.realpath(os.path.join(root, path)))
        return full_path, status

    def _resolve(self, status: os.stat_result) -> str:
        identity = status.st_dev, status.st_ino
        if identity != self._identity:
            self._real_path = os.path.realpath(self.path)
            self._identity = identity
        return self._real_path


def _within(root: str, full_path: str) -> tuple[str, os.stat_result] | None:
    if os.path.commonpath((root, full_path)) != root:
        return None
    # Resolved already: a link that has taken its place since is not followed.
    return full_path, os.lstat(full_path)


def package_directory(package: str | tuple[str, str]) -> str:
    """Return the directory `statics` of a package, or the one that is named with it."""
    name, statics = (package, "statics") if isinstance(package, str) else package
    spec = importlib.util.find_spec(name)
    origin = None if spec is None else spec.origin
    assert origin is not None, f"Package {name!r} could not be found."
    path = os.path.normpath(os.path.join(origin, "..", statics))
    assert os.path.isdir(path), f"Directory '{statics!r}' in package {name!r} could not be found."
    return path


def check_directory(directory: str | os.PathLike[str]) -> None:
    """Raise RuntimeError unless there is a directory; it blocks."""
    try:
        status = os.stat(directory)
    except FileNotFoundError as exc:
        raise RuntimeError(f"StaticFiles directory '{directory}' does not exist.") from exc
    if not stat.S_ISDIR(status.st_mode):
        raise RuntimeError(f"StaticFiles path '{directory}' is not a directory.")
