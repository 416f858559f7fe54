"""What a client was told once and every exchange reads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ._checks import Strict

RaiseServerExceptions = bool | Literal["logged"]
LifespanMode = Literal["auto", "on", "off", "raise"]
Extensions = Mapping[str, Mapping[str, Any] | None]

HTTP_EXTENSIONS = ("debug", "trailers", "early_hint", "pathsend", "zerocopysend")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a transport; `http_extensions` and `websocket_extensions` are what its scopes offer."""

    raise_server_exceptions: RaiseServerExceptions
    root_path: str
    client: tuple[str, int] | None
    server: tuple[str, int | None] | None
    timeout: float | None
    disconnect_grace: float
    stream_buffer: int
    wait_for_app: bool
    spec_version: str
    http_version: str
    strict: Strict
    ignore: frozenset[str]
    sync_on_caller: bool | Literal["auto"]
    record: bool
    http_extensions: Mapping[str, Mapping[str, Any]]
    websocket_extensions: Mapping[str, Mapping[str, Any]]
    send_raises: bool
    offered_http: frozenset[str]
    offered_websocket: frozenset[str]


def offers(extensions: Extensions | None) -> tuple[dict[str, Mapping[str, Any]], dict[str, Mapping[str, Any]]]:
    """The extensions of an HTTP and of a WebSocket scope; None takes one away that is offered by default."""
    http: dict[str, Mapping[str, Any]] = {f"http.response.{name}": {} for name in HTTP_EXTENSIONS}
    if not hasattr(os, "pread"):  # pragma: no cover - Windows has no pread
        del http["http.response.zerocopysend"]
    websocket: dict[str, Mapping[str, Any]] = {"websocket.http.response": {}}
    for name, value in (extensions or {}).items():
        for protocol, offered in (("http.", http), ("websocket.", websocket)):
            if name.startswith(protocol) or not name.startswith(("http.", "websocket.")):
                offered.pop(name, None)
                if value is not None:
                    offered[name] = dict(value)
    return http, websocket


def sends_raise(spec_version: str) -> bool:
    """Whether `send` raises after the client left: ASGI says so since 2.4."""
    try:
        return tuple(int(part) for part in spec_version.split(".")) >= (2, 4)
    except ValueError:
        raise ValueError(f"spec_version is two numbers and a dot, such as '2.3', not {spec_version!r}") from None


def checked(value: Any, name: str, allowed: Iterable[Any]) -> Any:
    """The value, if it is one of those allowed; ValueError with the way out otherwise."""
    choices = tuple(allowed)
    if value not in choices:
        raise ValueError(f"{name} is one of {', '.join(map(repr, choices))}, not {value!r}")
    return value
