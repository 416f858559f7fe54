"""The client of an application on a real server: httpx's own, with the WebSockets of the test client."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from importlib import import_module
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ..exceptions import AppTimeout, WebSocketDisconnect
from ..types import Message
from ._sync.messages import Messages
from .session import Limit, denied, disconnected

if TYPE_CHECKING:
    Cooperative: Any
else:
    Cooperative = object

__tracebackhide__ = True  # pytest shows the code of its reader instead

TIMEOUT = 10.0
# What websockets says itself.
HANDSHAKE = ("host", "connection", "upgrade", "accept", "accept-encoding", "sec-websocket-", "content-length")


class LiveBase(Cooperative):  # type: ignore[misc]
    """The behaviour that LiveClient adds to the one of httpx."""

    __test__ = False
    library: ClassVar[ModuleType]
    denial_response: ClassVar[type[Any]]
    websocket_disconnect: ClassVar[type[Exception]] = WebSocketDisconnect

    def __init__(self, server: Any, *, headers: Any = None, **options: Any) -> None:
        own_headers = self.library.Headers(headers)
        own_headers.setdefault("user-agent", "testclient")
        # A proxy of the environment would look for 127.0.0.1 on its own machine.
        defaults = {"base_url": server.url, "follow_redirects": True, "timeout": TIMEOUT, "trust_env": False}
        super().__init__(headers=own_headers, **{**defaults, **options})
        self.app = server.app
        self.app_state: dict[str, Any] = server.app_state

    def websocket_connect(self, url: Any, subprotocols: Sequence[str] | None = None, **options: Any) -> LiveSession:
        """Return a WebSocket that opens with its block; the options are those of a request, cookies included."""
        return LiveSession(self, self.build_request("GET", url, **options), subprotocols)


def _is_handshake(name: str) -> bool:
    return name.lower().startswith(HANDSHAKE)


class LiveSession(Messages):
    """One WebSocket over a socket, with the methods of WebSocketTestSession."""

    __test__ = False

    def __init__(self, client: Any, request: Any, subprotocols: Sequence[str] | None) -> None:
        self.response: Any = None
        self._client = client
        self._request = request
        self._subprotocols = subprotocols
        self._socket: Any
        self._stack = ExitStack()
        self._inbox: deque[Message] = deque()
        self._end: tuple[int, str] | None = None

    @property
    def app(self) -> Any:
        """The application."""
        return self._client.app

    @property
    def accepted_subprotocol(self) -> str | None:
        """The subprotocol the application chose."""
        subprotocol: str | None = self._socket.subprotocol
        return subprotocol

    @property
    def headers(self) -> Any:
        """The headers of the handshake's response."""
        return self.response.headers

    @property
    def closed(self) -> bool:
        """True once either side has closed."""
        return self._end is not None or self._socket.close_code is not None

    @property
    def close_code(self) -> int | None:
        """The code of the close, from either side; 1006 if there was none; None while it is open."""
        return self._socket.close_code if self._end is None else self._end[0]

    @property
    def close_reason(self) -> str | None:
        """The reason of the close; None while it is open."""
        return self._socket.close_reason if self._end is None else self._end[1]

    def __enter__(self) -> Self:
        try:
            websockets: Any = import_module("websockets.sync.client")
            exceptions: Any = import_module("websockets.exceptions")
        except ImportError as exc:
            raise ImportError("WebSockets over a socket need websockets: pip install websockets") from exc
        url = self._request.url
        # Without pings, whose timeout would close the connection while a debugger holds the server, and without limits:
        # those under test are the server's.
        options: Mapping[str, Any] = {"compression": None, "max_size": None, "ping_interval": None, "proxy": None}
        try:
            connection = websockets.connect(
                str(url.copy_with(scheme="wss" if url.scheme in ("https", "wss") else "ws")),
                additional_headers=[pair for pair in self._request.headers.items() if not _is_handshake(pair[0])],
                subprotocols=self._subprotocols,
                user_agent_header=None,
                open_timeout=self._seconds("client"),
                **options,
            )
            self._socket = self._stack.enter_context(connection)
        except exceptions.InvalidStatus as exc:
            raise denied(self._client, self._answer(exc.response), exc.response.body or b"") from None
        self.response = self._answer(self._socket.response)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def _answer(self, response: Any) -> Any:
        # Versions of websockets decode values as latin-1, or as ASCII with escapes.
        pairs = response.headers.raw_items()
        headers = [(name.encode("ascii"), value.encode("latin-1", "surrogateescape")) for name, value in pairs]
        return self._client.library.Response(response.status_code, headers=headers, request=self._request)

    def _seconds(self, timeout: Limit) -> float | None:
        if timeout != "client":
            return timeout
        seconds: float | None = self._client.timeout.read
        return seconds

    def send(self, message: Message) -> None:
        """Send a raw message: websocket.receive, or websocket.disconnect to close."""
        closed: Any = import_module("websockets.exceptions").ConnectionClosed
        if message.get("type") == "websocket.disconnect":
            return self.close(message.get("code") or 1000, message.get("reason"))
        text = message.get("text")
        with suppress(closed):  # as a client that has not heard of the close yet
            self._socket.send(message.get("bytes") if text is None else text)
        return None

    def receive(self, timeout: Limit = "client") -> Message:
        """Return the next message: websocket.send, or websocket.close once. Raises AppTimeout at the limit."""
        if self._inbox:
            return self._inbox.popleft()
        if self._end is not None:
            raise disconnected(self._client, *self._end)
        return self._read(self._seconds(timeout))

    def _read(self, seconds: float | None) -> Message:
        closed: Any = import_module("websockets.exceptions").ConnectionClosed
        try:
            data = self._socket.recv(seconds)
        except TimeoutError:
            path = self._request.url.path
            raise AppTimeout(f"WebSocket {path}: no message from the application after {seconds:g} s") from None
        except closed:
            self._end = self._socket.close_code, self._socket.close_reason
            return {"type": "websocket.close", "code": self._end[0], "reason": self._end[1]}
        return {"type": "websocket.send", "text" if isinstance(data, str) else "bytes": data}

    def receive_nothing(self, seconds: float = 0.1) -> bool:
        """Return whether the application sends nothing, and does not close, for so many seconds."""
        if not self._inbox and self._end is None:
            with suppress(AppTimeout):
                self._inbox.append(self._read(seconds))
        return not self._inbox and self._end is None

    def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close from the client's side."""
        self._socket.close(code, reason or "")

    def disconnect(self) -> None:
        """Drop the connection without a close."""
        # This wakes the thread that reads from the socket; after a close another file could get its descriptor.
        self._socket.socket.shutdown(socket.SHUT_RDWR)

    def wait_closed(self, timeout: Limit = "client") -> None:
        """Wait until the connection is closed; what comes meanwhile is kept for `receive`."""
        while self._end is None:
            self._inbox.append(self._read(self._seconds(timeout)))
