"""A file name for any response (RFC 6266).

headers = {"Content-Disposition": content_disposition("Bericht März.pdf")}
response = Response(pdf, headers=headers, media_type="application/pdf")
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from .._fields import TOKEN
from .._text import without_surrogates

# Characters that recipients disagree about in a quoted string, and `/`, which no file name has (RFC 6266 appendix D).
_UNSAFE = re.compile(r'[^\x20-\x7e]|["\\/%]')


def content_disposition(filename: str, kind: str = "attachment") -> str:
    """Return a Content-Disposition with a file name, `kind` being "attachment" or "inline".

    A name of more than plain characters is sent twice: encoded (RFC 8187), and in ASCII for recipients that know no
    better, without accents and with `_` for what is left. Raises ValueError for a kind that is not a token.
    """
    if TOKEN(kind) is None:
        raise ValueError(f"Invalid disposition type: {kind!r}")
    filename = without_surrogates(filename, "\ufffd")
    encoded = quote(filename, safe="")
    if encoded == filename:
        return f'{kind}; filename="{filename}"'
    return f"{kind}; filename=\"{_fallback(filename)}\"; filename*=utf-8''{encoded}"


def _fallback(filename: str) -> str:
    decomposed = unicodedata.normalize("NFKD", filename)
    return _UNSAFE.sub("_", "".join(c for c in decomposed if not unicodedata.combining(c)))
