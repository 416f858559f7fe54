"""The part that both clients share: their constructor, and what a handshake is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http.cookiejar import CookieJar
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

from .._options import Backend, ClientOptions, RaiseServerExceptions
from ..exceptions import WebSocketDisconnect
from .transport import WEBSOCKET

if TYPE_CHECKING:
    Cooperative: Any
else:
    Cooperative = object

SHARED = frozenset({"backend", "backend_options", "clock", "lifespan", "loop", "state"})  # by siblings
HTTPX_OPTIONS = frozenset({"auth", "params", "event_hooks", "default_encoding"})


class BaseClient(Cooperative):  # type: ignore[misc]
    """A class in front of the client of an httpx; `app_state` is the state of the lifespan."""

    __test__ = False
    library: ClassVar[ModuleType]
    transport_type: ClassVar[type[Any]]
    denial_response: ClassVar[type[Any]]
    websocket_disconnect: ClassVar[type[Exception]] = WebSocketDisconnect
    handshake_headers: ClassVar[Mapping[str, str]] = {
        "connection": "upgrade",
        "upgrade": "websocket",
        # Base64 of 16 bytes (RFC 6455 §4.1), since an application may check it.
        "sec-websocket-key": "dGhlIHRlc3QgY2xpZW50IQ==",
        "sec-websocket-version": "13",
    }

    def __init__(
        self,
        app: Any,
        base_url: Any = "http://testserver",
        raise_server_exceptions: RaiseServerExceptions = True,
        root_path: str = "",
        backend: Backend = "asyncio",
        backend_options: Mapping[str, Any] | None = None,
        cookies: Any = None,
        headers: Any = None,
        follow_redirects: bool = True,
        client: tuple[str, int] | None = ("testclient", 50000),
        **options: Unpack[ClientOptions],
    ) -> None:
        own: Any = {name: value for name, value in options.items() if name not in HTTPX_OPTIONS}
        self.app = app
        self.async_backend = {"backend": backend, "backend_options": dict(backend_options or {})}
        self._asgi = self.transport_type(
            app,
            raise_server_exceptions=raise_server_exceptions,
            root_path=root_path,
            backend=backend,
            backend_options=backend_options,
            client=client,
            **own,
        )
        self.app_state: dict[str, Any] = self._asgi.app_state
        own_headers = self.library.Headers(headers)
        own_headers.setdefault("user-agent", "testclient")
        super().__init__(
            transport=self._asgi,
            base_url=base_url,
            cookies=_copied(cookies),
            headers=own_headers,
            follow_redirects=follow_redirects,
            timeout=self._asgi.settings.timeout,
            **{name: value for name, value in options.items() if name in HTTPX_OPTIONS},
        )

    def sibling(self, **options: Any) -> Self:
        """Return another client of the same application, on this one's event loop and in its lifespan.

        It has cookies and headers of its own, and the options that it is given, except for those of the loop and the
        lifespan. Raises RuntimeError outside this client's block.
        """
        if not self._asgi.entered:
            raise RuntimeError("a sibling shares the lifespan of a client: make it inside the client's block")
        if fixed := sorted(SHARED & options.keys()):
            raise TypeError(f"a sibling has the other client's loop and lifespan: leave out {', '.join(fixed)}")
        other = type(self)(self.app, **options)
        other._asgi.join(self._asgi)
        other.app_state = self.app_state
        return other

    def _handshake(
        self, url: Any, subprotocols: Sequence[str] | None, options: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Return the request that opens a WebSocket, and the options it is sent with."""
        # As browsers do, whose handshake has the redirect mode "error" (WebSockets Standard).
        sending = {"follow_redirects": options.pop("follow_redirects", False)}
        if "auth" in options:
            sending["auth"] = options.pop("auth")
        headers = self.library.Headers(options.pop("headers", None))
        for name, value in self.handshake_headers.items():
            headers.setdefault(name, value)
        if subprotocols is not None:
            headers.setdefault("sec-websocket-protocol", ", ".join(subprotocols))
        offered = [name.strip() for name in headers.get("sec-websocket-protocol", "").split(",") if name.strip()]
        request = self.build_request("GET", self._web_url(url), headers=headers, **options)
        request.extensions = {**request.extensions, WEBSOCKET: offered}
        return request, sending

    def _web_url(self, url: Any) -> Any:
        """Return the URL with http or https for ws or wss, whose cookies and ports are the same."""
        address = self.library.URL(url)
        scheme = {"ws": "http", "wss": "https"}.get(address.scheme)
        return address.copy_with(scheme=scheme) if scheme else address


def _copied(cookies: Any) -> Any:
    """Return the cookies; a jar is copied, for httpx would write into it."""
    if not isinstance(cookies, CookieJar):
        return cookies
    jar = CookieJar()
    for cookie in cookies:
        jar.set_cookie(cookie)
    return jar
