"""The test client under Starlette's name: what its users see is what Starlette's shows them."""

from __future__ import annotations

import asyncio
import functools
import threading
from http.cookiejar import CookieJar

import anyio
import pytest

from asgi_framework import (
    App,
    BackgroundTask,
    JSONResponse,
    Middleware,
    PlainTextResponse,
    Response,
    Route,
    StreamingResponse,
    WebSocketRoute,
)

pytest.importorskip("asgi_testclient")

pytestmark = pytest.mark.usefixtures("starlette")


@pytest.fixture(params=["asyncio", "trio"])
def client_of(request):
    from starlette.testclient import TestClient

    return functools.partial(TestClient, backend=request.param)


@pytest.fixture
def plain_client_of(starlette):
    from starlette.testclient import TestClient

    return TestClient


def sending(*messages):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    return app


def start(**extra):
    return {"type": "http.response.start", "status": 200, "headers": [], **extra}


def body(content=b"", **extra):
    return {"type": "http.response.body", "body": content, **extra}


def trailers(**extra):
    return {"type": "http.response.trailers", "headers": [(b"x-one", b"1")], **extra}


class Endless:
    """An application that goes on forever, and records how it ended."""

    def __init__(self):
        self.ended = threading.Event()
        self.cleaned_up = False

    async def __call__(self, scope, receive, send):
        try:
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.accept"})
            else:
                await send(start())
                await send(body(b"one", more_body=True))
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.01)
            self.cleaned_up = True
            raise
        finally:
            self.ended.set()


def test_leaving_a_stream_cancels_the_application_at_once_and_silently(client_of):
    app = Endless()
    with client_of(app).stream("GET", "/") as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"one"
        assert not app.ended.is_set()
    assert app.ended.is_set()
    assert app.cleaned_up


def test_leaving_a_websocket_cancels_the_application_at_once_and_silently(client_of):
    app = Endless()
    with client_of(app).websocket_connect("/"):
        assert not app.ended.is_set()
    assert app.ended.is_set()


def test_leaving_the_client_ends_the_streams_that_are_open(client_of):
    app = Endless()
    client = client_of(app, lifespan="off")
    with client:
        response = client.send(client.build_request("GET", "/"), stream=True)
        chunks = response.iter_raw()
        assert next(chunks) == b"one"
    assert app.ended.is_set()


def test_a_websocket_that_hears_of_the_close_ends_by_itself(client_of):
    heard = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        message = await receive()
        for _ in range(5):
            await anyio.sleep(0)
        heard.append(message)

    with client_of(app).websocket_connect("/"):
        pass
    assert heard == [{"type": "websocket.disconnect", "code": 1000, "reason": ""}]


async def fail():
    raise RuntimeError("background failure")


async def failing_later(request):
    return Response(b"hello", background=BackgroundTask(fail))


def test_a_failure_in_the_background_is_raised(client_of):
    with pytest.raises(RuntimeError, match="^background failure$"):
        client_of(App(routes=[Route("/", failing_later)])).get("/")


def test_a_failure_in_the_background_is_raised_where_an_iterator_is_closed_early(client_of):
    client = client_of(App(routes=[Route("/", failing_later)]))
    with client.stream("GET", "/") as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"hello"
        with pytest.raises(RuntimeError, match="^background failure$"):
            chunks.close()


def boom(request):
    raise ValueError("boom")


def test_an_exception_carries_no_note_of_the_clients(client_of):
    client = client_of(App(routes=[Route("/", boom)]))
    with pytest.raises(ValueError, match="^boom$") as caught:
        client.get("/")
    assert not hasattr(caught.value, "__notes__")


class ReadsThePath:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        scope["path"].strip("/")
        await self.app(scope, receive, send)


class Unbuildable:
    def __init__(self, app):
        raise ValueError("no secret key")


def test_the_block_raises_what_a_middleware_raises_on_the_lifespan(client_of):
    with pytest.raises(KeyError, match="^'path'$"), client_of(App(middleware=[Middleware(ReadsThePath)])):
        pass


def test_the_block_raises_what_an_application_says_of_the_lifespan(client_of):
    async def app(scope, receive, send):
        raise ValueError(f"can only handle HTTP, not {scope['type']}")

    with pytest.raises(ValueError, match="^can only handle HTTP, not lifespan$"), client_of(app):
        pass


