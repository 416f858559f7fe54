"""The file name that a client sends, as one harmless path segment."""

from __future__ import annotations

import re

_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\ud800-\udfff]')
_WINDOWS_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)", re.IGNORECASE)


def safe_filename(filename: str | None) -> str:
    """Return the last segment of a file name in at most 255 bytes; `file` if nothing of it remains.

    No directories of either slash, no control or reserved characters, no leading dots, no Windows devices.
    """
    name = (filename or "").replace("\\", "/").rpartition("/")[2]
    name = _UNSAFE.sub("_", name).strip(" .")
    if _WINDOWS_DEVICE.match(name):
        name = "_" + name
    encoded = name.encode()
    if len(encoded) > 255:
        _, dot, suffix = name.rpartition(".")
        ending = (dot + suffix).encode() if len(suffix) <= 16 else b""
        name = (encoded[: 255 - len(ending)] + ending).decode(errors="ignore")
    return name or "file"
