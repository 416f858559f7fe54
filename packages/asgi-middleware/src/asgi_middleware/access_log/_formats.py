"""The data of an exchange, and the formats of a log line.

Rule: everything that a client has sent is escaped here, and only here. A line break would forge a record, an escape
sequence could act on the terminal of whoever reads the log (CWE-117, CWE-150).
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

# Also C1 controls and everything beyond latin-1: terminals act on U+009B, and bidirectional marks reorder a line.
_UNSAFE = re.compile(r'[\x00-\x1f"\\\x7f-\xff]|[^\x00-\xff]')


@dataclass
class Entry:
    """One exchange. Times are in seconds, sizes in bytes; None means unknown.

    `outcome` is complete, disconnected (the client left), failed (an exception) or incomplete (the application returned
    early). `status` is that of the response, 499 for a client that left before there was one (as nginx logs it), 500
    for an exception. For a WebSocket it is 101 once accepted, and `close_code` is that of the side that closed.
    """

    began: float
    kind: str
    client: str | None
    method: str
    target: str
    http_version: str
    status: int | None = None
    outcome: str = "complete"
    error: str | None = None
    first_byte: float | None = None
    duration: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    user: str | None = None
    route: str | None = None
    request_id: str | None = None
    referer: str | None = None
    user_agent: str | None = None
    close_code: int | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the known fields, in a fixed order."""
        known = {name: value for name, value in vars(self).items() if value is not None}
        if not self.headers:
            del known["headers"]
        return known


def combined(entry: Entry) -> str:
    """Return a line in the Combined Log Format of Apache and nginx."""
    when = _when(int(entry.began))
    request = f"{entry.method} {entry.target} HTTP/{entry.http_version}"
    return (
        f'{_word(entry.client)} - {_word(entry.user)} [{when}] "{_escape(request)}" {entry.status or "-"} '
        f'{entry.bytes_out or "-"} "{_escape(entry.referer)}" "{_escape(entry.user_agent)}"'
    )


def _word(text: str | None) -> str:
    """Return a field without quotes around it, in which a space would begin the next field."""
    return _escape(text).replace(" ", "\\x20") if text else "-"


# Many requests end in the same second, and strftime takes longer than the rest of the line.
@lru_cache(maxsize=16)
def _when(second: int) -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S %z", time.localtime(second))


def json_lines(entry: Entry) -> str:
    """Return one JSON object in a line, in ASCII: U+2028 and its like are line breaks to some readers."""
    fields = entry.as_dict()
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(entry.began))
    fields["began"] = f"{seconds}.{int(entry.began % 1 * 1000):03}Z"
    for name in ("first_byte", "duration"):
        if name in fields:
            fields[name] = round(fields[name], 6)
    return json.dumps(fields)


def logfmt(entry: Entry) -> str:
    """Return `name=value` pairs, with quotes around values that contain spaces."""
    fields = entry.as_dict()
    fields.pop("headers", None)  # logfmt has no nested values
    fields |= {f"header.{name}": value for name, value in entry.headers.items()}
    return " ".join(f"{name}={_logfmt_value(value)}" for name, value in fields.items())


def _logfmt_value(value: object) -> str:
    text = f"{value:.6f}" if isinstance(value, float) else str(value)
    escaped = _escape(text)
    return f'"{escaped}"' if escaped != text or " " in text or "=" in text or not text else text


def _escape(text: str | None) -> str:
    if text is None:
        return "-"
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return _UNSAFE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character in '"\\':
        return f"\\{character}"
    return f"\\x{ord(character):02x}" if character <= "\xff" else f"\\u{ord(character):04x}"