def test_the_block_raises_what_startup_and_shutdown_raise(client_of):
    def app(phase):
        async def call(scope, receive, send):
            assert (await receive())["type"] == "lifespan.startup"
            if phase == "startup":
                raise ValueError("no database")
            await send({"type": "lifespan.startup.complete"})
            await receive()
            raise ValueError("no goodbye")

        return call

    with pytest.raises(ValueError, match="^no database$"), client_of(app("startup")):
        pass
    with pytest.raises(ValueError, match="^no goodbye$"), client_of(app("shutdown")):
        pass


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([], "TestClient did not receive any response."),
        ([start(), start()], 'Received multiple "http.response.start" messages.'),
        ([body()], 'Received "http.response.body" without "http.response.start".'),
        ([start(), body(), body()], 'Received "http.response.body" after response completed.'),
        ([start(trailers=True), body(), body()], 'Received "http.response.body" after body completed.'),
        ([start(), trailers()], 'Received "http.response.trailers" without declaring trailers.'),
        ([start(trailers=True), trailers()], 'Received "http.response.trailers" before body completed.'),
        (
            [start(trailers=True), body(), trailers(), trailers()],
            'Received "http.response.trailers" after response completed.',
        ),
    ],
)
def test_messages_out_of_order_are_assertion_errors_in_starlettes_words(client_of, messages, text):
    with pytest.raises(AssertionError) as caught:
        client_of(sending(*messages)).get("/")
    assert (type(caught.value), str(caught.value)) == (AssertionError, text)


def test_an_application_may_send_what_the_order_does_not_forbid(plain_client_of):
    app = sending(
        {"type": "http.response.debug", "info": {"context": {"a": 1}}},
        start(headers=[(b"X-Upper", b"1")], trailers=True),
        body(b"one", more_body=True),
        body(b"two"),
        trailers(more_trailers=True),
        trailers(),
        {"type": "unheard.of"},
    )
    response = plain_client_of(app).get("/")
    assert (response.text, response.context) == ("onetwo", {"a": 1})
    assert response.extensions["http.response.trailers"] == [(b"x-one", b"1")] * 2


def test_trailers_that_are_announced_and_not_sent_are_an_empty_list(plain_client_of):
    response = plain_client_of(sending(start(trailers=True), body(b"x"))).get("/")
    assert (response.text, response.extensions["http.response.trailers"]) == ("x", [])


def test_without_server_exceptions_no_response_is_a_500(client_of):
    response = client_of(sending(), raise_server_exceptions=False).get("/")
    assert (response.status_code, response.content) == (500, b"")


@pytest.mark.parametrize(
    ("base_url", "server"),
    [("http://testserver", ["testserver", 80]), ("https://[::1]", ["::1", 443]), ("http://[::1]:0", ["::1", 0])],
)
def test_the_server_is_a_list_with_the_port_of_the_url(plain_client_of, base_url, server):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["server"])
        await PlainTextResponse("")(scope, receive, send)

    plain_client_of(app, base_url).get("/")
    assert seen == [server]


@pytest.mark.parametrize("chunk", [b"chunk", b""])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_stream_is_sent_as_it_is_read(client_of, chunk, method):
    sent = []

    async def app(scope, receive, send):
        await send(start())
        for number in range(70):
            await send(body(chunk, more_body=True))
            sent.append(number)
        await send(body())

    with client_of(app).stream(method, "/") as response:
        assert sent == []
        assert response.read() == (chunk * 70 if method == "GET" else b"")
    assert len(sent) == 70


def test_a_generator_is_not_asked_for_more_than_was_read(client_of):
    asked = []

    async def numbers():
        for number in range(3):
            asked.append(number)
            yield str(number)

    app = App(routes=[Route("/", lambda request: StreamingResponse(numbers()))])
    with client_of(app).stream("GET", "/") as response:
        assert asked == [0]
        assert b"".join(response.iter_raw()) == b"012"


async def loop_id(request):
    return JSONResponse(id(asyncio.get_running_loop()))


