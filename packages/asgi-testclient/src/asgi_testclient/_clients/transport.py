"""The part that both transports share: how a call becomes a response of httpx, and its record."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

from .._calls.base import AppCall
from .._calls.faulty import FaultyCall
from .._calls.http import HTTPCall, RawHeaders
from .._calls.lifespan import LifespanCall
from .._calls.requests import Body, Request, http_scope, websocket_scope
from .._calls.websocket import WebSocketCall
from .._errors import add_note_once
from .._faults import LEFT, faults_of
from .._options import Settings, TransportOptions
from ..exceptions import ProtocolViolation, Violation
from ..types import Message, Scope
from .saved import Saved

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
    loops: Any

    def __init__(self, app: Any, options: TransportOptions) -> None:
        self.app = app
        self.settings = Settings.of(options)
        self.app_state: dict[str, Any] = dict(self.settings.state or {})
        self.last: Any = None
        self.entered = False
        self.is_sibling = False
        self._lifespan_call: LifespanCall | None = None
        self._active: weakref.WeakSet[Any] = weakref.WeakSet()
        self._background: set[Any] = set()

    def join(self, other: BaseTransport) -> None:
        """Use the event loop and the lifespan of another transport, as long as that is in its block."""
        self.is_sibling = True
        self.loops = other.loops
        self.app_state = other.app_state
        self._lifespan_call = other._lifespan_call

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
            # Avoid a reference cycle through the traceback.
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
        # httpx puts its timeouts there; `read` is the one for a server that is silent.
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
        arguments = (self.app, scope, body, self.settings, host.loop, host.waiter())
        faults = faults_of(self.settings.faults, request.extensions)
        if faults is None:
            return HTTPCall(*arguments, buffered=buffered)
        return FaultyCall(faults, *arguments, buffered=buffered)

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
        if self.settings.multiplexed:
            # HTTP/2 and 3 have none (RFC 9113 §8.3.2).
            extensions["reason_phrase"] = b""
        if call.debug is not None:
            extensions["http.response.debug"] = call.debug
        if call.awaits_trailers or call.trailers:
            extensions["http.response.trailers"] = call.trailers
        status = call.status if call.started else LEFT if call.left else 500
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
        """Fail if the application has returned without a response and no check has failed for that."""
        if call.started or call.left or call.exception is not None or self.settings.raise_server_exceptions is False:
            return
        if self.settings.strict == "order":  # in the words of Starlette's client
            raise AssertionError("TestClient did not receive any response.")
        raise AssertionError("the application returned without a response: it never sent http.response.start")


class BaseRecord(Saved):
    """The ASGI side of one response."""

    def __init__(self, call: HTTPCall) -> None:
        self._call = call

    @property
    def scope(self) -> Scope:
        """The scope the application was called with."""
        return self._call.scope

    @property
    def messages(self) -> list[tuple[str, Message]]:
        """The messages in order: ("receive" or "send", message), also one that breaks a rule; the last thousand."""
        return list(self._call.messages.copy())

    @property
    def done(self) -> bool:
        """True once the application has returned or raised."""
        return self._call.done

    @property
    def exception(self) -> BaseException | None:
        """The exception of the application; with `raise_server_exceptions="logged"` also one it logged for a 5xx."""
        call = self._call
        return call.logged if call.exception is None and call.status >= 500 else call.exception

    @property
    def violations(self) -> list[Violation]:
        """The violations that the checks found."""
        return self._call.checks.violations

    @property
    def early_hints(self) -> list[list[bytes]]:
        """The links of each http.response.early_hint."""
        return self._call.early_hints

    @property
    def pushes(self) -> list[tuple[str, RawHeaders]]:
        """The path and the headers of each http.response.push."""
        return self._call.pushes

    @property
    def trailers(self) -> RawHeaders:
        """The trailers, once the response is complete."""
        return self._call.trailers

    @property
    def debug(self) -> dict[str, Any] | None:
        """The `info` of http.response.debug."""
        return self._call.debug

    @property
    def path(self) -> str | None:
        """The file of http.response.pathsend."""
        return self._call.path

    def disconnect(self) -> None:
        """Leave, as a client that drops its connection: `receive` gives http.disconnect from now on."""
        self._call.loop.post(self._call.disconnect)

    def __repr__(self) -> str:
        state = "done" if self.done else "running"
        return f"<{self._call.title}: {state}, {len(self._call.messages)} messages>"
