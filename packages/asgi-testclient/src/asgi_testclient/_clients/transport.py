"""The part that both transports share: an application, its settings, and how a call becomes a response of httpx."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

from .._calls.base import AppCall
from .._calls.http import Body, HTTPCall
from .._calls.lifespan import LifespanCall
from .._calls.records import BaseRecord
from .._calls.scopes import Request, http_scope, websocket_scope
from .._calls.websocket import WebSocketCall
from .._errors import add_note_once
from .._options import Settings, TransportOptions
from ..exceptions import ProtocolViolation
from ..types import Scope

__tracebackhide__ = True  # pytest shows the code of its reader instead

# Extensions of a request, by which a client speaks to its transport.
STREAM = "asgi_testclient.stream"
WEBSOCKET = "asgi_testclient.websocket"
HINT = (
    "The lifespan was not run. If the application needs it, make the client a context manager: `with TestClient(app)`."
)


class BaseTransport:
    """An application, the settings it is called with, and the state of its lifespan."""

    library: ClassVar[ModuleType]
    response_type: ClassVar[type[Any]]

    def __init__(self, app: Any, options: TransportOptions) -> None:
        self.app = app
        self.settings = Settings.of(options)
        self.app_state: dict[str, Any] = dict(self.settings.state or {})
        self.last: Any = None
        self.entered = False
        self._lifespan_call: LifespanCall | None = None
        self._active: weakref.WeakSet[Any] = weakref.WeakSet()
        self._background: set[Any] = set()

    def prepare_scope(self, scope: Scope) -> Scope:
        """Return the scope to call the application with, for each request and WebSocket; for subclasses."""
        return scope

    def raise_failure(self, call: AppCall) -> None:
        """Raise what the application, or the iterator of a request body, did wrong, if anything."""
        client_error = getattr(call, "client_error", None)
        exc: BaseException | None = client_error or call.failure()
        if exc is None:
            return
        if client_error is None and not isinstance(exc, ProtocolViolation):
            add_note_once(exc, self._missing_lifespan())
        call.exception = None  # the exception's frames know the call; the call need not know it
        try:
            raise exc
        finally:
            exc = client_error = None

    def _missing_lifespan(self) -> str | None:
        """Return why the lifespan was not run, if that may be why the application fails."""
        if not self.entered:
            return HINT if self.settings.lifespan in ("auto", "on") else None
        return None if self._lifespan_call is None else self._lifespan_call.skipped

    def raise_lifespan_failure(self) -> None:
        """Raise what ended the lifespan before its shutdown, once."""
        failure = None if self._lifespan_call is None else self._lifespan_call.pending_failure()
        if failure is not None:
            failure.add_note("It ended the lifespan task while requests were still being served.")
            raise failure

    def seconds_of(self, request: Request) -> float | None:
        """Return the time limit of a request: its own, else the client's."""
        limits = request.extensions.get("timeout")
        if not isinstance(limits, Mapping) or "read" not in limits:
            return self.settings.timeout
        seconds: float | None = limits["read"]
        return seconds

    def http_call(self, request: Request, body: Body, host: Any) -> HTTPCall:
        """Return the call that a request makes."""
        self.raise_lifespan_failure()
        scope = self.prepare_scope(http_scope(request, self.settings, self.app_state))
        buffered = request.extensions.get(STREAM) is False
        return HTTPCall(self.app, scope, body, self.settings, host.loop, host.waiter(), buffered=buffered)

    def websocket_call(self, request: Request, host: Any) -> WebSocketCall:
        """Return the call that a WebSocket handshake makes."""
        self.raise_lifespan_failure()
        subprotocols: list[str] = request.extensions[WEBSOCKET]
        scope = self.prepare_scope(websocket_scope(request, self.settings, self.app_state, subprotocols))
        return WebSocketCall(self.app, scope, self.settings, host.loop, host.waiter(), self.settings.offered_websocket)

    def response(self, call: HTTPCall, stream: Any, record: BaseRecord) -> Any:
        """Return the response to a call, with its record and what Starlette's client attaches."""
        extensions: dict[str, Any] = {
            "http_version": f"HTTP/{call.scope['http_version']}".encode("ascii"),
            "asgi": record,
        }
        if call.debug is not None:
            extensions["http.response.debug"] = call.debug
        if call.awaits_trailers or call.trailers:
            extensions["http.response.trailers"] = call.trailers
        status = call.status if call.started else 500
        response = self.response_type(status, headers=call.headers, stream=stream, extensions=extensions)
        response.asgi = record
        for name in ("template", "context"):
            if call.debug is not None and name in call.debug:
                setattr(response, name, call.debug[name])
        self.remember(record)
        return response

    def remember(self, record: BaseRecord) -> None:
        """Keep the record of the last exchange; without recording, nothing of a call outlives its response."""
        if self.settings.record:
            self.last = record

    def raise_unanswered(self, call: HTTPCall) -> None:
        """Fail if the application has returned without a response and no check has said so."""
        if call.started or call.exception is not None or self.settings.raise_server_exceptions is False:
            return
        if self.settings.strict == "order":  # in the words of Starlette's client
            raise AssertionError("TestClient did not receive any response.")
        raise AssertionError("the application returned without a response: it never sent http.response.start")
