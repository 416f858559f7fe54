"""Cache-Control of static files: patterns of paths, and names that are never used for another content."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .._fields import RawHeaders, encode_value
from ..cache_control import CacheControl
from ._globs import CATCH_ALL, compile_glob, usable_glob, warn
from ._manifests import hashed_names
from ._representations import PathLike

IMMUTABLE = "public, max-age=31536000, immutable"
"""Cache-Control of a file whose name changes with its content (RFC 8246)."""
Manifest = PathLike | Mapping[str, str]
Directives = str | CacheControl
CacheControlOption = Directives | Mapping[str, Directives] | Callable[[str], Directives | None]

_SUFFIXES = r"(?:\.[A-Za-z][A-Za-z0-9]{0,5}){1,2}"
_ANY_HASH = re.compile(rf"(?:.*/)?[^/]*[.-]([0-9a-f]{{8,64}}){_SUFFIXES}", re.DOTALL).fullmatch
# Dates and numbers, and words with a number at their end.
_WRITTEN_BY_HAND = re.compile(r"[a-f]*[0-9]*").fullmatch
# `css/app.27e20196a850.css`, `assets/index-DkX3f9aB.js`, `chunk-4KJ2HQ7A.js`: exact where that tool wrote the files.
TOOLS = {
    "django": re.compile(rf"(?:.*/)?[^/]+\.[0-9a-f]{{12}}{_SUFFIXES}", re.DOTALL).fullmatch,
    "vite": re.compile(rf"(?:.*/)?assets/[^/]+-[A-Za-z0-9_-]{{8}}{_SUFFIXES}", re.DOTALL).fullmatch,
    "esbuild": re.compile(rf"(?:.*/)?[^/]*[.-][A-Z2-7]{{8}}{_SUFFIXES}", re.DOTALL).fullmatch,
}


def looks_hashed(path: str) -> bool:
    """Return whether a name ends in eight or more hexadecimal digits that are neither a number nor a word.

    Django, webpack and Parcel write such names. The hashes of Vite and esbuild are letters and digits of any kind, as
    are names of people: they are recognised only where the tool is named.
    """
    match = _ANY_HASH(path)
    return match is not None and _WRITTEN_BY_HAND(match[1]) is None


class CachePolicy:
    """Decides on Cache-Control; all that does not depend on the request is prepared and checked here.

    Immutable names come first, then the first pattern that matches.
    """

    def __init__(
        self,
        cache_control: CacheControlOption | None,
        immutable: bool | str | Iterable[str],
        manifest: Manifest | Sequence[Manifest] | None,
        directories: Sequence[PathLike],
    ) -> None:
        self.function = cache_control if callable(cache_control) else None
        self._patterns = [] if callable(cache_control) else _patterns(cache_control)
        self._looks_hashed = immutable is True
        globs = () if isinstance(immutable, bool) else (immutable,) if isinstance(immutable, str) else immutable
        self._immutable = [matches for glob in globs if (matches := _immutable_pattern(glob)) is not None]
        is_one = isinstance(manifest, str | os.PathLike | Mapping)
        manifests: Any = () if manifest is None else (manifest,) if is_one else manifest
        self._names = frozenset(name for each in manifests for name in hashed_names(each, directories))
        self._marks_immutable = bool(self._looks_hashed or self._immutable or self._names)
        catches_all = all(pattern in CATCH_ALL for pattern, _, _ in self._patterns)
        # Whether it asks for the path of the file that is served.
        self.by_path = self._marks_immutable or len(self._patterns) > 1 or not catches_all

    def is_immutable(self, path: str) -> bool:
        """Return whether a path is never used for another content."""
        return self._marks_immutable and (
            path in self._names
            or (self._looks_hashed and looks_hashed(path))
            or any(matches(path) is not None for matches in self._immutable)
        )

    def fields(self, path: str, requested: str) -> RawHeaders:
        """Return the header for the file at a path below the directory; a function gets the requested path."""
        if self.is_immutable(path):
            return [(b"cache-control", IMMUTABLE.encode())]
        if self.function is not None:
            value = self.function(requested)
            return [] if value is None else [(b"cache-control", _encode(value))]
        for _, matches, field in self._patterns:
            if matches(path) is not None:
                return [field]
        return []


_Matches = Callable[[str], re.Match[str] | None]


def _immutable_pattern(glob: str) -> _Matches | None:
    if glob in TOOLS:
        return TOOLS[glob]
    usable = usable_glob(glob, "immutable")
    return None if usable is None else compile_glob(usable)


def _encode(value: Directives) -> bytes:
    return encode_value(str(value) if isinstance(value, CacheControl) else value)


def _patterns(
    cache_control: Directives | Mapping[str, Directives] | None,
) -> list[tuple[str, _Matches, tuple[bytes, bytes]]]:
    if cache_control is None:
        return []
    if isinstance(cache_control, Directives):
        cache_control = {"**": cache_control}
    found: list[tuple[str, _Matches, tuple[bytes, bytes]]] = []
    for glob, value in cache_control.items():
        field = b"cache-control", _encode(value)
        if any(pattern in CATCH_ALL for pattern, _, _ in found):
            warn(f"cache_control: {glob!r} is never reached: write it before {found[-1][0]!r}, which matches all")
        elif (pattern := usable_glob(glob, "cache_control")) is not None:
            found.append((pattern, compile_glob(pattern), field))
    return found
