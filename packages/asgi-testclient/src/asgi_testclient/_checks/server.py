"""The server's half of the protocol: the scope it builds, and the messages that its receive returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from .._texts import shown
from ..types import Message, Scope
from .base import Findings, Strict
from .headers import FORBIDDEN, TOKEN

Test = Callable[[Any], bool]


class ServerChecks(Findings):
    """One call of an application, watched from the application's side: `check_scope` once, then `gave` each message."""

    __slots__ = ()

    _scope: Scope
    protocol: ClassVar[str]
    required: ClassVar[Mapping[str, tuple[str, Test]]] = {}
    optional: ClassVar[Mapping[str, tuple[str, Test]]] = {}
    steps: ClassVar[Mapping[Any, Callable[[Any, Message], None]]] = {}

    def __init__(self, scope: Scope, *, strict: Strict = "errors", ignore: frozenset[str] = frozenset()) -> None:
        super().__init__(strict, ignore, scope)
        self._prepare()

    def _prepare(self) -> None:
        """Set the state in which a call begins."""

    def check_scope(self) -> None:
        """Check the keys of the scope and their types (S02, S03, S04)."""
        if self._off:
            return
        for key, (expected, test) in self.required.items():
            if key not in self._scope:
                self.flag("S02", f"the scope of a {self.protocol} call has no {key!r}")
            else:
                self._check_value(key, expected, test)
        for key, (expected, test) in self.optional.items():
            if key in self._scope:
                self._check_value(key, expected, test)
        if "headers" in self.required and "headers" in self._scope:
            self._check_headers(self._scope["headers"])

    def gave(self, message: Message) -> None:
        """Check a message that receive() has returned."""
        if self._off:
            return
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            self.flag("S05", f"receive() returned {shown(message)}; a dict with a str 'type' was expected")
            return
        step = self.steps.get(message["type"])
        if step is None:
            self.flag("S06", f"receive() returned {message['type']!r} on a {self.protocol} scope")
            return
        step(self, message)

    def _check_value(self, key: str, expected: str, test: Test) -> None:
        if not test(self._scope[key]):
            self.flag("S03", f"{key!r} of the scope is {shown(self._scope[key])} where {expected} was expected")

    def _check_headers(self, headers: Any) -> None:
        # An iterator can be read once: whoever reads it first leaves nothing for the application behind it.
        if isinstance(headers, (str, bytes)) or not isinstance(headers, Iterable) or hasattr(headers, "__next__"):
            self.flag("S04", f"the headers of the scope are {shown(headers)}; a list of pairs was expected")
            return
        for pair in headers:
            if not _is_pair(pair, bytes, bytes):
                self.flag("S04", f"a header of the scope is {shown(pair)} where a pair of bytes was expected")
                continue
            name, value = pair
            if name != name.lower() or not name or name.translate(None, TOKEN):
                self.flag("S04", f"the scope has a header {shown(name)}; a token in lower case was expected")
            # RFC 9110 §5.5: a recipient rejects such a value or replaces these characters before it is processed.
            elif value.translate(None, FORBIDDEN) != value:
                self.flag("S04", f"the header {name!r} of the scope has a CR, LF or NUL: {shown(value)}")
        return

    def _fields(self, message: Message, **tests: tuple[str, Test]) -> None:
        for key, (expected, test) in tests.items():
            if key in message and not test(message[key]):
                self.flag("S07", f"{key!r} of {message['type']} is {shown(message[key])} where {expected} was expected")


def _text(value: object) -> bool:
    return isinstance(value, str)


def _octets(value: object) -> bool:
    return isinstance(value, bytes)


def _truth(value: object) -> bool:
    return isinstance(value, bool)


def _versions(value: object) -> bool:
    return isinstance(value, dict) and _text(value.get("version")) and _text(value.get("spec_version", ""))


def _state(value: object) -> bool:
    return isinstance(value, dict)


def _extensions(value: object) -> bool:
    # Keys of programs are allowed beside those of the specification, and so are values of any type.
    return value is None or (isinstance(value, Mapping) and all(isinstance(key, str) for key in value))


def _client(value: object) -> bool:
    return value is None or _is_pair(value, str, int)


def _server(value: object) -> bool:
    # A path and None stand for a Unix socket (ASGI, HTTP connection scope).
    return value is None or _is_pair(value, str, int) or _is_pair(value, str, type(None))


def _is_pair(value: Any, first: type, second: type) -> bool:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        return False
    return isinstance(value[0], first) and isinstance(value[1], second)


REQUIRED: dict[str, tuple[str, Test]] = {
    "asgi": ("a dict with 'version' and 'spec_version'", _versions),
    "path": ("a str", _text),
    "headers": ("an iterable", lambda value: True),
}
OPTIONAL: dict[str, tuple[str, Test]] = {
    "raw_path": ("bytes", lambda value: value is None or _octets(value)),
    "root_path": ("a str", _text),
    "client": ("a host and a port", _client),
    "server": ("a host and a port", _server),
    "state": ("a dict", _state),
    "extensions": ("a dict", _extensions),
}
TEXT = ("a str", _text)
OCTETS = ("bytes", _octets)
TRUTH = ("True or False", _truth)


