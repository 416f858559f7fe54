"""The test client, as patient and as tolerant as Starlette's."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal, Self

import asgi_testclient
from asgi_requests.websockets import WebSocketDisconnect

from .. import testclient
from ..types import ASGIApp

_NOT_OFFERED = ("http.response.early_hint", "http.response.pathsend", "http.response.zerocopysend")
_TOLERANT = {"strict": "off", "timeout": None, "record": False, "extensions": dict.fromkeys(_NOT_OFFERED)}


class WebSocketTestSession(asgi_testclient.WebSocketTestSession):
    """One WebSocket; it raises whatever the application did not catch, be it the WebSocketDisconnect of its end."""

    __test__ = False

    def __enter__(self) -> Self:
        try:
            return super().__enter__()
        except WebSocketDisconnect as refusal:
            self._raise_uncaught(refusal)
            raise

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(exc_type, exc, traceback)
        if exc is None:
            self._raise_uncaught(None)

    def _raise_uncaught(self, cause: BaseException | None) -> None:
        if isinstance(self.app_exception, Exception):
            raise self.app_exception from cause


class WebSocketDenialResponse(asgi_testclient.WebSocketDenialResponse):
    """The response a handshake was denied with; its `code` is that of the close it stands for."""

    @classmethod
    def of(cls, response: Any, body: Any) -> Self:
        """The same response once more, as an exception."""
        denial = super().of(response, body)
        denial.code, denial.reason = 1000, ""
        return denial


class TestClient(testclient.TestClient):
    """A test client that checks no messages and waits for ever, unless it is told to (`strict`, `timeout`).

    It offers applications the extensions that Starlette's offers. All options of asgi-testclient's may be named.
    """

    __test__ = False
    session_type = WebSocketTestSession
    denial_response = WebSocketDenialResponse

    def __init__(
        self,
        app: ASGIApp,
        base_url: str = "http://testserver",
        raise_server_exceptions: bool = True,
        root_path: str = "",
        backend: Literal["asyncio", "trio"] = "asyncio",
        backend_options: dict[str, Any] | None = None,
        cookies: Any = None,
        headers: Mapping[str, str] | None = None,
        follow_redirects: bool = True,
        client: tuple[str, int] | None = ("testclient", 50000),
        **options: Any,
    ) -> None:
        options = {**_TOLERANT, **options}
        super().__init__(
            app,
            base_url,
            raise_server_exceptions,
            root_path,
            backend,
            backend_options,
            cookies,
            headers,
            follow_redirects,
            client,
            **options,
        )