def test_each_request_outside_a_block_has_a_loop_of_its_own(plain_client_of):
    ended = []

    async def leave_something(request):
        async def forever():
            try:
                await asyncio.sleep(3600)
            finally:
                ended.append("cancelled with the loop of its request")

        request.app.state.task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        return await loop_id(request)

    app = App(routes=[Route("/", leave_something), Route("/again", loop_id)])
    client = plain_client_of(app)
    client.get("/")
    assert ended == ["cancelled with the loop of its request"]
    with client:
        assert client.get("/again").json() == client.get("/again").json()


def test_a_handshake_has_starlettes_headers_and_scope(plain_client_of):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)
        await receive()
        await send({"type": "websocket.accept"})

    with plain_client_of(app).websocket_connect("/ws?a=1", headers={"x-own": "1"}):
        pass
    scope = seen[0]
    headers = dict(scope["headers"])
    assert headers[b"sec-websocket-key"] == b"testserver=="
    assert (headers[b"connection"], headers[b"sec-websocket-version"], headers[b"x-own"]) == (b"upgrade", b"13", b"1")
    assert b"upgrade" not in headers
    assert "http_version" not in scope
    assert scope["server"] == ["testserver", 80]


def test_a_sessions_portal_runs_functions_on_the_applications_loop(client_of):
    loops = []

    async def app(scope, receive, send):
        loops.append(threading.get_ident())
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    async def where(offset):
        return threading.get_ident() + offset

    client = client_of(app, lifespan="off")
    with client.websocket_connect("/") as session:
        assert session.portal.call(where, 1) == loops[0] + 1
        assert session.portal.call(threading.get_ident) == loops[0]
    with client, client.websocket_connect("/") as session:
        assert session.portal is client.portal
        assert client.portal.start_task_soon(where, 0).result() == loops[1]
    assert client.portal is None


class Boom(Exception):
    pass


@pytest.mark.parametrize("accepted", [True, False])
def test_the_exception_of_a_websocket_endpoint_arrives_as_itself(client_of, accepted):
    async def endpoint(websocket):
        if accepted:
            await websocket.accept()
        raise Boom

    client = client_of(App(routes=[WebSocketRoute("/", endpoint)]))
    with pytest.raises(Boom), client.websocket_connect("/") as session:
        session.receive_text()


def test_a_websocket_that_fails_after_its_close_raises_that(client_of):
    from starlette.websockets import WebSocketDisconnect

    released = threading.Event()

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1011, "reason": ""})
        await anyio.to_thread.run_sync(released.wait)
        raise Boom

    def meet_the_close():
        with client_of(app).websocket_connect("/") as session:
            try:
                session.receive_text()
            finally:
                released.set()

    with pytest.raises(Boom) as caught:
        meet_the_close()
    assert isinstance(caught.value.__context__, WebSocketDisconnect)


def test_two_clients_may_share_a_jar(plain_client_of):
    async def app(scope, receive, send):
        cookie = next((value for name, value in scope["headers"] if name == b"cookie"), b"none")
        await PlainTextResponse(cookie, headers={"set-cookie": "a=1"})(scope, receive, send)

    jar = CookieJar()
    one, other = plain_client_of(app, cookies=jar), plain_client_of(app, cookies=jar)
    assert one.get("/").text == "none"
    assert other.get("/").text == "a=1"
    assert [cookie.value for cookie in jar] == ["1"]


def test_the_state_of_the_client_is_that_of_the_lifespan_and_of_each_request(plain_client_of):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["started"] = True
            await send({"type": "lifespan.startup.complete"})
            await receive()
            return await send({"type": "lifespan.shutdown.complete"})
        state = dict(scope["state"])
        scope["state"]["own"] = True
        return await JSONResponse(state)(scope, receive, send)

    with plain_client_of(app) as client:
        client.app_state["given"] = 1
        assert client.get("/").json() == client.get("/").json() == {"started": True, "given": 1}


class Instance:
    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        await PlainTextResponse(self.scope["path"])(self.scope, receive, send)


def double(scope):
    return Instance(scope)


def single(scope, receive, send):
    return Instance(scope)(receive, send)


class Opaque:
    __signature__ = "none at all"

    def __call__(self, *args):
        return single(*args)


@pytest.mark.parametrize("app", [Instance, double, functools.partial(double), single, Opaque()])
def test_applications_of_asgi_2_and_of_asgi_3_are_tested(plain_client_of, app):
    assert plain_client_of(app).get("/path").text == "/path"
