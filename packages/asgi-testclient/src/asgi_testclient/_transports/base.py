"""What both transports are."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, ClassVar, Literal

from .._backends import Loop
from .._checks import ProtocolViolation, Strict
from .._checks.base import known_codes
from .._exchange import Exchange
from .._http import Body, HTTPExchange
from .._records import Record
from .._scopes import Request, http_scope, websocket_scope
from .._settings import Extensions, LifespanMode, RaiseServerExceptions, Settings, checked, offers, sends_raise
from .._streams import advised
from .._websocket import WebSocketExchange
from ..exceptions import UnfinishedTasks
from ..lifespan import LifespanExchange
from ..types import Scope

STREAM = "asgi_testclient.stream"
WEBSOCKET = "asgi_testclient.websocket"
HINT = (
    "The lifespan was not run. If the application needs it, make the client a context manager: `with TestClient(app)`."
)


class Transport:
    """What both transports are: an application, the settings it is driven with, and its lifespan state."""

    httpx: ClassVar[ModuleType]
    backends: ClassVar[tuple[str, ...]] = ("asyncio", "trio")

    def __init__(
        self,
        app: Any,
        *,
        raise_server_exceptions: RaiseServerExceptions = True,
        root_path: str = "",
        backend: Literal["asyncio", "trio"] = "asyncio",
        backend_options: Mapping[str, Any] | None = None,
        client: tuple[str, int] | None = ("testclient", 50000),
        lifespan: LifespanMode = "auto",
        strict: Strict = "errors",
        ignore: Iterable[str] = (),
        timeout: float | None = 10.0,
        disconnect_grace: float = 1.0,
        stream_buffer: int = 65536,
        wait_for_app: bool = True,
        spec_version: str = "2.3",
        http_version: str = "1.1",
        extensions: Extensions | None = None,
        state: Mapping[str, Any] | None = None,
        server: tuple[str, int | None] | None = None,
        sync_on_caller: bool | Literal["auto"] = "auto",
        loop: Literal["persistent", "per-request"] = "persistent",
        record: bool = True,
    ) -> None:
        http, websocket = offers(extensions)
        self.app = app
        self.app_state: dict[str, Any] = dict(state or {})
        self.settings = Settings(
            raise_server_exceptions=checked(
                raise_server_exceptions, "raise_server_exceptions", (True, False, "logged")
            ),
            root_path=root_path,
            client=client,
            server=server,
            timeout=timeout,
            disconnect_grace=disconnect_grace,
            stream_buffer=stream_buffer,
            wait_for_app=wait_for_app,
            spec_version=spec_version,
            http_version=http_version,
            strict=checked(strict, "strict", ("errors", "all", "order", "off")),
            ignore=known_codes(frozenset(ignore)),
            sync_on_caller=checked(sync_on_caller, "sync_on_caller", (True, False, "auto")),
            record=record,
            http_extensions=http,
            websocket_extensions=websocket,
            send_raises=sends_raise(spec_version),
            offered_http=frozenset(http),
            offered_websocket=frozenset(websocket),
        )
        self.last: Record[Any] | None = None
        self._backend = checked(backend, "backend", self.backends)
        self._backend_options = dict(backend_options or {})
        self._lifespan_mode: LifespanMode = checked(lifespan, "lifespan", ("auto", "on", "off", "raise"))
        self._per_request = checked(loop, "loop", ("persistent", "per-request")) == "per-request"
        self._lifespan: LifespanExchange | None = None
        self._entered = False
        self._active: weakref.WeakSet[Any] = weakref.WeakSet()
        self._background: set[Any] = set()

    @property
    def entered(self) -> bool:
        """Whether the client is in its block."""
        return self._entered

    def forget(self, run: Any) -> None:
        """A run is over, or its application goes on after a complete response."""
        self._active.discard(run)
        if run.exchange.done:
            self._background.discard(run)
        else:
            self._background.add(run)

    def raise_failure(self, exchange: Exchange) -> None:
        """Raise what the application did wrong, if anything."""
        client_error = getattr(exchange, "client_error", None)
        exc: BaseException | None = client_error or exchange.failure()
        if exc is None:
            return
        told = client_error is not None or isinstance(exc, ProtocolViolation)
        if not told and not self._entered and self._lifespan_mode in ("auto", "on"):
            advised(exc, HINT)
        exchange.exception = None  # the exception's frames know the exchange; the exchange need not know it
        try:
            raise exc
        finally:
            exc = client_error = None

    def prepare_scope(self, scope: Scope) -> Scope:
        """Return the scope to call the application with, for each request and WebSocket; for subclasses."""
        return scope

    def seconds_of(self, request: Request) -> float | None:
        limits = request.extensions.get("timeout")
        if not isinstance(limits, Mapping) or "read" not in limits:
            return self.settings.timeout
        seconds: float | None = limits["read"]
        return seconds

    def _http_exchange(self, request: Request, body: Body, loop: Loop, caller: Any) -> HTTPExchange:
        self._raise_lifespan_fault()
        return HTTPExchange(
            self.app,
            self.prepare_scope(http_scope(request, self.settings, self.app_state)),
            body,
            self.settings,
            loop,
            caller,
            buffered=request.extensions.get(STREAM) is False,
        )

    def _websocket_exchange(self, request: Request, loop: Loop, caller: Any) -> WebSocketExchange:
        self._raise_lifespan_fault()
        subprotocols: list[str] = request.extensions[WEBSOCKET]
        scope = self.prepare_scope(websocket_scope(request, self.settings, self.app_state, subprotocols))
        return WebSocketExchange(self.app, scope, self.settings, loop, caller, self.settings.offered_websocket)

    def _lifespan_exchange(self, loop: Loop, caller: Any) -> LifespanExchange:
        mode = self._lifespan_mode
        return LifespanExchange(self.app, self.app_state, self.settings, loop, caller, mode)

    def _raise_lifespan_fault(self) -> None:
        """What ended the lifespan before its shutdown; told of once."""
        fault = self._lifespan.fault() if self._lifespan is not None else None
        if fault is not None:
            fault.add_note("It ended the lifespan task while requests were still being served.")
            raise fault

    def _response(self, exchange: HTTPExchange, stream: Any, record: Record[Any]) -> Any:
        extensions: dict[str, Any] = {
            "http_version": f"HTTP/{exchange.scope['http_version']}".encode("ascii"),
            "asgi": record,
        }
        if exchange.debug is not None:
            extensions["http.response.debug"] = exchange.debug
        if exchange.awaits_trailers or exchange.trailers:
            extensions["http.response.trailers"] = exchange.trailers
        status = exchange.status if exchange.started else 500
        response = self.httpx.Response(status, headers=exchange.headers, stream=stream, extensions=extensions)
        response.asgi = record
        for name in ("template", "context"):
            if exchange.debug is not None and name in exchange.debug:
                setattr(response, name, exchange.debug[name])
        self._remember(record)
        return response

    def _remember(self, record: Record[Any]) -> None:
        """Keep the record of the last exchange; without recording nothing of an application outlives its response."""
        if self.settings.record:
            self.last = record

    def _bytes(self, exchange: HTTPExchange) -> Any:
        return self.httpx.ByteStream(b"".join(exchange.chunks))

    def _unanswered(self, exchange: HTTPExchange) -> None:
        """Fail where the application has returned without a response, and no check has said so."""
        if not exchange.started and exchange.exception is None and self.settings.raise_server_exceptions is not False:
            if self.settings.strict == "order":
                raise AssertionError("TestClient did not receive any response.")
            raise AssertionError("the application returned without a response: it never sent http.response.start")


def collect(problems: list[BaseException], step: Callable[..., object], *args: Any) -> None:
    """Do one thing of several that all have to be done, and keep what it raises."""
    try:
        step(*args)
    except BaseException as exc:
        problems.append(exc)


def warn_unfinished(title: str) -> None:
    """Warn of an application that went on after its response and did not come to an end."""
    warnings.warn(
        f"{title}: the application was still at work after its response when the client was closed, and was cancelled; "
        "wait for it with response.asgi.wait_closed() or client.wait_idle()",
        UnfinishedTasks,
        stacklevel=5,
    )
