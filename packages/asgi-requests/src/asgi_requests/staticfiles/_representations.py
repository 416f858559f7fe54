"""The representations at a path: a file and its compressed forms, each with its own validators (RFC 9110 §8.8.3.3)."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field

from .._fields import RawHeaders
from ..files._metadata import validators
from ..files._reader import READ_SIZE, FileAt, FileReplaced
from ._codings import IDENTITY
from ._navigation import VARY
from ._remembered import same_version

PathLike = str | os.PathLike[str]


@dataclass(eq=False, slots=True)
class Representation:
    """One form of a static file: the file itself, or a sibling in a content `coding`.

    `path` is that of the file below its directory, with `/` between segments; `full_path` and `status` are those of
    the bytes that are sent. `varies` says that there are other forms to choose from, `is_fallback` that it is the page
    for navigations to paths that lead to no file.
    """

    path: str
    full_path: str
    status: os.stat_result
    coding: str | None = None
    varies: bool = False
    is_fallback: bool = False
    fields: RawHeaders | None = field(default=None, repr=False)
    """The headers of a 304, once they have been made."""

    @property
    def vary(self) -> RawHeaders:
        """The Vary header, or nothing (RFC 9110 §12.5.5)."""
        names = (*(VARY if self.is_fallback else ()), *(("Accept-Encoding",) if self.varies else ()))
        return [(b"vary", ", ".join(names).encode())] if names else []


@dataclass(eq=False, slots=True)
class Found:
    """The result of a look-up: a file in all its forms, or a directory."""

    file: Representation
    status_code: int = 200
    siblings: dict[str, Representation] = field(default_factory=dict)

    @property
    def is_directory(self) -> bool:
        """True if a redirect to the path with a slash has to be sent."""
        return stat.S_ISDIR(self.file.status.st_mode)

    def form(self, coding: str) -> Representation | None:
        """Return the file in a coding, `identity` included."""
        return self.file if coding == IDENTITY else self.siblings.get(coding)


class Tags:
    """The entity tags that a function of the application makes, remembered by version of a file and within bounds."""

    MOST = 4096

    def __init__(self, function: Callable[[str, os.stat_result], str | None] | None) -> None:
        self._function = function
        self._made: dict[tuple[str, int, int, int, int], str | None] = {}

    def __len__(self) -> int:
        return len(self._made)

    def make(self, form: Representation) -> None:
        """Call the function, which may block, unless its answer is known."""
        self.of(form)

    def of(self, form: Representation) -> str | None:
        """Return the tag, or None where there is no function."""
        if self._function is None:
            return None
        status = form.status
        # The time of the inode's last change cannot be set: it tells versions apart that the time of the file does not.
        key = form.full_path, status.st_ino, status.st_ctime_ns, status.st_mtime_ns, status.st_size
        if key not in self._made:
            if len(self._made) >= self.MOST:
                self._made.clear()
            self._made[key] = self._function(form.full_path, status)
        return self._made[key]


def coded_validators(representation: Representation, etag: str | None) -> RawHeaders:
    """Return Last-Modified and ETag of a form; `etag` is the application's own for that file.

    The coding is part of the tag: forms that shared one would let a client glue the end of one to the start of another.
    """
    fields = validators(representation.status, etag)
    if representation.coding is None:
        return fields
    mark = b"-" + representation.coding.encode() + b'"'
    return [(name, value[:-1] + mark if name == b"etag" else value) for name, value in fields]


def read_small(form: Representation, follow_symlink: bool) -> bytes | None:
    """Return the content of a small file, or None for one whose size has changed meanwhile.

    Raises FileReplaced where the name leads to another file than the one that was looked at.
    """
    with FileAt(form.full_path, form.status, follow_symlink).open() as file:
        content = file.read(form.status.st_size)
    return content if len(content) == form.status.st_size else None


def confirm(found: Found, chosen: Representation, follow_symlink: bool, reads: bool) -> bytes | None:
    """Return the content of a remembered file if it is small and `reads`; raises FileReplaced if it has changed.

    A compressed form is out of date once its original has changed, though it is the same file itself. Raises OSError
    as opening the file does.
    """
    if chosen is not found.file:
        look = os.stat if follow_symlink else os.lstat
        _expect(look(found.file.full_path), found.file)
    with FileAt(chosen.full_path, chosen.status, follow_symlink).open() as file:
        _expect(os.fstat(file.fileno()), chosen)
        content = file.read(chosen.status.st_size) if reads and chosen.status.st_size <= READ_SIZE else None
        # It may have been written to while it was read.
        _expect(os.fstat(file.fileno()), chosen)
    return content


def _expect(status: os.stat_result, form: Representation) -> None:
    if not same_version(status, form.status):
        raise FileReplaced(f"File at path {form.full_path} has changed.")
