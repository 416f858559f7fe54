"""The text before the first boundary of a multipart body, which is dropped (RFC 2046 §5.1.1).

python-multipart refuses it, refuses white space behind the first boundary, and decides by the chunk what follows a line
break: it is given the body from the first boundary on.
"""

from __future__ import annotations

import re

from .exceptions import MultiPartException

_LONGEST_PADDING = 1024


class Preamble:
    """A search for the first boundary in a body that arrives in chunks; `found` once it has been seen."""

    found = False
    _has_text = False

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\n--" + boundary
        self._search = re.compile(re.escape(self._delimiter) + rb"([ \t]*)(?=\r\n|--)").search
        self._fits_behind = re.compile(rb"[ \t]{0,%d}[\r-]?" % _LONGEST_PADDING).fullmatch
        # The beginning of the body is the beginning of a line.
        self._held = b"\n"

    def skip(self, chunk: bytes) -> bytes:
        """Return what the chunk has from the first boundary on, without the white space behind it: at first nothing.

        Raises MultiPartException where text is followed by the closing boundary.
        """
        text = self._held + chunk
        found = self._search(text)
        if found is not None:
            # A form without parts is sent without a preamble: here the first boundary is not at the start of a line.
            if text.startswith(b"--", found.end()) and (self._has_text or text[: found.start()].strip(b"\r\n")):
                raise MultiPartException("Invalid multipart data.")
            self.found = True
            return self._delimiter[1:] + text[found.end() :]
        last_line = text[text.rfind(b"\n") :] if b"\n" in text else b""
        self._held = last_line if self._may_begin_delimiter(last_line) else b""
        self._has_text = self._has_text or bool(text[: len(text) - len(self._held)].strip(b"\r\n"))
        return b""

    @property
    def is_cut_short(self) -> bool:
        """True if the text so far ends within what may become the first boundary."""
        return len(self._held) > 1

    def _may_begin_delimiter(self, line: bytes) -> bool:
        size = len(self._delimiter)
        if len(line) <= size:
            return self._delimiter.startswith(line)
        return line.startswith(self._delimiter) and self._fits_behind(line[size:]) is not None