class HTTPServerChecks(ServerChecks):
    """An http scope; http.request until more_body is missing or False, then http.disconnect."""

    __slots__ = ("_complete", "_disconnected")

    protocol = "http"
    required = REQUIRED | {
        "http_version": ("a version such as '1.1'", lambda value: value in ("1.0", "1.1", "2", "3")),
        "method": ("a str in upper case", lambda value: _text(value) and value == value.upper() and value != ""),
        "query_string": OCTETS,
    }
    optional = OPTIONAL | {"scheme": ("a str", lambda value: _text(value) and value != "")}

    def _prepare(self) -> None:
        self._complete = False
        self._disconnected = False

    def _request(self, message: Message) -> None:
        if self._complete or self._disconnected:
            when = "http.disconnect" if self._disconnected else "the last piece of the body"
            self.flag("S08", f"receive() returned http.request after {when}")
        self._fields(message, body=OCTETS, more_body=TRUTH)
        # A missing `more_body` means False (ASGI, http.request).
        self._complete = not message.get("more_body", False)

    def _disconnect(self, message: Message) -> None:
        self._disconnected = True

    steps: ClassVar[Mapping[Any, Callable[[Any, Message], None]]] = {
        "http.request": _request,
        "http.disconnect": _disconnect,
    }


class WebSocketServerChecks(ServerChecks):
    """A websocket scope; websocket.connect, messages once it is accepted, then websocket.disconnect."""

    __slots__ = ("_connected", "_disconnected", "accepted")

    protocol = "websocket"
    required = REQUIRED
    optional = OPTIONAL | {
        "http_version": ("a version such as '1.1'", lambda value: value in ("1.1", "2", "3")),
        "scheme": ("a str", lambda value: _text(value) and value != ""),
        "query_string": OCTETS,
        "subprotocols": (
            "an iterable of str",
            lambda value: isinstance(value, (list, tuple)) and all(_text(item) for item in value),
        ),
    }

    def _prepare(self) -> None:
        self.accepted = False
        self._connected = False
        self._disconnected = False

    def _connect(self, message: Message) -> None:
        if self._connected or self._disconnected:
            self.flag("S08", "receive() returned websocket.connect when the handshake had begun")
        self._connected = True

    def _receive(self, message: Message) -> None:
        if self._disconnected or not self.accepted:
            when = "after websocket.disconnect" if self._disconnected else "before websocket.accept"
            self.flag("S08", f"receive() returned websocket.receive {when}")
        self._fields(
            message,
            text=("a str or None", lambda value: value is None or _text(value)),
            bytes=("bytes or None", lambda value: value is None or _octets(value)),
        )
        if (message.get("text") is None) == (message.get("bytes") is None):
            self.flag("S07", "websocket.receive has neither or both of text and bytes")

    def _disconnect(self, message: Message) -> None:
        if not self._connected:
            self.flag("S08", "receive() returned websocket.disconnect before websocket.connect")
        self._disconnected = True
        self._fields(
            message,
            # A bool is an int in Python, but no close code of RFC 6455 §7.4.
            code=("an int", lambda value: isinstance(value, int) and not _truth(value)),
            reason=("a str or None", lambda value: value is None or _text(value)),
        )

    steps: ClassVar[Mapping[Any, Callable[[Any, Message], None]]] = {
        "websocket.connect": _connect,
        "websocket.receive": _receive,
        "websocket.disconnect": _disconnect,
    }


class LifespanServerChecks(ServerChecks):
    """A lifespan scope; lifespan.startup, then lifespan.shutdown."""

    __slots__ = ("_given",)

    protocol = "lifespan"
    required: ClassVar[Mapping[str, tuple[str, Test]]] = {"asgi": REQUIRED["asgi"]}
    optional: ClassVar[Mapping[str, tuple[str, Test]]] = {"state": OPTIONAL["state"]}

    def _prepare(self) -> None:
        self._given: list[str] = []

    def _startup(self, message: Message) -> None:
        if self._given:
            self.flag("S08", f"receive() returned lifespan.startup after {self._given[-1]}")
        self._given.append("lifespan.startup")

    def _shutdown(self, message: Message) -> None:
        if self._given[-1:] != ["lifespan.startup"]:
            when = f"after {self._given[-1]}" if self._given else "before lifespan.startup"
            self.flag("S08", f"receive() returned lifespan.shutdown {when}")
        self._given.append("lifespan.shutdown")

    steps: ClassVar[Mapping[Any, Callable[[Any, Message], None]]] = {
        "lifespan.startup": _startup,
        "lifespan.shutdown": _shutdown,
    }
