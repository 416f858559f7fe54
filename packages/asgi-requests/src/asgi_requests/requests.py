"""A connection and a request, read from an ASGI scope and its `receive` when asked, and not before.

    from asgi_requests.requests import Request

    async def app(scope, receive, send):
        request = Request(scope, receive)
        body = f"{request.method} {request.url.path} {await request.json()}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, NoReturn, cast

from ._awaitable import AwaitableOrContextManager
from ._body import BODY_KEY, MISSING, Replay, SharedBody, shared_body
from ._types import Message, Receive, Scope, Send
from .cookies import cookie_parser
from .exceptions import ClientDisconnect, HTTPException
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
            self._headers = Headers(scope=self.scope)
        return self._headers

    @property
    def query_params(self) -> QueryParams:
        """The parameters of the query string."""
        if self._query_params is None:
            self._query_params = QueryParams(self.scope.get("query_string", b""))
        return self._query_params

    @property
    def path_params(self) -> dict[str, Any]:
        """The parameters that routing took from the path."""
        return cast("dict[str, Any]", self.scope.get("path_params", {}))

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name, of every Cookie header: HTTP/2 may send several (RFC 9113 §8.2.3)."""
        if self._cookies is None:
            self._cookies = cookie_parser("; ".join(self.headers.getlist("cookie")))
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
            raise RuntimeError(
                "The `url_for` method can only be used inside a Starlette application or with a router."
            )
        path = router.url_path_for(name, **path_params)
        if hasattr(path, "make_absolute_url"):
            return URL(str(path.make_absolute_url(base_url=self.base_url)))
        return self.base_url.replace(path=self.base_url.path.rstrip("/") + str(path))


