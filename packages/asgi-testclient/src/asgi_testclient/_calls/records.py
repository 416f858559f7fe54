"""The ASGI side of an exchange, as tests see it in `response.asgi`."""

from __future__ import annotations

from typing import Any

from ..exceptions import Violation
from ..types import Message, Scope
from .http import HTTPCall, RawHeaders


class BaseRecord:
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
