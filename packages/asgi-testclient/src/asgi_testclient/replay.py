"""Record what passed between a client and an application, and replay it: an application that answers from a file.

    from asgi_testclient import Replay, TestClient, save

    def record(weather_service):
        with TestClient(weather_service) as client:
            client.get("/oslo")
            with client.websocket_connect("/oslo/live") as session:
                session.receive_json()
            save("oslo.json", client.last_exchange, session)

    def show_the_weather():
        client = TestClient(Replay("oslo.json"))
        assert client.get("/oslo").json() == {"celsius": -3}
        with client.websocket_connect("/oslo/live") as session:
            assert session.receive_json() == {"celsius": -4}

The file is JSON, a line for each header and message, and the same for the same exchange: values that change with each
run or that are secret are redacted. Bodies that are UTF-8 stand there as text, others as base64. Of a WebSocket the
messages of both sides stand there in the order in which the application received and sent them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ._recording import WEBSOCKET, Entry, Exchange, decoded, entry_of, read, redacted, request_of, write
from .types import Message, Receive, Scope, Send

__all__ = ["REDACTED", "Replay", "ReplayMismatch", "save"]

__tracebackhide__ = True  # pytest shows the code of its reader instead

REDACTED = frozenset(
    {
        "authorization", "cookie", "date", "expires", "proxy-authorization", "sec-websocket-key", "set-cookie",
        "x-api-key", "x-request-id",
    }
)  # fmt: skip
MATCHED = ("method", "path", "query", "body")
# After these the record of a WebSocket is whole; without one it ended while the WebSocket was open.
ENDS = frozenset({"websocket.close", "websocket.disconnect", "websocket.http.response.start"})


class ReplayMismatch(AssertionError):
    """A request that was not recorded, or has been answered already, or a message of a WebSocket that differs.

    The message names what differs.
    """


def save(path: str | Path, *exchanges: Exchange | None, redact: Iterable[str] = REDACTED) -> None:
    """Write some exchanges to a file, in the order in which they are to be answered.

    `redact` names the headers whose values are left out; of Set-Cookie the name and the attributes stay, of Expires
    whether it is past. Raises ValueError for an exchange that cannot be replayed.
    """
    names = {name.lower() for name in redact}
    write(Path(path), [entry_of(exchange, names) for exchange in exchanges])


class Replay:
    """An application that gives each recorded request its recorded response, once, whatever their order.

    `match` are the parts of a request that are compared, of "method", "path", "query", "body" and "headers" (those that
    are recorded and not redacted). With `repeat` an exchange may be asked for many times. `unused` are the requests
    that have not been made. In a WebSocket the client's messages and its close are compared with the recorded ones, and
    the recorded answers are sent between them; ReplayMismatch names the first message that differs.
    """

    def __init__(self, path: str | Path, *, match: Iterable[str] = MATCHED, repeat: bool = False) -> None:
        self.path = Path(path)
        self.match = tuple(match)
        if unknown := {*self.match} - {*MATCHED, "headers"}:
            raise ValueError(f"match is of method, path, query, body and headers, not {', '.join(sorted(unknown))}")
        self.repeat = repeat
        self._exchanges = read(self.path)
        self._used: set[int] = set()

    @property
    def unused(self) -> list[str]:
        """The recorded requests that were not made: method and target."""
        return [_target(entry["request"]) for number, entry in enumerate(self._exchanges) if number not in self._used]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await _live(receive, send)
        if scope["type"] == "websocket":
            return await self._converse(self._recorded(request_of(scope, None, ())), receive, send)
        if scope["type"] != "http":
            raise ReplayMismatch(f"{self.path} holds HTTP and WebSockets, and was asked for a {scope['type']}")
        body = await _body(receive)
        if body is None:
            return None
        for entry in self._recorded(request_of(scope, body, ()))["response"]:
            await send(decoded(entry))
        return None

    async def _converse(self, exchange: Entry, receive: Receive, send: Send) -> None:
        messages = [(entry["from"], decoded(entry)) for entry in exchange["messages"]]
        asked = f"{self.path}: {_target(exchange['request'])} differs from the record"
        for number, (sender, message) in enumerate(messages, 1):
            if sender == "application":
                await send(message)
            elif (received := _said(await receive())) != (recorded := _said(message)):
                raise ReplayMismatch(
                    f"{asked} in message {number}:\n  recorded {_shown(recorded)}, received {_shown(received)}"
                )
        if ENDS.isdisjoint(message["type"] for _, message in messages):
            received = _said(await receive())
            if received["type"] != "websocket.disconnect":
                raise ReplayMismatch(f"{asked}, which ends with message {len(messages)}: received {_shown(received)}")

    def _recorded(self, request: Entry) -> Entry:
        """Return the exchange that a request asks for."""
        differing = [(self._differences(entry["request"], request), n) for n, entry in enumerate(self._exchanges)]
        equal = [number for differences, number in differing if not differences]
        free = [number for number in equal if self.repeat or number not in self._used]
        if free:
            self._used.add(free[0])
            return self._exchanges[free[0]]
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
        # A WebSocket never answers a request of HTTP, whatever is compared.
        first = ("method",) if WEBSOCKET in (recorded["method"], asked["method"]) else ()
        for part in dict.fromkeys((*first, *self.match)):
            if part == "headers":
                found += _of_headers(recorded["headers"], asked["headers"])
            elif recorded[part] != asked[part] and not (part == "body" and recorded[part] is None):
                found.append(f"  {part}: recorded {_shown(recorded[part])}, asked {_shown(asked[part])}")
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


def _said(message: Message) -> Message:
    """Return what counts in a message of a client, without what servers add or leave out."""
    said = {"type": message["type"]}
    if message["type"] == "websocket.disconnect":
        return {**said, "code": message.get("code", 1005), "reason": message.get("reason") or ""}
    return said | {key: message[key] for key in ("text", "bytes") if message.get(key) is not None}


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
