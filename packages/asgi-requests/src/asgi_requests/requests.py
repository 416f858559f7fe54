"""A connection and a request, read from an ASGI scope and its `receive` when asked, and not before.

from asgi_requests.requests import Request

async def app(scope, receive, send):
    request = Request(scope, receive)
    body = f"{request.method} {request.url.path} {await request.json()}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, NoReturn, cast

from ._awaitable import AwaitableOrContextManager
from ._body import BODY_KEY, MISSING, Replay, SharedBody, shared_body
from ._fields import encode_value, find_all, refuse_line_breaks, scope_headers
from ._jsonbody import InvalidJSON, decode_json
from ._types import Message, Receive, Scope, Send
from .cookies import cookie_parser
from .exceptions import ClientDisconnect
from .headers import Headers
from .multidict import FormData, QueryParams
from .state import State
from .urls import URL, Address

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    StateT = TypeVar("StateT", bound=Mapping[str, Any] | State, default=State)
else:
    from typing import TypeVar

    StateT = TypeVar("StateT", bound=Mapping[str, Any] | State)

__all__ = [
    "SERVER_PUSH_HEADERS_TO_COPY",
    "ClientDisconnect",
    "HTTPConnection",
    "InvalidJSON",
    "Request",
    "StateT",
    "cookie_parser",
    "empty_receive",
    "empty_send",
    "replay_receive",
]

SERVER_PUSH_HEADERS_TO_COPY = {"accept", "accept-encoding", "accept-language", "cache-control", "user-agent"}


async def empty_receive() -> NoReturn:
    """The `receive` of a request that was given none; raises RuntimeError."""
    raise RuntimeError("Receive channel has not been made available")


async def empty_send(message: Message) -> NoReturn:
    """The `send` of a request that was given none; raises RuntimeError."""
    raise RuntimeError("Send channel has not been made available")


class HTTPConnection(Mapping[str, Any], Generic[StateT]):
    """What a request and a WebSocket have in common: a mapping over the scope, and its parts, built when first read."""

    _url: URL | None = None
    _base_url: URL | None = None
    _headers: Headers | None = None
    _query_params: QueryParams | None = None
    _cookies: dict[str, str] | None = None
    _state: State | None = None

    def __init__(self, scope: Scope, receive: Receive | None = None) -> None:
        assert scope["type"] in ("http", "websocket")
        self.scope = scope

    def __getitem__(self, key: str) -> Any:
        return self.scope[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scope)

    def __len__(self) -> int:
        return len(self.scope)

    # Two requests are never the same, whatever their scopes hold.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def app(self) -> Any:
        """The application, where a framework set it."""
        return self.scope["app"]

    @property
    def url(self) -> URL:
        """The URL that was requested."""
        if self._url is None:
            self._url = URL(scope=self.scope)
        return self._url

    @property
    def base_url(self) -> URL:
        """The URL of the application's root, with a slash at its end."""
        if self._base_url is None:
            path = self.scope.get("app_root_path", self.scope.get("root_path", ""))
            root = {**self.scope, "path": path if path[-1:] == "/" else path + "/", "query_string": b""}
            self._base_url = URL(scope=root)
        return self._base_url

    @property
    def headers(self) -> Headers:
        """The headers."""
        if self._headers is None:
            headers = self.scope.get("headers")
            self._headers = Headers(None, headers if type(headers) is list else scope_headers(self.scope))
        return self._headers

    @property
    def query_params(self) -> QueryParams:
        """The parameters of the query string."""
        if self._query_params is None:
            self._query_params = QueryParams.from_scope(self.scope)
        return self._query_params

    @property
    def path_params(self) -> dict[str, Any]:
        """The parameters that routing took from the path."""
        return cast("dict[str, Any]", self.scope.get("path_params", {}))

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name, of every Cookie header: HTTP/2 may send several (RFC 9113 §8.2.3)."""
        if self._cookies is None:
            headers = scope_headers(self.scope)
            lines = []
            for name, value in headers:
                if name == b"cookie":
                    lines.append(value)
            header = b"; ".join(lines or find_all(headers, b"cookie"))
            self._cookies = cookie_parser(header.decode("latin-1")) if header else {}
        return self._cookies

    @property
    def client(self) -> Address | None:
        """The client's address, where the server knows it."""
        client = self.scope.get("client")
        return None if client is None else Address(*client)

    @property
    def session(self) -> dict[Any, Any]:
        """The session; raises AssertionError without a session middleware."""
        assert "session" in self.scope, "SessionMiddleware must be installed to access request.session"
        return cast("dict[Any, Any]", self.scope["session"])

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
        """State for this request, over what the lifespan left in the scope."""
        if self._state is None:
            self._state = State(self.scope.setdefault("state", {}))
        return cast("StateT", self._state)

    def url_for(self, name: str, /, **path_params: Any) -> URL:
        """The absolute URL of a route; raises RuntimeError without a router, and what the router raises."""
        router = self.scope.get("router") or self.scope.get("app")
        if router is None:
            raise RuntimeError("The `url_for` method can only be used inside a Starlette application or with a router.")
        path = router.url_path_for(name, **path_params)
        if hasattr(path, "make_absolute_url"):
            return URL(str(path.make_absolute_url(base_url=self.base_url)))
        return self.base_url.replace(path=self.base_url.path.rstrip("/") + str(path))


