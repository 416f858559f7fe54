"""Record what passed between a client and an application, and replay it: an application that answers from a file.

    from asgi_testclient import Replay, TestClient, save

    def record(weather_service):
        with TestClient(weather_service) as client:
            client.get("/oslo")
            save("oslo.json", client.last_exchange)

    def show_the_weather():
        assert TestClient(Replay("oslo.json")).get("/oslo").json() == {"celsius": -3}

The file is JSON, a line for each header and message, and the same for the same exchange: values that change with each
run or that are secret are redacted. Bodies that are UTF-8 stand there as text, others as base64.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from .types import Message, Receive, Scope, Send

__all__ = ["REDACTED", "Replay", "ReplayMismatch", "save"]

__tracebackhide__ = True  # pytest shows the code of its reader instead

REDACTED = frozenset({"authorization", "cookie", "date", "proxy-authorization", "set-cookie", "x-api-key"})
EPOCH = "Thu, 01 Jan 1970 00:00:00 GMT"
MATCHED = ("method", "path", "query", "body")
MOST = 1000  # messages that a record keeps
Entry = dict[str, Any]


class Exchange(Protocol):
    """`response.asgi` or `client.last_exchange`."""

    @property
    def scope(self) -> Scope: ...
    @property
    def messages(self) -> list[tuple[str, Message]]: ...


class ReplayMismatch(AssertionError):
    """A request that was not recorded, or that has been answered already; the message names what differs."""


def save(path: str | Path, *exchanges: Exchange | None, redact: Iterable[str] = REDACTED) -> None:
    """Write some exchanges to a file, in the order in which they are to be answered.

    `redact` names the headers whose values are left out; of Set-Cookie the name and the attributes stay. Raises
    ValueError for an exchange that cannot be replayed.
    """
    names = {name.lower() for name in redact}
    entries = [_entry(exchange, names) for exchange in exchanges]
    text = json.dumps({"version": 1, "exchanges": entries}, indent=2, ensure_ascii=False)
    Path(path).write_text(f"{text}\n", encoding="utf-8")


class Replay:
    """An application that gives each recorded request its recorded response, once, whatever their order.

    `match` are the parts of a request that are compared, of "method", "path", "query", "body" and "headers" (those that
    are recorded and not redacted). With `repeat` an exchange may be asked for many times. `unused` are the requests
    that have not been made.
    """

    def __init__(self, path: str | Path, *, match: Iterable[str] = MATCHED, repeat: bool = False) -> None:
        self.path = Path(path)
        self.match = tuple(match)
        if unknown := {*self.match} - {*MATCHED, "headers"}:
            raise ValueError(f"match is of method, path, query, body and headers, not {', '.join(sorted(unknown))}")
        self.repeat = repeat
        self._exchanges = _read(self.path)
        self._used: set[int] = set()

    @property
    def unused(self) -> list[str]:
        """The recorded requests that were not made: method and target."""
        return [_target(entry["request"]) for number, entry in enumerate(self._exchanges) if number not in self._used]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await _live(receive, send)
        if scope["type"] != "http":
            raise ReplayMismatch(f"{self.path} holds HTTP requests, and was asked for a {scope['type']}")
        body = await _body(receive)
        if body is None:
            return None
        request = _request(scope, body, frozenset())
        for message in self._answer(request):
            await send(message)
        return None

    def _answer(self, request: Entry) -> list[Message]:
        differing = [(self._differences(entry["request"], request), n) for n, entry in enumerate(self._exchanges)]
        equal = [number for differences, number in differing if not differences]
        free = [number for number in equal if self.repeat or number not in self._used]
        if free:
            self._used.add(free[0])
            return [_decoded(message) for message in self._exchanges[free[0]]["response"]]
        asked = f"{self.path}: {_target(request)}"
        if equal:
            raise ReplayMismatch(f"{asked} was recorded {len(equal)} time(s), and is asked for once more; repeat=True")
        if not differing:
            raise ReplayMismatch(f"{asked} was not recorded, nor was anything else")
        # The nearest is one that has not been asked for, with the fewest differences.
        differences, number = min(differing, key=lambda pair: (len(pair[0]), pair[1] in self._used, pair[1]))
        nearest = _target(self._exchanges[number]["request"])
        raise ReplayMismatch(f"{asked} was not recorded; the nearest is {nearest}:\n" + "\n".join(differences))

    def _differences(self, recorded: Entry, asked: Entry) -> list[str]:
        found = []
        for part in self.match:
            if part == "headers":
                found += _of_headers(recorded["headers"], asked["headers"])
            elif recorded[part] != asked[part] and not (part == "body" and recorded[part] is None):
                found.append(f"  {part}: recorded {_shown(recorded[part])}, asked {_shown(asked[part])}")
        return found


def _entry(exchange: Exchange | None, redact: set[str]) -> Entry:
    if exchange is None:
        raise ValueError("there is no exchange to save: no request has been made, or the client has record=False")
    if exchange.scope["type"] != "http":
        raise ValueError(f"HTTP exchanges are saved, not one of a {exchange.scope['type']}")
    messages = exchange.messages
    if len(messages) >= MOST:
        raise ValueError(f"the exchange has {MOST} messages or more, of which the first are forgotten: it is not saved")
    received = [message for way, message in messages if way == "receive" and message["type"] == "http.request"]
    whole = bool(received) and not received[-1]["more_body"]
    body = b"".join(message["body"] for message in received) if whole else None
    sent = [message for way, message in messages if way == "send" and message["type"] != "http.response.debug"]
    if not sent or sent[0]["type"] not in ("http.response.start", "http.response.early_hint"):
        raise ValueError("the application did not respond: there is nothing to replay")
    request = _request(exchange.scope, body, redact)
    return {"request": request, "response": [_encoded(message, redact) for message in sent]}


def _request(scope: Scope, body: bytes | None, redact: Iterable[str]) -> Entry:
    return {
        "method": scope["method"],
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
    if name == "set-cookie":
        first, semicolon, attributes = value.partition(";")
        return f"{first.partition('=')[0]}=redacted{semicolon}{attributes}"
    return "redacted"


def text_or_base64(body: bytes) -> str | dict[str, str]:
    """Return a body as JSON can hold it."""
    try:
        return bytes(body).decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": b64encode(body).decode("ascii")}


def _bytes(text: str | dict[str, str]) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else b64decode(text["base64"])


def _encoded(message: Message, redact: set[str]) -> Entry:
    entry = {**message}
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
    if "body" in entry:
        entry["body"] = text_or_base64(entry["body"])
    if "links" in entry:
        entry["links"] = [bytes(link).decode("latin-1") for link in entry["links"]]
    return entry


def _decoded(entry: Entry) -> Message:
    message: Message = {**entry}
    if "headers" in entry:
        message["headers"] = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in entry["headers"]]
    if "body" in entry:
        message["body"] = _bytes(entry["body"])
    if "links" in entry:
        message["links"] = [link.encode("latin-1") for link in entry["links"]]
    return message


def _read(path: Path) -> list[Entry]:
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


def _target(request: Entry) -> str:
    query = f"?{request['query']}" if request["query"] else ""
    return f"{request['method']} {request['path']}{query}"


def _of_headers(recorded: list[list[str]], asked: list[list[str]]) -> list[str]:
    """Return how the headers differ that are recorded and not redacted."""
    found = []
    for name in dict.fromkeys(name for name, _ in recorded):
        before = [value for other, value in recorded if other == name]
        now = [value for other, value in asked if other == name]
        if before != now and before != [redacted(name, value) for value in before]:
            found.append(f"  header {name}: recorded {_shown(before)}, asked {_shown(now)}")
    return found


def _shown(value: object) -> str:
    from ._texts import shortened

    return shortened(value, 200)


async def _body(receive: Receive) -> bytes | None:
    """Return the body of a request, or None if the client leaves before its end."""
    body = bytearray()
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)
    return None


async def _live(receive: Receive, send: Send) -> None:
    for phase in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{phase}.complete"})


for _public in (Replay, ReplayMismatch, save):
    _public.__module__ = __name__.partition(".")[0]
