"""The manifests of build tools: which of their files have a name that changes with the content.

Known are staticfiles.json of Django's ManifestStaticFilesStorage, manifest.json of Vite, and the metafile of esbuild.
Rule: a name counts only where it differs from the one that its source has. Tools can be set to add no hash, and a file
that is wrongly called immutable cannot be taken back for a year.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ._globs import warn
from ._representations import PathLike

_ENDS_IN_HASH = re.compile(r"(?:.*[-._])?[A-Za-z0-9_-]{6,}", re.DOTALL).fullmatch


def hashed_names(manifest: PathLike | Mapping[str, str], directories: Iterable[PathLike]) -> frozenset[str]:
    """Return the paths below the directories of the files that a manifest lists; warns of a file that lists none.

    A mapping of names to those with a hash is taken as it is.
    """
    if isinstance(manifest, Mapping):
        return frozenset(_changed(manifest))
    try:
        with open(manifest, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError) as exc:
        warn(f"manifest: {os.fspath(manifest)!r} cannot be read ({exc}); build before the application starts")
        return frozenset()
    listed = _hashed(content) if isinstance(content, dict) else ()
    names = frozenset(below for name in listed for directory in directories for below in _below(name, directory))
    if not names:
        warn(
            f"manifest: {os.fspath(manifest)!r} lists no file of the directory with a hash in its name; "
            "take staticfiles.json of Django, manifest.json of Vite or the metafile of esbuild"
        )
    return names


def _hashed(content: dict[str, Any]) -> Iterable[str]:
    if isinstance(content.get("paths"), dict):
        return _changed(content["paths"])
    if isinstance(content.get("outputs"), dict):
        return _renamed(content["outputs"], content.get("inputs") or ())
    chunks = [chunk for chunk in content.values() if isinstance(chunk, dict)]
    sources = [chunk[key] for chunk in chunks for key in ("src", "name") if isinstance(chunk.get(key), str)]
    return _renamed((name for chunk in chunks for name in _of_vite(chunk)), sources)


def _changed(names: Mapping[str, Any]) -> Iterator[str]:
    return (name for source, name in names.items() if isinstance(name, str) and name != source)


def _of_vite(chunk: dict[str, Any]) -> Iterator[str]:
    for listed in ([chunk.get("file")], chunk.get("css"), chunk.get("assets")):
        for name in listed if isinstance(listed, list) else ():
            if isinstance(name, str):
                yield name


def _renamed(outputs: Iterable[str], sources: Iterable[str]) -> Iterator[str]:
    """Yield the outputs that end in what may be a hash and are not called as one of the sources."""
    known = {_stem(source) for source in sources}
    for output in outputs:
        stem = _stem(output)
        if stem not in known and _ENDS_IN_HASH(stem):
            yield output


def _stem(path: str) -> str:
    name = posixpath.basename(path)
    # app-1a2b3c4d.js.map and app-1a2b3c4d.js are called the same; the name of a source has no suffix at all.
    return re.sub(r"(?:\.[A-Za-z][A-Za-z0-9]{0,4}){1,2}$", "", name)


def _below(name: str, directory: PathLike) -> Iterator[str]:
    """Yield the longest part of a path that is a file of the directory.

    Django and Vite write paths below their output, of which only a part may be served; esbuild writes them below the
    directory that it was started in.
    """
    segments = posixpath.normpath(name).split("/")
    for start in range(len(segments)):
        part = "/".join(segments[start:])
        if os.path.isfile(os.path.join(directory, part)):
            yield part
            return
