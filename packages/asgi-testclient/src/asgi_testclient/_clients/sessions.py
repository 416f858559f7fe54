"""The sessions that tests see, with what only one of the two can do."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Self

from ._async.session import AsyncSession
from ._sync.session import Session

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal


class WebSocketTestSession(Session):
    """One WebSocket of a TestClient: open inside its `with` block, closed with 1000 when that is left.

    Each `receive` waits `timeout` seconds, by default as long as the client does, and raises AppTimeout after that.
    """

    @property
    def portal(self) -> BlockingPortal:
        """Anyio's portal to the event loop that the application runs on."""
        return self._driver.host.portal()


class AsyncWebSocketTestSession(AsyncSession):
    """One WebSocket of an AsyncTestClient: `async with`, or awaited and closed by hand.

    The methods are those of WebSocketTestSession; those that wait are awaited.
    """

    def __await__(self) -> Generator[None, None, Self]:
        return self.__aenter__().__await__()


for _public in (WebSocketTestSession, AsyncWebSocketTestSession):
    _public.__module__ = __name__.partition(".")[0]