class Request(HTTPConnection[StateT]):
    """An HTTP request; its body is read when asked for, once, and shared by every Request over the scope.

    A middleware that changes the body takes the key `asgi_requests.body` out of the scope it hands on.
    """

    _form: FormData | None = None
    _streaming = False

    def __init__(self, scope: Scope, receive: Receive = empty_receive, send: Send = empty_send) -> None:
        assert scope["type"] == "http"
        self.scope = scope
        self._receive = receive
        self._send = send

    @property
    def method(self) -> str:
        """The method, as it was sent."""
        return cast("str", self.scope["method"])

    @property
    def receive(self) -> Receive:
        """The next message, beginning with those that a look for a disconnect has come upon."""
        return self._next_message

    async def _next_message(self) -> Message:
        return await shared_body(self.scope).hand_out(self._receive)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body in chunks and an empty one at the end; the body in one piece where it has been read.

        Raises ClientDisconnect, and RuntimeError where the body has been streamed or is being streamed elsewhere.
        """
        shared = shared_body(self.scope)
        body = self.__dict__.get("_body")
        if body is None:
            while shared.reading not in (None, self):
                await shared.change()
            body = shared.body
        if body is not None:
            yield body
        else:
            if not self._streaming or shared.consumed:
                shared.refuse_streamed()
            shared.streamed = self._streaming = True
            while not shared.consumed:
                message = await shared.message(self._receive)
                if message["type"] == "http.request":
                    shared.consumed = not message.get("more_body", False)
                    if chunk := message.get("body", b""):
                        yield chunk
                elif message["type"] == "http.disconnect":
                    raise ClientDisconnect()
        yield b""

    async def body(self) -> bytes:
        """The whole body, or what this request's own stream has left of it.

        Raises ClientDisconnect, and RuntimeError where the body has been streamed.
        """
        body: bytes | None = self.__dict__.get("_body")
        if body is None:
            if self._streaming or type(self).stream is not Request.stream:
                body = b"".join([chunk async for chunk in self.stream()])
            else:
                body = await shared_body(self.scope).read(self._receive)
            self._body = body
        return body

    async def json(self) -> Any:
        """The body as JSON; raises InvalidJSON, a json.JSONDecodeError that answers 400, and what `body()` raises."""
        if "_json" not in self.__dict__:
            body = await self.body()
            shared: SharedBody | None = self.scope.get(BODY_KEY)
            if shared is None or shared.body is not body:
                self._json = decode_json(body)
            else:
                if shared.json is MISSING:
                    shared.json = decode_json(body)
                self._json = shared.json
        return self._json

    def form(
        self, *, max_files: int | float = 1000, max_fields: int | float = 1000, max_part_size: int = 1024 * 1024
    ) -> AwaitableOrContextManager[FormData]:
        """The form, to await, or to enter so that its files are closed at the end; sizes are in bytes.

        The limits of the first to ask hold. Raises MultiPartException, an HTTPException (400), for a form that is
        malformed or beyond a limit, and RuntimeError where the body has been streamed.
        """
        coroutine = self._get_form(max_files=max_files, max_fields=max_fields, max_part_size=max_part_size)
        return AwaitableOrContextManager(coroutine, self.close)

    async def _get_form(
        self, *, max_files: int | float = 1000, max_fields: int | float = 1000, max_part_size: int = 1024 * 1024
    ) -> FormData:
        if self._form is None:
            shared = shared_body(self.scope)
            own: bytes | None = self.__dict__.get("_body")
            if type(self).stream is not Request.stream or (own is not None and own is not shared.body):
                self._form = await self._parse_form(max_files, max_fields, max_part_size)
            else:
                self._form = await self._shared_form(shared, max_files, max_fields, max_part_size)
        return self._form

    async def _shared_form(
        self, shared: SharedBody, max_files: int | float, max_fields: int | float, max_part_size: int
    ) -> FormData:
        while shared.reading is not None:
            await shared.change()
        if shared.form is None:
            if shared.body is None:
                shared.refuse_streamed()
            shared.reading = self
            try:
                shared.form = await self._parse_form(max_files, max_fields, max_part_size)
            finally:
                shared.reading = None
                shared.wake()
        return shared.form

    async def _parse_form(self, max_files: int | float, max_fields: int | float, max_part_size: int) -> FormData:
        content_type = self.headers.get("content-type", "").partition(";")[0].strip(" \t").lower()
        if content_type == "multipart/form-data":
            from .forms import MultiPartParser

            return await MultiPartParser(
                self.headers,
                self.stream(),
                max_files=max_files,
                max_fields=max_fields,
                max_part_size=max_part_size,
            ).parse()
        if content_type == "application/x-www-form-urlencoded":
            from .forms import FormParser

            return await FormParser(
                self.headers, self.stream(), max_fields=max_fields, max_part_size=max_part_size
            ).parse()
        return FormData()

    async def close(self) -> None:
        """Close the files of the form, if it was read; another Request may parse it anew from a body in memory."""
        if self._form is not None:
            await self._form.close()
            shared = shared_body(self.scope)
            if shared.form is self._form and shared.body is not None:
                shared.form = None

    async def is_disconnected(self) -> bool:
        """Whether the client is known to have left; what it sent before stays to be read.

        Looks past at most 64 KiB of a body that nobody has read yet.
        """
        return await shared_body(self.scope).disconnected(self._receive)

    async def replay(self, *, max_size: int = 1024 * 1024) -> Receive:
        """A `receive` to hand to another application: the body, read here and kept, then what the server has to say.

        `max_size` is in bytes; raises HTTPException (413) for a larger body, and what `body()` raises.
        """
        body = await shared_body(self.scope).read(self._receive, max_size)
        return replay_receive(body, self.receive)

    async def send_push_promise(self, path: str) -> None:
        """Have the server push a path (RFC 9113 §8.4), where it offers to; raises ValueError for CR, LF or NUL."""
        if "http.response.push" in (self.scope.get("extensions") or ()):
            refuse_line_breaks(path)
            headers = [
                (name.encode("latin-1"), value.encode("latin-1"))
                for name in sorted(SERVER_PUSH_HEADERS_TO_COPY)
                for value in self.headers.getlist(name)
            ]
            await self._send({"type": "http.response.push", "path": path, "headers": headers})

    async def send_early_hints(self, link: str, /, *additional_links: str) -> None:
        """Send Link header values ahead of the response (103, RFC 8297), where the server offers to.

        Raises ValueError for CR, LF or NUL in one.
        """
        if "http.response.early_hint" in (self.scope.get("extensions") or ()):
            links = [encode_value(value) for value in (link, *additional_links)]
            await self._send({"type": "http.response.early_hint", "links": links})


def replay_receive(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands out `body` in one message and from then on is `receive`; it invents no disconnect."""
    return Replay(body, receive)
