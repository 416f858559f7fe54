"""The response of a request whose session is in a store."""

from __future__ import annotations

from typing import Protocol

from .._headers import merge_vary
from .._replies import reject
from .._watch import ResponseWatcher
from ..types import Message, Scope, Send
from ._json import encode
from ._reading import Reading
from ._records import Record
from ._server_session import ServerSession

RETRY_LATER = [(b"retry-after", b"1")]

_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class Saving(Protocol):
    """The part of ServerSessions that a response needs."""

    def is_to_save(self, session: ServerSession, text: str, record: Record | None, /) -> bool:
        """Return whether a session with this JSON has to be stored."""

    async def save_in_time(self, session: ServerSession, text: str, record: Record | None, /) -> bytes | None:
        """Store a session, and return the value of a Set-Cookie header; raises OSError for an outage."""


class StoredResponse(ResponseWatcher):
    """A watcher that stores the session before it sends the head of the response.

    A client that has the response may send the next request at once, and must find its changes.
    """

    __slots__ = ("_reading", "_scope", "_session", "_sessions", "refused")

    def __init__(
        self,
        sessions: Saving,
        scope: Scope,
        session: ServerSession,
        reading: Reading,
        send: Send,
    ) -> None:
        super().__init__(send)
        self._sessions = sessions
        self._scope = scope
        self._session = session
        self._reading = reading
        self.refused = False

    @property
    def may_refuse(self) -> bool:
        """True if an outage of the store has to be answered in the place of the application, and still can be."""
        return self._reading.failure is not None and self._reading.fails and not self.started

    async def send(self, message: Message) -> None:
        if self.refused:
            return None
        if self.started or message["type"] not in _STARTS:
            return await self._send(message)
        if self.may_refuse:
            return await self.refuse(message["type"])
        self.started = True
        session, reading = self._session, self._reading
        # The application may have put another mapping into the scope, as Starlette allows.
        current = session if session.shadowed else self._scope.get("session")
        session.sealed = True
        if current is session and not session.accessed:
            return await self._send(message)
        headers = merge_vary(list(message.get("headers", ())), b"Cookie")
        try:
            if not reading.is_near:  # the application has replaced the session in the scope without accessing it
                await reading.read()
            session.fill()
            text = encode(session if current is session else dict(current or {}))
            if reading.failure is None and self._sessions.is_to_save(session, text, reading.record):
                cookie = await self._sessions.save_in_time(session, text, reading.record)
                if cookie is not None:
                    headers.append((b"set-cookie", cookie))
        except OSError:
            if reading.fails:
                return await self.refuse(message["type"])
        return await self._send({**message, "headers": headers})

    async def refuse(self, kind: str) -> None:
        """Answer 503 in the place of the application, and drop its messages from now on."""
        self.started = self.refused = True
        scope = {**self._scope, "type": "websocket"} if kind.startswith("websocket") else self._scope

        async def connect() -> Message:
            return {"type": "websocket.connect"}

        await reject(scope, connect, self._send, 503, "Service Unavailable", RETRY_LATER)
