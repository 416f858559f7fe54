"""The parts of a connection that requests and WebSockets share, each built from the scope when it is first read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, cast

from .._fields import scope_headers
from ..cookies import cookie_parser
from ..headers import Headers
from ..multidict import QueryParams
from ..state import State
from ..types import Receive, Scope
from ..urls import URL, Address

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    StateT = TypeVar("StateT", bound=Mapping[str, Any] | State, default=State)
else:
    from typing import TypeVar

    StateT = TypeVar("StateT", bound=Mapping[str, Any] | State)


if TYPE_CHECKING:
    _Mapping = Mapping[str, Any]
else:

    class _Mapping:
        """The methods of a mapping, without the metaclass of Mapping: it makes each object at twice the cost."""

        get, keys, items, values = Mapping.get, Mapping.keys, Mapping.items, Mapping.values
        __contains__ = Mapping.__contains__

    Mapping.register(_Mapping)


class HTTPConnection(_Mapping, Generic[StateT]):
    """A mapping over the scope, and the parts of a connection, built when they are first read."""

    # The parts are kept in attributes named as Starlette's: code that changes the scope deletes them.
    _url: URL
    _base_url: URL
    _headers: Headers
    _query_params: QueryParams
    _cookies: dict[str, str]
    _state: State

    def __init__(self, scope: Scope, receive: Receive | None = None) -> None:
        assert scope["type"] in ("http", "websocket")
        self.scope = scope

    def __getitem__(self, key: str) -> Any:
        return self.scope[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scope)

    def __len__(self) -> int:
        return len(self.scope)

    # Compared by identity: a mapping would compare the scopes.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def app(self) -> Any:
        """The application, where a framework set it."""
        return self.scope["app"]

    @property
    def url(self) -> URL:
        """The URL that was requested."""
        url = getattr(self, "_url", None)
        if url is None:
            url = self._url = URL(scope=self.scope)
        return url

    @property
    def base_url(self) -> URL:
        """The URL of the application's root, with a slash at its end."""
        url = getattr(self, "_base_url", None)
        if url is None:
            path = self.scope.get("app_root_path", self.scope.get("root_path", ""))
            root = {**self.scope, "path": path if path[-1:] == "/" else path + "/", "query_string": b""}
            url = self._base_url = URL(scope=root)
        return url

    @property
    def headers(self) -> Headers:
        """The headers."""
        headers = getattr(self, "_headers", None)
        if headers is None:
            raw = self.scope.get("headers")
            headers = self._headers = Headers.from_raw(raw if type(raw) is list else scope_headers(self.scope))
        return headers

    @property
    def query_params(self) -> QueryParams:
        """The parameters of the query string."""
        params = getattr(self, "_query_params", None)
        if params is None:
            text = self.scope.get("query_string", b"")
            if type(text) is not str:
                text = text.decode("latin-1")
            params = self._query_params = QueryParams.from_query_string(text)
        return params

    @property
    def path_params(self) -> dict[str, Any]:
        """The parameters that routing took from the path."""
        params: dict[str, Any] = self.scope.get("path_params", {})
        return params

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name, of every Cookie header: HTTP/2 may send several (RFC 9113 §8.2.3)."""
        cookies = getattr(self, "_cookies", None)
        if cookies is None:
            headers = self.scope.get("headers")
            if type(headers) is not list:
                headers = scope_headers(self.scope)
            header = b"; ".join([value for name, value in headers if len(name) == 6 and name.lower() == b"cookie"])
            cookies = self._cookies = cookie_parser(header.decode("latin-1")) if header else {}
        return cookies

    @property
    def client(self) -> Address | None:
        """The client's address, where the server knows it."""
        client = self.scope.get("client")
        return None if client is None else Address(*client)

    @property
    def session(self) -> dict[Any, Any]:
        """The session; raises AssertionError without a session middleware.

        A session that counts its accesses is notified here: encoders in C do not call the methods of a dictionary.
        """
        assert "session" in self.scope, "SessionMiddleware must be installed to access request.session"
        session = self.scope["session"]
        if hasattr(session, "mark_accessed"):
            session.mark_accessed()
        return cast("dict[Any, Any]", session)

    @property
    def auth(self) -> Any:
        """The credentials; raises AssertionError without an authentication middleware."""
        assert "auth" in self.scope, "AuthenticationMiddleware must be installed to access request.auth"
        return self.scope["auth"]

    @property
    def user(self) -> Any:
        """The user; raises AssertionError without an authentication middleware."""
        assert "user" in self.scope, "AuthenticationMiddleware must be installed to access request.user"
        return self.scope["user"]

    @property
    def state(self) -> StateT:
        """State for this request, over what the lifespan left in the scope; the same for every Request over it."""
        state = getattr(self, "_state", None)
        if state is None:
            state = self._state = State(self.scope.setdefault("state", {}))
        return cast("StateT", state)

    def url_for(self, name: str, /, **path_params: Any) -> URL:
        """Return the absolute URL of a route; raises RuntimeError without a router, and what the router raises.

        Routers of asgi-routing take `query={...}` and `fragment="..."` too.
        """
        router = self.scope.get("router") or self.scope.get("app")
        if router is None:
            raise RuntimeError("The `url_for` method can only be used inside a Starlette application or with a router.")
        path = router.url_path_for(name, **path_params)
        if hasattr(path, "make_absolute_url"):
            return URL(str(path.make_absolute_url(base_url=self.base_url)))
        return URL(str(self.base_url).rstrip("/") + str(path))
