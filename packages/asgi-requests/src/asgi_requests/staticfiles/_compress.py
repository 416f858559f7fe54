"""Write the compressed siblings of the files of a directory.

Rule: a sibling has the time of its file, by which it is known to be of that very version. It appears under its name
whole or not at all, and one that no longer belongs to its file is removed.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ._codings import SUFFIXES
from ._compressors import Compressor

# Compressed by their format.
_COMPRESSED = re.compile(
    r"\.(?:png|jpe?g|gif|webp|avif|heic|jxl|mp[34]|m4[av]|mov|mkv|webm|og[agv]|opus|flac|aac|woff2?|"
    r"zip|gz|br|zst|bz2|xz|7z|rar|tgz|lz4|docx|xlsx|pptx|odt|jar|apk|whl)",
    re.IGNORECASE,
).fullmatch
# A sibling that saves less than one part in twenty costs more than it brings.
_WORTHWHILE = 0.95


@dataclass(slots=True)
class Outcome:
    """The result for one file in one coding; `what` is `written`, `current` or `larger`."""

    path: str
    coding: str
    what: str
    before: int
    after: int


def compressible(directory: str, excluded: Iterable[Callable[[str], re.Match[str] | None]] = ()) -> Iterator[str]:
    """Yield the full paths of the files to compress, in a fixed order; links and names with a dot are not followed."""
    for folder, folders, names in os.walk(directory, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith(".") or name == ".well-known")
        for name in sorted(names):
            path = os.path.join(folder, name)
            below = os.path.relpath(path, directory).replace(os.sep, "/")
            if name.startswith(".") or _COMPRESSED(os.path.splitext(name)[1]) is not None:
                continue
            if stat.S_ISREG(os.lstat(path).st_mode) and not any(matches(below) for matches in excluded):
                yield path


def compress_file(path: str, compressors: Mapping[str, Compressor]) -> list[Outcome]:
    """Write the siblings of one file that are missing or of another version of it."""
    outcomes = []
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        content: bytes | None = None
        for coding, compress in compressors.items():
            sibling = path + SUFFIXES[coding]
            if (size := _current_size(sibling, status)) is not None:
                outcomes.append(Outcome(path, coding, "current", status.st_size, size))
                continue
            content = file.read() if content is None else content
            compressed = compress(content)
            what = "written" if len(compressed) <= len(content) * _WORTHWHILE else "larger"
            if what == "written":
                _replace(sibling, compressed, status)
            else:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(sibling)
            outcomes.append(Outcome(path, coding, what, len(content), len(compressed)))
    return outcomes


def _current_size(sibling: str, original: os.stat_result) -> int | None:
    try:
        status = os.lstat(sibling)
    except FileNotFoundError:
        return None
    is_current = stat.S_ISREG(status.st_mode) and status.st_mtime_ns == original.st_mtime_ns
    return status.st_size if is_current and status.st_size < original.st_size else None


def _replace(sibling: str, content: bytes, original: os.stat_result) -> None:
    # A name with a dot is not served.
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=os.path.dirname(sibling))
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        # mkstemp lets only the owner read, and the server may run as another user.
        os.chmod(temporary, stat.S_IMODE(original.st_mode))
        os.utime(temporary, ns=(original.st_atime_ns, original.st_mtime_ns))
        os.replace(temporary, sibling)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _raise(error: OSError) -> None:
    raise error
