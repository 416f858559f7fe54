"""The names in the Content-Disposition of a part: the plain case, and a file name in the extended syntax alone."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from ._charset import decode_text, text_codec

plain_names = re.compile(rb'form-data; ?name="([^"\\;]*)"(?:; ?filename="([^"\\;]*)")?').fullmatch
"""Match a Content-Disposition as browsers write most: a name, and perhaps that of a file, without any escape."""

_PARAMETER = re.compile(rb';([^=;]+)=[ \t]*("(?:[^"\\]|\\.)*(?:"|\Z)|(?:[^;" \t][^;]*)?)', re.DOTALL).findall


def extended_filename(disposition: bytes) -> str | None:
    """Return the decoded `filename*` of a Content-Disposition (RFC 8187 §3.2), or None.

    RFC 7578 §4.2 forbids it, and yet there are clients that send nothing else.
    """
    for name, value in _PARAMETER(disposition):
        if name.strip(b" \t").lower() == b"filename*":
            charset, _, text = value.strip(b' \t"').partition(b"'")
            _, quote, encoded = text.partition(b"'")
            if not quote:
                return decode_text(value, "utf-8")
            return decode_text(unquote_to_bytes(encoded), text_codec(f"; charset={charset.decode('latin-1')}"))
    return None
