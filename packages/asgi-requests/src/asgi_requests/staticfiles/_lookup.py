"""Look up the representation to send for a path: the file, its index, the page for navigations or the page for 404.

Rule: looking up blocks, and runs in a thread in one visit, to the end of reading a small file. The event loop repeats
it, without reading, for some seconds after a thread has found the file on a local file system (`_local.py`). Only
`choose`, which picks one of the forms that were found, runs anywhere.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from ..exceptions import HTTPException
from ..files._reader import READ_SIZE, FileReplaced
from ..files.conditional import request_conditions
from ..types import Scope
from ._codings import SUFFIXES, accepted_codings
from ._local import is_local
from ._navigation import is_navigation
from ._remembered import Key
from ._representations import Found, Representation, coded_validators, read_small

if TYPE_CHECKING:
    from ._app import StaticFiles

MOST_LOOKUPS = 3
"""A file that is replaced by another between its look-up and its opening, as a deployment does, is looked up again."""


def find_in_thread(
    files: StaticFiles, key: Key, scope: Scope, reads: bool
) -> tuple[Found, Representation, bytes | None]:
    """Return what `find_representation` does, and note a path that the event loop may look up next time."""
    found, chosen, content = find_representation(files, key, scope, reads)
    if not reads and _is_in_memory(files, found):
        files._in_memory.put(key, True, immutable=False)
    return found, chosen, content


def _is_in_memory(files: StaticFiles, found: Found) -> bool:
    """Return whether the next look waits for nothing: no code of the application, no server of files."""
    return (
        not files._calls_application
        # Of several, one that is asked before the one which has the file may be remote.
        and len(files.all_directories) == 1
        and found.status_code == 200
        and not found.file.is_fallback
        and all(is_local(form.status.st_dev) for form in (found.file, *found.siblings.values()))
    )


def find_representation(
    files: StaticFiles, key: Key, scope: Scope, reads: bool
) -> tuple[Found, Representation, bytes | None]:
    """Return what is at a path, the form to send, and its content where it `reads` and the file is small.

    Raises HTTPException with 404 where there is nothing, with 406 as `choose` does; PermissionError and OSError.
    """
    for _ in range(MOST_LOOKUPS):
        found = _look_up(files, key, scope)
        if found is None:
            break
        if found.is_directory:
            return found, found.file, None
        for form in (found.file, *found.siblings.values()):
            files._tags.make(form)
        chosen = choose(files, found, scope)
        try:
            small = reads and chosen.status.st_size <= READ_SIZE
            return found, chosen, read_small(chosen, files.follow_symlink) if small else None
        # A deployment has replaced it: the length and ETag of one file must not go with the bytes of another.
        except FileReplaced:
            pass
    raise HTTPException(404)


def choose(files: StaticFiles, found: Found, scope: Scope) -> Representation:
    """Return the form that the client prefers; raises HTTPException with 406 where it accepts none.

    A form that it has a part of comes first, so that a download goes on as it has begun (RFC 9110 §13.1.5).
    """
    if not files._precompressed or found.status_code != 200:
        return found.file
    accepted = accepted_codings(scope)
    forms = [form for coding in accepted if (form := found.form(coding)) is not None]
    if not forms:
        # Every coding was refused, identity with them: `identity;q=0` or `*;q=0` (RFC 9110 §12.5.3).
        raise HTTPException(406, headers={"Vary": "Accept-Encoding"})
    if len(forms) > 1 and (part := request_conditions(scope).get("if-range")) is not None:
        for form in forms:
            fields = coded_validators(form, files._tags.of(form))
            if (b"etag", part.strip(" \t").encode("latin-1")) in fields:
                return form
    return forms[0]


def _look_up(files: StaticFiles, key: Key, scope: Scope) -> Found | None:
    path, ends_with_slash, wants_directory = key
    full_path, status = files.lookup_path(path)
    if status is not None and stat.S_ISREG(status.st_mode) and not wants_directory:
        return _with_siblings(files, path, full_path, status)
    if files.html and status is not None and stat.S_ISDIR(status.st_mode):
        index_path = os.path.normpath(os.path.join(path, "index.html"))
        index = _regular(files, index_path)
        if index is not None and ends_with_slash:
            return _with_siblings(files, index_path, *index)
        # Without the slash, relative links of the page would lead one level too high: the answer is a redirect.
        if index is not None:
            return Found(Representation(path, full_path, status))
    if files._fallback is not None and is_navigation(scope):
        page = _regular(files, files._fallback)
        if page is not None:
            return _with_siblings(files, files._fallback, *page, is_fallback=True)
    page = _regular(files, "404.html") if files.html and files.sends_404_page else None
    return None if page is None else Found(Representation("404.html", *page), 404)


def _regular(files: StaticFiles, path: str) -> tuple[str, os.stat_result] | None:
    full_path, status = files.lookup_path(path)
    return (full_path, status) if status is not None and stat.S_ISREG(status.st_mode) else None


def _with_siblings(
    files: StaticFiles, path: str, full_path: str, status: os.stat_result, *, is_fallback: bool = False
) -> Found:
    """Return a file with those of its compressed forms that are beside it and not older."""
    siblings = {}
    for coding in files._precompressed:
        sibling = _regular(files, path + SUFFIXES[coding])
        # Where several directories or links are searched, the sibling of another file may have been found.
        is_beside = sibling is not None and sibling[0] == full_path + SUFFIXES[coding]
        if sibling is not None and is_beside and sibling[1].st_mtime_ns >= status.st_mtime_ns:
            siblings[coding] = sibling
    below, varies = path.replace(os.sep, "/"), bool(siblings)
    return Found(
        Representation(below, full_path, status, None, varies, is_fallback),
        siblings={
            coding: Representation(below, *sibling, coding, varies, is_fallback) for coding, sibling in siblings.items()
        },
    )
