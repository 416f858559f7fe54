# Generated from _clients/_async/client.py by `hatch run unasync`: edit that file.
# fmt: off
"""The behaviour that a client adds to the one of httpx."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, ClassVar, Self

from ..client import BaseClient
from ..transport import STREAM
from .session import Session
from .transport import Transport

__tracebackhide__ = True  # pytest shows the code of its reader instead


class Client(BaseClient):
    """The behaviour of the client. Its block runs the lifespan; fixtures may enter and leave it."""

    session_type: ClassVar[type[Session]] = Session
    _asgi: Transport

    def __enter__(self) -> Self:
        self._asgi.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._asgi.__exit__(exc_type, exc_value, traceback)

    def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
        """Send a request; with `stream`, return the response at its start."""
        request.extensions = {**request.extensions, STREAM: stream}  # for the transport
        return super().send(request, stream=stream, **options)

    def websocket_connect(self, url: Any, subprotocols: Sequence[str] | None = None, **options: Any) -> Any:
        """Return a WebSocket that opens with its block; the options are those of a request, cookies included.

        Entering raises WebSocketDenied if the application refuses.
        """
        return self.session_type(self, *self._handshake(url, subprotocols, options))

    def portal_call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function, or a coroutine function, on the application's event loop; return its result."""
        return self._asgi.loops.call(function, *args)

    def wait_idle(self, timeout: float | None = 10.0) -> bool:
        """Wait until nothing of the application runs but its lifespan; return False if the time is over first."""
        return self._asgi.wait_idle(timeout)
