"""HTTPConnection and Request: what a scope says, built when it is read."""

from __future__ import annotations

import contextlib

import anyio
import pytest

from asgi_requests.exceptions import ClientDisconnect
from asgi_requests.headers import Headers
from asgi_requests.multidict import QueryParams
from asgi_requests.requests import HTTPConnection, InvalidJSON, Request, empty_receive, empty_send
from asgi_requests.state import State
from asgi_requests.urls import URL
from raw_asgi import garbage_of, http_scope, websocket_scope


def request(**scope):
    return Request(http_scope(**scope))


def test_a_request_is_a_mapping_over_its_scope():
    scope = http_scope()
    connection = HTTPConnection(scope)
    assert connection["type"] == "http"
    assert list(connection) == list(scope)
    assert len(connection) == len(scope)
    assert "method" in connection
    assert connection.scope is scope


def test_requests_are_equal_by_identity():
    scope = http_scope()
    one, two = Request(scope), Request(scope)
    assert one == one
    assert one != two
    assert len({one, two}) == 2


def test_a_request_is_http_and_a_connection_websocket_too():
    HTTPConnection(websocket_scope())
    with pytest.raises(AssertionError):
        Request(websocket_scope())
    with pytest.raises(AssertionError):
        HTTPConnection({"type": "lifespan"})


def test_the_parts_of_a_request():
    read = request(
        method="POST",
        path="/a",
        query=b"b=1",
        headers=[(b"host", b"h"), (b"cookie", b"c=2")],
        path_params={"id": 3},
        session={"s": 4},
        auth="auth",
        user="user",
        app="app",
    )
    assert read.method == "POST"
    assert isinstance(read.url, URL)
    assert read.url == "http://h/a?b=1"
    assert isinstance(read.headers, Headers)
    assert read.headers["host"] == "h"
    assert isinstance(read.query_params, QueryParams)
    assert read.query_params["b"] == "1"
    assert read.cookies == {"c": "2"}
    assert read.path_params == {"id": 3}
    assert (read.client.host, read.client.port) == ("127.0.0.1", 50000)
    assert (read.session, read.auth, read.user, read.app) == ({"s": 4}, "auth", "user", "app")


@pytest.mark.parametrize("part", ["url", "base_url", "headers", "query_params", "cookies", "state"])
def test_a_part_is_built_once_and_cannot_be_assigned(part):
    read = request()
    assert getattr(read, part) is getattr(read, part)
    with pytest.raises(AttributeError):
        setattr(read, part, None)


def test_a_scope_may_leave_out_what_is_optional():
    read = Request({"type": "http", "path": "/"})
    assert read.headers.raw == []
    assert read.query_params.multi_items() == []
    assert read.path_params == {}
    assert read.client is None
    assert read.url == "/"
    assert read.base_url == "/"
    assert request(client=None).client is None
    assert request(client=["::1", 1]).client.host == "::1"


def test_headers_from_an_iterator_are_read_more_than_once():
    scope = http_scope()
    scope["headers"] = iter([(b"host", b"h"), (b"cookie", b"a=1")])
    read = Request(scope)
    assert read.cookies == {"a": "1"}
    assert read.headers["host"] == "h"
    assert read.url == "http://h/"


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("session", "SessionMiddleware must be installed to access request.session"),
        ("auth", "AuthenticationMiddleware must be installed to access request.auth"),
        ("user", "AuthenticationMiddleware must be installed to access request.user"),
    ],
)
def test_a_missing_middleware_is_named(part, message):
    with pytest.raises(AssertionError) as caught:
        getattr(request(), part)
    assert str(caught.value) == message


def test_a_missing_application_is_a_key_error():
    with pytest.raises(KeyError, match="app"):
        request().app


def test_state_lies_over_the_state_of_the_scope():
    scope = http_scope(state={"db": 1})
    read = Request(scope)
    assert isinstance(read.state, State)
    read.state.user = "ada"
    assert read.state["db"] == 1
    assert scope["state"] == {"db": 1, "user": "ada"}
    del scope["state"]
    Request(scope).state.x = 1
    assert scope["state"] == {"x": 1}


def test_a_request_is_generic_in_its_state():
    assert Request[State](http_scope()).method == "GET"
    assert HTTPConnection[dict](http_scope())["method"] == "GET"


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"path": "/x", "query": b"a=1"}, "http://testserver/"),
        ({"path": "/r/x", "root_path": "/r"}, "http://testserver/r/"),
        ({"path": "/r/x", "root_path": "/r/"}, "http://testserver/r/"),
        ({"path": "/r/m/x", "root_path": "/r/m", "app_root_path": "/r"}, "http://testserver/r/"),
    ],
)
def test_the_base_url_is_that_of_the_application(scope, expected):
    assert request(**scope).base_url == expected


class Router:
    def __init__(self, answer):
        self.answer = answer
        self.asked = None

    def url_path_for(self, name, /, **params):
        self.asked = (name, params)
        return self.answer


class Path(str):
    __slots__ = ()

    def make_absolute_url(self, base_url):
        return f"https://absolute.example{self}?base={base_url}"


def test_url_for_asks_the_router_and_joins_what_it_says():
    router = Router("/items/7")
    read = request(root_path="/r", router=router, headers=[(b"host", b"h")], query=b"a=1")
    url = read.url_for("item", id=7, name="x")
    assert isinstance(url, URL)
    assert url == "http://h/r/items/7"
    assert router.asked == ("item", {"id": 7, "name": "x"})


