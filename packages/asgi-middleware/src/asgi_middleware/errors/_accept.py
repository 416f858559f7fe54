"""Does a client prefer a page or plain text? (RFC 9110 §12.5.1)"""

from __future__ import annotations

from .._headers import RawHeaders, all_values


def prefers_html(headers: RawHeaders) -> bool:
    """Whether HTML is named in Accept and wanted at least as much as plain text; `*/*` alone is not a browser."""
    qualities = _qualities(b",".join(all_values(headers, b"accept")).lower())
    html = max(qualities.get(b"text/html", 0.0), qualities.get(b"application/xhtml+xml", 0.0))
    return html > 0 and html >= qualities.get(b"text/plain", 0.0)


def _qualities(accept: bytes) -> dict[bytes, float]:
    """The q-value of every media type; parameters other than q are not looked at, and a broken q counts as 0."""
    qualities: dict[bytes, float] = {}
    for item in accept.split(b","):
        media_type, *parameters = (part.strip(b" \t") for part in item.split(b";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition(b"=")
            if name == b"q":
                quality = _quality(value)
        qualities[media_type] = max(quality, qualities.get(media_type, 0.0))
    return qualities


def _quality(value: bytes) -> float:
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
