"""Close frames of WebSockets: which codes may be sent, and how long a reason may be (RFC 6455 §5.5, §7.4)."""

from __future__ import annotations

from ._text import encode_text
from .types import Message

# Registered codes that an endpoint may send; 1005, 1006 and 1015 stand for a frame that was never received.
_REGISTERED = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})
# A control frame holds 125 bytes, two of which are the code.
_MOST_REASON_BYTES = 123


def check_close_code(code: int) -> int:
    """Return the code; raises TypeError unless it is an int, and ValueError unless it may be sent."""
    if not isinstance(code, int):
        raise TypeError(f"A close code is an int, not {type(code).__name__}: {code!r}")
    if code not in _REGISTERED and not 3000 <= code < 5000:
        raise ValueError(f"Invalid close code {code}: send 1000 to 1003, 1007 to 1014, or 3000 to 4999 (RFC 6455 §7.4)")
    return code


def check_reason(reason: str | None) -> str:
    """Return the reason, "" for None; raises TypeError unless it is text."""
    if reason is not None and not isinstance(reason, str):
        raise TypeError(f"The reason of a close is a str, not {type(reason).__name__}: {reason!r}")
    return reason or ""


def close_message(code: int, reason: str = "") -> Message:
    """Return the message that closes, its reason cut to what a frame holds, at the edge of a character."""
    if len(reason) > _MOST_REASON_BYTES or not reason.isascii():
        reason = encode_text(reason)[:_MOST_REASON_BYTES].decode(errors="ignore")
    return {"type": "websocket.close", "code": code, "reason": reason}


def code_for_status(status: int) -> int:
    """Return the close code for an HTTP status: 1011 for an error of the server, 1008 for others."""
    return 1011 if status >= 500 else 1008
