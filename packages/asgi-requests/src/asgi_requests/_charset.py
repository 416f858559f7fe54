"""Which codec the text of a form is in, by the charset its client names."""

from __future__ import annotations

import codecs
import re

_CHARSET = re.compile(r';[ \t]*charset[ \t]*=[ \t]*"?([a-z0-9_:.+-]{1,40})', re.IGNORECASE).search

# Python's codecs hold punycode, idna and unicode_escape as well, which are slow or no charsets at all. These are the
# charsets of the web (WHATWG Encoding), but for UTF-16, in which `&` and `=` are not single bytes.
_WEB = frozenset(
    {"ascii", "utf-8", "utf-8-sig", "cp866", "cp874", "koi8-r", "koi8-u", "mac-cyrillic", "mac-roman", "tis-620"}
    | {"big5", "big5hkscs", "gb18030", "gb2312", "gbk"}
    | {"cp932", "euc_jis_2004", "euc_jp", "iso2022_jp", "shift_jis", "cp949", "euc_kr"}
    | {f"cp125{page}" for page in range(9)}
    | {f"iso8859-{part}" for part in range(1, 17)}
)


def text_codec(content_type: str) -> str:
    """The codec of a Content-Type's charset; UTF-8 where it names none, or none of the web's."""
    found = _CHARSET(content_type)
    if found is None:
        return "utf-8"
    try:
        name = codecs.lookup(found[1]).name
    except LookupError:
        return "utf-8"
    return name if name in _WEB else "utf-8"


def decode_text(raw: bytes | bytearray, codec: str) -> str:
    """The text of a field, in latin-1 where it is not in the codec it should be in."""
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return raw.decode("latin-1")