class Request(HTTPConnection[StateT]):
    """An HTTP request; its body is read when asked for, once, and shared by every Request over the scope."""

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
        """The next message, first those that a look for a disconnect has taken."""
        return self._next_message

    async def _next_message(self) -> Message:
        shared: SharedBody | None = self.scope.get(BODY_KEY)
        return await (self._receive() if shared is None else shared.message(self._receive))

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body in chunks, an empty one last; the body itself where it has been read.

        Raises ClientDisconnect, and RuntimeError where the body has been streamed.
        """
        body = self.__dict__.get("_body")
        if body is None:
            shared = shared_body(self.scope)
            while shared.busy:
                await shared.turn()
            body = shared.body
        if body is not None:
            yield body
            yield b""
            return
        if not self._streaming or shared.consumed:
            shared.check_untouched()
        shared.streamed = self._streaming = True
        while not shared.consumed:
            message = await shared.message(self._receive)
            if message["type"] == "http.request":
                if not message.get("more_body", False):
                    shared.consumed = True
                if chunk := message.get("body", b""):
                    yield chunk
            elif message["type"] == "http.disconnect":
                raise ClientDisconnect()
        yield b""

    async def body(self) -> bytes:
        """The whole body; raises ClientDisconnect, and RuntimeError where it has been streamed elsewhere."""
        body: bytes | None = self.__dict__.get("_body")
        if body is None:
            if self._streaming or type(self).stream is not Request.stream:
                body = b"".join([chunk async for chunk in self.stream()])
            else:
                body = await shared_body(self.scope).read(self._receive)
            self._body = body
        return body

    async def json(self) -> Any:
        """The body as JSON; raises InvalidJSON, a json.JSONDecodeError that answers 400."""
        value = self.__dict__.get("_json", MISSING)
        if value is MISSING:
            body = await self.body()
            shared: SharedBody | None = self.scope.get(BODY_KEY)
            if shared is None or shared.body is not body:
                value = decode_json(body)
            else:
                if shared.json is MISSING:
                    shared.json = decode_json(body)
                value = shared.json
            self._json = value
        return value

    async def _get_form(
        self, *, max_files: int | float = 1000, max_fields: int | float = 1000, max_part_size: int = 1024 * 1024
    ) -> FormData:
        if self._form is None:
            content_type = self.headers.get("content-type", "").partition(";")[0].strip(" \t").lower()
            self._form = await self._parse_form(content_type, max_files, max_fields, max_part_size)
        return self._form

    async def _parse_form(
        self, content_type: str, max_files: int | float, max_fields: int | float, max_part_size: int
    ) -> FormData:
        if content_type not in ("multipart/form-data", "application/x-www-form-urlencoded"):
            return FormData()
        from .forms import FormParser, MultiPartException, MultiPartParser

        try:
            if content_type == "multipart/form-data":
                return await MultiPartParser(
                    self.headers,
                    self.stream(),
                    max_files=max_files,
                    max_fields=max_fields,
                    max_part_size=max_part_size,
                ).parse()
            return await FormParser(
                self.headers, self.stream(), max_fields=max_fields, max_part_size=max_part_size
            ).parse()
        except MultiPartException as exc:
            raise HTTPException(status_code=400, detail=exc.message) from exc

    def form(
        self, *, max_files: int | float = 1000, max_fields: int | float = 1000, max_part_size: int = 1024 * 1024
    ) -> AwaitableOrContextManager[FormData]:
        """The form, to await, or to enter so that its files are closed at the end; sizes are in bytes.

        Raises HTTPException (400) for a form that is malformed or beyond a limit.
        """
        return AwaitableOrContextManager(
            self._get_form(max_files=max_files, max_fields=max_fields, max_part_size=max_part_size)
        )

    async def close(self) -> None:
        """Close the files of the form, if it was read."""
        if self._form is not None:
            await self._form.close()

    async def is_disconnected(self) -> bool:
        """Whether the client is known to have left; no chunk of the body is lost by asking."""
        return await shared_body(self.scope).look(self._receive)

    async def replay(self, *, max_size: int = 1024 * 1024) -> Receive:
        """A `receive` for another application, that hands out the body read here, then what the server has to say.

        `max_size` is in bytes; raises HTTPException (413) beyond it, and what `body()` raises.
        """
        shared = shared_body(self.scope)
        return replay_receive(await shared.read(self._receive, max_size), self.receive)

    async def send_push_promise(self, path: str) -> None:
        """Have the server push a path (HTTP/2), where it can."""
        if "http.response.push" in (self.scope.get("extensions") or ()):
            headers = [
                (name.encode("latin-1"), value.encode("latin-1"))
                for name in SERVER_PUSH_HEADERS_TO_COPY
                for value in self.headers.getlist(name)
            ]
            await self._send({"type": "http.response.push", "path": path, "headers": headers})

    async def send_early_hints(self, link: str, /, *additional_links: str) -> None:
        """Send 103 with Link header values ahead of the response (RFC 8297), where the server can."""
        if "http.response.early_hint" in (self.scope.get("extensions") or ()):
            links = [value.encode("latin-1") for value in (link, *additional_links)]
            await self._send({"type": "http.response.early_hint", "links": links})


def replay_receive(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands out `body` as one message and from then on is `receive`."""
    return Replay(body, receive)


class InvalidJSON(HTTPException, json.JSONDecodeError):
    """A body that is not JSON: a json.JSONDecodeError to those who catch it, left alone an answer of 400."""

    def __init__(self, msg: str, doc: str, pos: int) -> None:
        json.JSONDecodeError.__init__(self, msg, doc, pos)
        HTTPException.__init__(self, 400, f"Invalid JSON: {msg} (line {self.lineno}, column {self.colno})")

    __str__ = json.JSONDecodeError.__str__

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.msg, self.doc, self.pos)


def decode_json(body: bytes) -> Any:
    """JSON in UTF-8, UTF-16 or UTF-32; raises InvalidJSON, for what is no text and what is nested too deep as well."""
    try:
        return json.loads(body)
    except json.JSONDecodeError as exc:
        raise InvalidJSON(exc.msg, exc.doc, exc.pos) from None
    except (ValueError, RecursionError) as exc:
        raise InvalidJSON(str(exc), body.decode("utf-8", "replace"), 0) from exc
