"""The codec of the text of a form, by the charset that the client names."""

from __future__ import annotations

import codecs
import re

_CHARSET = re.compile(r';[ \t]*(?i:charset)[ \t]*=[ \t]*"?([A-Za-z0-9_:.+-]{1,40})').search

# Python also has codecs such as punycode, idna and unicode_escape, which are slow or not charsets at all. These are the
# charsets of the web (WHATWG Encoding), except UTF-16, in which `&` and `=` are not single bytes.
_WEB = frozenset(
    {"ascii", "utf-8", "utf-8-sig", "cp866", "cp874", "koi8-r", "koi8-u", "mac-cyrillic", "mac-roman", "tis-620"}
    | {"big5", "big5hkscs", "gb18030", "gb2312", "gbk"}
    | {"cp932", "euc_jis_2004", "euc_jp", "iso2022_jp", "shift_jis", "cp949", "euc_kr"}
    | {f"cp125{page}" for page in range(9)}
    | {f"iso8859-{part}" for part in range(1, 17)}
)


def text_codec(content_type: str) -> str:
    """Return the codec of a Content-Type's charset; UTF-8 if it names none, or none that the web uses."""
    found = _CHARSET(content_type) if ";" in content_type else None
    if found is None:
        return "utf-8"
    try:
        name = codecs.lookup(found[1]).name
    except LookupError:
        return "utf-8"
    return name if name in _WEB else "utf-8"


def decode_text(raw: bytes | bytearray, codec: str) -> str:
    """Return the text of a field; bytes that are invalid in the codec are read as latin-1."""
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return raw.decode("latin-1")
