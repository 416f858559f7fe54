"""The file of recorded exchanges: what is written of each, and how it is read again.

Rule: whatever a file holds passes through here in both directions. Bytes that are UTF-8 stand there as text, others as
base64; values that are redacted are replaced before anything is written.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from .types import Message, Scope

__tracebackhide__ = True  # pytest shows the code of its reader instead

EPOCH = "Thu, 01 Jan 1970 00:00:00 GMT"
FAR_AHEAD = "Fri, 31 Dec 9999 23:59:59 GMT"
_EXPIRES = re.compile(r"(?i)((?:^|;)\s*expires=)([^;]*)")
MOST = 1000  # messages that a record keeps
WEBSOCKET = "WebSocket"  # in place of a method: no HTTP method has lower-case letters
Entry = dict[str, Any]


class Exchange(Protocol):
    """`response.asgi`, `client.last_exchange`, or the session of a WebSocket."""

    @property
    def scope(self) -> Scope: ...
    @property
    def messages(self) -> list[tuple[str, Message]]: ...


def entry_of(exchange: Exchange | None, redact: set[str]) -> Entry:
    """Return an exchange as JSON can hold it. Raises ValueError for one that cannot be replayed."""
    if exchange is None:
        raise ValueError("there is no exchange to save: no request has been made, or the client has record=False")
    messages = exchange.messages
    if len(messages) >= MOST:
        raise ValueError(f"the exchange has {MOST} messages or more, of which the first are forgotten: it is not saved")
    passed = [(way, message) for way, message in messages if not message["type"].endswith(".debug")]
    sent = [message for way, message in passed if way == "send"]
    if not sent or sent[0]["type"] == "http.response.body":
        raise ValueError("the application did not respond, or the client has record=False: there is nothing to replay")
    if exchange.scope["type"] == "websocket":
        said = [{"from": _SENDERS[way], **_encoded(message, redact)} for way, message in passed]
        return {"request": request_of(exchange.scope, None, redact), "messages": said}
    received = [message for way, message in passed if way == "receive" and message["type"] == "http.request"]
    whole = bool(received) and not received[-1]["more_body"]
    body = b"".join(message["body"] for message in received) if whole else None
    request = request_of(exchange.scope, body, redact)
    return {"request": request, "response": [_encoded(message, redact) for message in sent]}


_SENDERS = {"receive": "client", "send": "application"}


def request_of(scope: Scope, body: bytes | None, redact: Iterable[str]) -> Entry:
    """Return the request of a scope, or the handshake, as JSON can hold it."""
    return {
        "method": WEBSOCKET if scope["type"] == "websocket" else scope["method"],
        "path": unquote(scope["raw_path"].decode("latin-1")) if scope.get("raw_path") else scope["path"],
        "query": scope["query_string"].decode("latin-1"),
        "headers": _headers(scope["headers"], redact),
        "body": None if body is None else text_or_base64(body),
    }


def _headers(headers: Iterable[tuple[bytes, bytes]], redact: Iterable[str]) -> list[list[str]]:
    pairs = ((bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in headers)
    return [[name, redacted(name.lower(), value) if name.lower() in redact else value] for name, value in pairs]


def redacted(name: str, value: str) -> str:
    """Return a value that says nothing, but may be sent: clients parse dates and cookies."""
    if name == "date":
        return EPOCH
    if name == "expires":
        return _expiry(value)
    if name == "set-cookie":
        first, semicolon, attributes = value.partition(";")
        attributes = _EXPIRES.sub(lambda found: found[1] + _expiry(found[2]), attributes)
        return f"{first.partition('=')[0]}=redacted{semicolon}{attributes}"
    return "redacted"


def _expiry(value: str) -> str:
    """Return a date that is over, or still to come, as this one is, on any day; anything else as it is."""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return value
    # Without a zone, or with one that is unknown, a date is in GMT (RFC 9110 §5.6.7).
    return EPOCH if moment.replace(tzinfo=moment.tzinfo or UTC) <= datetime.now(UTC) else FAR_AHEAD


def text_or_base64(body: bytes) -> str | dict[str, str]:
    """Return a body as JSON can hold it."""
    try:
        return bytes(body).decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": b64encode(body).decode("ascii")}


def _bytes(text: str | dict[str, str]) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else b64decode(text["base64"])


def _encoded(message: Message, redact: set[str]) -> Entry:
    entry = {key: value for key, value in message.items() if value is not None}
    kind = message["type"]
    if kind == "http.response.pathsend":  # the file is another one when it is replayed
        return {"type": "http.response.body", "body": text_or_base64(Path(message["path"]).read_bytes())}
    if kind == "http.response.zerocopysend":
        raise ValueError(
            "http.response.zerocopysend cannot be saved: record with "
            'TestClient(app, extensions={"http.response.zerocopysend": None})'
        )
    if "headers" in entry:
        entry["headers"] = _headers(entry["headers"], redact)
    for key in ("body", "bytes"):
        if key in entry:
            entry[key] = text_or_base64(entry[key])
    if "links" in entry:
        entry["links"] = [bytes(link).decode("latin-1") for link in entry["links"]]
    return entry


def decoded(entry: Entry) -> Message:
    """Return the message of an entry."""
    message: Message = {key: value for key, value in entry.items() if key != "from"}
    if "headers" in entry:
        message["headers"] = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in entry["headers"]]
    for key in ("body", "bytes"):
        if key in entry:
            message[key] = _bytes(entry[key])
    if "links" in entry:
        message["links"] = [link.encode("latin-1") for link in entry["links"]]
    return message


def write(path: Path, entries: list[Entry]) -> None:
    """Write entries to a file, the same bytes on every system."""
    text = json.dumps({"version": 1, "exchanges": entries}, indent=2, ensure_ascii=False)
    path.write_bytes(f"{text}\n".encode())


def read(path: Path) -> list[Entry]:
    """Return the entries of a file. Raises ValueError for another file."""
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))
        version, exchanges = recorded["version"], recorded["exchanges"]
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is not there: write it with asgi_testclient.save(path, exchange)") from None
    except (ValueError, TypeError, KeyError) as exc:
        raise ValueError(f"{path} is not a recording of asgi_testclient: {exc!r}") from exc
    if version != 1:
        raise ValueError(f"{path} is a recording of version {version!r}; this release reads version 1")
    found: list[Entry] = exchanges
    return found
