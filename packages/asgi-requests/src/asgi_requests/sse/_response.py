"""A response that streams events, with a heartbeat while there are none and a farewell when the server stops."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import Any

import anyio

from .._disconnect import run_until_disconnect
from .._render import render_json
from .._streaming import StreamingResponse
from .._text import BYTES
from ..background import BackgroundTask
from ..exceptions import ClientDisconnect
from ..types import Receive, Scope, Send
from ._channel import Channel
from ._event import ServerSentEvent, encode_data

# No-cache rather than no-store, which keeps pages out of the back/forward cache of browsers.
# nginx buffers a response without X-Accel-Buffering; Incremental asks the same of any proxy
# (draft-ietf-httpbis-incremental).
_HEADERS = (("cache-control", "no-cache"), ("x-accel-buffering", "no"), ("incremental", "?1"))
# Seconds for the farewell to a client that may have left.
_FAREWELL_PATIENCE = 5.0


class EventSourceResponse(StreamingResponse):
    """A stream of events from an iterable of ServerSentEvent, str, or values that JSON can hold; bytes go out as is.

    After `heartbeat` seconds without an event a comment is sent, which keeps proxies from closing the connection and
    notices clients that have left; never while the client is slow to take what was sent. None disables it. The
    iterator is never interrupted for it. `farewell` is a last event, or a function that returns it, for a client whose
    connection ends before the iterator: when a drained server stops. One with `retry` spreads the reconnects of a
    deploy.

    However the stream ends, the iterator is closed, in the task that has iterated. Override `render`, as with
    JSONResponse, for another JSON encoder. Raises ValueError for a heartbeat that is not above 0.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        content: AsyncIterable[Any] | Iterable[Any],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        background: BackgroundTask | None = None,
        *,
        heartbeat: float | None = 15.0,
        farewell: Any = None,
    ) -> None:
        if heartbeat is not None and not heartbeat > 0:
            raise ValueError(f"heartbeat={heartbeat!r}: seconds between comments, more than 0, or None")
        super().__init__(content, status_code, headers, None, background)
        self.heartbeat = heartbeat
        self.farewell = farewell
        self._render = render_json if type(self).render is _RENDER else self.render
        present = {name for name, _ in self.raw_headers}
        self.raw_headers += [field for field in _RAW_HEADERS if field[0] not in present]

    def render(self, content: Any) -> bytes:
        """Return data of an event as JSON."""
        return render_json(content)

    def _encode(self, chunk: object) -> bytes:
        if isinstance(chunk, ServerSentEvent):
            return chunk.encode(self._render)
        return bytes(chunk) if isinstance(chunk, BYTES) else encode_data(chunk, self._render)

    def _chunks(self, send: Send) -> AsyncIterator[Any]:
        chunks = super()._chunks(send)
        return send.watch(chunks) if isinstance(send, Channel) else chunks

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        cancel_scope = anyio.CancelScope()
        channel = Channel(send, self.heartbeat, cancel_scope)
        await run_until_disconnect(channel.run(self.stream_response), scope, receive, cancel_scope)
        if channel.failure is not None:
            try:
                raise channel.failure
            finally:
                # Avoid a reference cycle through the traceback.
                channel.failure = None
        if self.farewell is None or not channel.started or channel.complete:
            return
        event = self.farewell() if callable(self.farewell) else self.farewell
        # A drained server still sends; to a client that has left, servers send nothing.
        with anyio.move_on_after(_FAREWELL_PATIENCE):
            try:
                await send({"type": "http.response.body", "body": self._encode(event), "more_body": False})
            except OSError as exc:
                raise ClientDisconnect() from exc


_RENDER = EventSourceResponse.render
_RAW_HEADERS = [(name.encode(), value.encode()) for name, value in _HEADERS]
