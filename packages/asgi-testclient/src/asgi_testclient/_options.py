"""The options of the clients and transports: what callers may write, the defaults, and the one place that checks them.

A new option is a key of Options and a field of Settings, nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from ._checks import Strict, known_codes
from ._faults import NAMES, Chunks, DisconnectAfter, Faults

if TYPE_CHECKING:
    from .clock import Clock

Backend = Literal["asyncio", "trio"]
RaiseServerExceptions = bool | Literal["logged"]
LifespanMode = Literal["auto", "on", "off", "raise"]
LoopMode = Literal["persistent", "per-request"]
Extensions = Mapping[str, Mapping[str, Any] | None]
Offered = Mapping[str, Mapping[str, Any]]

HTTP_EXTENSIONS = ("debug", "trailers", "early_hint", "pathsend", "zerocopysend")
CHOICES: dict[str, tuple[Any, ...]] = {
    "backend": ("asyncio", "trio"),
    "lifespan": ("auto", "on", "off", "raise"),
    "loop": ("persistent", "per-request"),
    "raise_server_exceptions": (True, False, "logged"),
    "strict": ("errors", "all", "order", "off"),
    "sync_on_caller": (True, False, "auto"),
}
AMOUNTS = ("timeout", "disconnect_grace", "stream_buffer")


class Options(TypedDict, total=False):
    """The options of every client and transport beyond the parameters of Starlette's client."""

    lifespan: LifespanMode
    strict: Strict
    ignore: Iterable[str]
    timeout: float | None
    disconnect_grace: float
    stream_buffer: int
    wait_for_app: bool
    spec_version: str
    http_version: str
    extensions: Extensions | None
    state: Mapping[str, Any] | None
    server: tuple[str, int | None] | None
    sync_on_caller: bool | Literal["auto"]
    loop: LoopMode
    record: bool
    chunks: Chunks | None
    disconnect_after: DisconnectAfter | None
    bandwidth: float | None
    clock: Clock | None


class TransportOptions(Options, total=False):
    """The options of a transport."""

    raise_server_exceptions: RaiseServerExceptions
    root_path: str
    backend: Backend
    backend_options: Mapping[str, Any] | None
    client: tuple[str, int] | None


class ClientOptions(Options, total=False):
    """The keyword options of a client; the last four are httpx's own."""

    auth: Any
    params: Any
    event_hooks: Any
    default_encoding: str | Callable[[bytes], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options as every call reads them, with their defaults.

    `http_extensions` and `websocket_extensions` are offered in the scopes; `send_raises` says whether `send()` raises
    after the client left, `multiplexed` whether the connection is one of HTTP/2 or 3.
    """

    raise_server_exceptions: RaiseServerExceptions = True
    root_path: str = ""
    backend: Backend = "asyncio"
    backend_options: Mapping[str, Any] | None = None
    client: tuple[str, int] | None = ("testclient", 50000)
    lifespan: LifespanMode = "auto"
    strict: Strict = "errors"
    ignore: Iterable[str] = ()
    timeout: float | None = 10.0
    disconnect_grace: float = 1.0
    stream_buffer: int = 65536
    wait_for_app: bool = True
    spec_version: str = "2.3"
    http_version: str = "1.1"
    extensions: Extensions | None = None
    state: Mapping[str, Any] | None = None
    server: tuple[str, int | None] | None = None
    sync_on_caller: bool | Literal["auto"] = "auto"
    loop: LoopMode = "persistent"
    record: bool = True
    chunks: Chunks | None = None
    disconnect_after: DisconnectAfter | None = None
    bandwidth: float | None = None
    clock: Clock | None = None
    faults: Faults | None = field(init=False)
    multiplexed: bool = field(init=False)
    ignored: frozenset[str] = field(init=False)
    http_extensions: Offered = field(init=False)
    websocket_extensions: Offered = field(init=False)
    offered_http: frozenset[str] = field(init=False)
    offered_websocket: frozenset[str] = field(init=False)
    send_raises: bool = field(init=False)

    @classmethod
    def of(cls, options: TransportOptions) -> Settings:
        """Return the checked settings. Raises TypeError for an unknown option, ValueError for an impossible value."""
        # Typed for editors, and checked here for those who do not use a type checker.
        for name, value in options.items():
            if name not in TransportOptions.__annotations__:
                raise TypeError(f"the test client has no option {name!r}{_suggestion(name)}")
            if name in CHOICES and value not in CHOICES[name]:
                raise ValueError(f"{name} is one of {', '.join(map(repr, CHOICES[name]))}, not {value!r}")
            if name in AMOUNTS and not _is_amount(value) and not (value is None and name == "timeout"):
                raise ValueError(f"{name} is a number from 0, not {value!r}")
        return cls(**options)

    def __post_init__(self) -> None:
        http, websocket = _offers(self.extensions)
        faults = {name: getattr(self, name) for name in NAMES}
        derived = {
            "faults": None if all(value is None for value in faults.values()) else Faults(**faults),
            "multiplexed": self.http_version.partition(".")[0] in ("2", "3"),
            "ignored": known_codes(frozenset(self.ignore)),
            "http_extensions": http,
            "websocket_extensions": websocket,
            "offered_http": frozenset(http),
            "offered_websocket": frozenset(websocket),
            "send_raises": _send_raises(self.spec_version),
        }
        for name, value in derived.items():
            # The dataclass is frozen, so that no call can change the options of another.
            object.__setattr__(self, name, value)


def _suggestion(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, [*TransportOptions.__annotations__, *ClientOptions.__annotations__], 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _offers(extensions: Extensions | None) -> tuple[dict[str, Mapping[str, Any]], dict[str, Mapping[str, Any]]]:
    """Return the extensions of an HTTP and of a WebSocket scope; None withdraws one that is offered by default."""
    http: dict[str, Mapping[str, Any]] = {f"http.response.{name}": {} for name in HTTP_EXTENSIONS}
    if not hasattr(os, "pread"):  # pragma: no cover - Windows has no pread
        del http["http.response.zerocopysend"]
    websocket: dict[str, Mapping[str, Any]] = {"websocket.http.response": {}}
    for name, value in (extensions or {}).items():
        for protocol, offered in (("http.", http), ("websocket.", websocket)):
            # A name of neither protocol, such as `tls`, is offered in both scopes.
            if name.startswith(protocol) or not name.startswith(("http.", "websocket.")):
                offered.pop(name, None)
                if value is not None:
                    offered[name] = dict(value)
    return http, websocket


def _send_raises(spec_version: str) -> bool:
    """Return whether `send` raises after the client has left, as ASGI requires since version 2.4."""
    try:
        return tuple(int(part) for part in spec_version.split(".")) >= (2, 4)
    except ValueError:
        raise ValueError(f"spec_version is two numbers and a dot, such as '2.3', not {spec_version!r}") from None