def test_url_for_keeps_the_query_of_what_a_router_says():
    read = request(root_path="/r", router=Router("/items/7?tag=a#top"), headers=[(b"host", b"h")], query=b"a=1")
    assert read.url_for("item") == "http://h/r/items/7?tag=a#top"


def test_url_for_lets_a_path_make_itself_absolute():
    url = request(app=Router(Path("/x")), router=None).url_for("x")
    assert isinstance(url, URL)
    assert url == "https://absolute.example/x?base=http://testserver/"


def test_url_for_needs_a_router():
    with pytest.raises(RuntimeError, match="can only be used inside a Starlette application or with a router"):
        request().url_for("x")


async def test_a_request_without_channels_raises():
    with pytest.raises(RuntimeError, match="Receive channel has not been made available"):
        await request().body()
    with pytest.raises(RuntimeError, match="Receive channel has not been made available"):
        await request().is_disconnected()
    with pytest.raises(RuntimeError, match="Send channel has not been made available"):
        await request(extensions={"http.response.push": {}}).send_push_promise("/x")
    with pytest.raises(RuntimeError, match="Receive channel"):
        await empty_receive()
    with pytest.raises(RuntimeError, match="Send channel"):
        await empty_send({})


HEADERS = [(b"accept", b"x"), (b"cookie", b"secret"), (b"user-agent", b"u"), (b"accept", b"y")]


def sender(**scope):
    sent = []

    async def send(message):
        sent.append(message)

    return Request(http_scope(headers=HEADERS, **scope), send=send), sent


async def test_a_push_promise_copies_the_headers_a_path_depends_on():
    read, sent = sender(extensions={"http.response.push": {}})
    await read.send_push_promise("/é.css")
    headers = [(b"accept", b"x"), (b"accept", b"y"), (b"user-agent", b"u")]
    assert sent == [{"type": "http.response.push", "path": "/é.css", "headers": headers}]
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        await read.send_push_promise("/a\r\nb")


async def test_early_hints_are_links():
    read, sent = sender(extensions={"http.response.early_hint": {}})
    await read.send_early_hints("</a>; rel=preload", "</b>")
    assert sent == [{"type": "http.response.early_hint", "links": [b"</a>; rel=preload", b"</b>"]}]
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        await read.send_early_hints("</a>", "</b>\r\nset-cookie: x")
    assert len(sent) == 1


@pytest.mark.parametrize("extensions", [{}, None, {"other": {}}])
async def test_a_server_that_offers_neither_is_asked_for_neither(extensions):
    read, sent = sender(extensions=extensions)
    await read.send_push_promise("/x")
    await read.send_early_hints("</x>")
    assert sent == []


async def test_a_request_leaves_no_reference_cycle():
    async def receive():
        return {"type": "http.request", "body": b'{"a": 1}', "more_body": False}

    async def serve():
        scope = http_scope(headers=[(b"host", b"h"), (b"cookie", b"a=1")], query=b"a=1")
        read = Request(scope, receive)
        for name in ("url", "base_url", "headers", "query_params", "cookies", "state", "client"):
            assert getattr(read, name) is not None
        assert await read.json() == {"a": 1}
        assert await (await read.replay())()
        assert await Request(dict(scope), receive).body()
        assert [chunk async for chunk in Request(scope).stream()]

    assert await garbage_of(serve) == 0


async def quiet():
    await anyio.sleep_forever()


async def gone():
    return {"type": "http.disconnect"}


async def broken():
    raise OSError("broken")


async def unreadable():
    return {"type": "http.request", "body": b"{"}


@pytest.mark.parametrize(
    ("receive", "method", "error"),
    [
        (quiet, "is_disconnected", None),
        (gone, "is_disconnected", None),
        (broken, "is_disconnected", OSError),
        (broken, "body", OSError),
        (gone, "body", ClientDisconnect),
        (unreadable, "json", InvalidJSON),
    ],
)
async def test_neither_a_question_nor_an_error_leaves_a_reference_cycle(receive, method, error):
    async def serve():
        with pytest.raises(error) if error else contextlib.nullcontext():
            await getattr(Request(http_scope(), receive), method)()

    assert await garbage_of(serve) == 0


def test_the_parts_are_attributes_that_can_be_deleted():
    request = Request(http_scope(headers=[(b"x", b"1"), (b"cookie", b"a=1")], query=b"q=1"))
    for part, get in {
        "_headers": lambda: request.headers["x"],
        "_query_params": lambda: request.query_params["q"],
        "_cookies": lambda: request.cookies["a"],
        "_url": lambda: request.url.query[-1],
    }.items():
        assert not hasattr(request, part)
        assert get() == "1"
        assert hasattr(request, part)
    request.scope["headers"] = [(b"x", b"2")]
    del request._headers
    assert request.headers["x"] == "2"


def test_a_query_string_may_be_text():
    request = Request({"type": "http", "query_string": "a=1&b=%C3%A9", "path": "/", "headers": [(b"host", b"x")]})
    assert dict(request.query_params) == {"a": "1", "b": "é"}
    assert str(request.url) == "http://x/?a=1&b=%C3%A9"


def test_state_is_the_same_for_every_request_over_a_scope():
    scope = http_scope()
    del scope["state"]
    Request(scope).state.user = "ada"
    assert Request(scope).state.user == HTTPConnection(scope).state.user == scope["state"]["user"] == "ada"


def test_a_session_that_counts_its_accesses_is_notified():
    class Session(dict):
        accessed = 0

        def mark_accessed(self):
            self.accessed += 1

    session = Session()
    assert Request(http_scope(session=session)).session is session
    assert session.accessed == 1
