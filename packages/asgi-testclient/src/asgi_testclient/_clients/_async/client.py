"""The behaviour that a client adds to the one of httpx."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, ClassVar, Self

from ..client import BaseClient
from ..transport import STREAM
from .session import AsyncSession
from .transport import AsyncTransport

__tracebackhide__ = True  # pytest shows the code of its reader instead


class AsyncClient(BaseClient):
    """The behaviour of the client. Its block runs the lifespan; fixtures may enter and leave it."""

    session_type: ClassVar[type[AsyncSession]] = AsyncSession
    _asgi: AsyncTransport

    async def __aenter__(self) -> Self:
        await self._asgi.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._asgi.__aexit__(exc_type, exc_value, traceback)

    async def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
        """Send a request; with `stream`, return the response at its start."""
        request.extensions = {**request.extensions, STREAM: stream}  # for the transport
        return await super().send(request, stream=stream, **options)

    def websocket_connect(self, url: Any, subprotocols: Sequence[str] | None = None, **options: Any) -> Any:
        """Return a WebSocket that opens with its block; the options are those of a request, cookies included.

        Entering raises WebSocketDenied if the application refuses.
        """
        return self.session_type(self, *self._handshake(url, subprotocols, options))

    async def portal_call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function, or await a coroutine function, on the application's event loop; return its result."""
        return await self._asgi.loops.call(function, *args)

    async def wait_idle(self, timeout: float | None = 10.0) -> bool:
        """Wait until nothing of the application runs but its lifespan; return False if the time is over first."""
        return await self._asgi.wait_idle(timeout)
