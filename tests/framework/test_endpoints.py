from __future__ import annotations

import functools

import pytest

import asgi_middleware.exceptions
from asgi_framework import (
    App,
    BackgroundTask,
    HTTPEndpoint,
    HTTPException,
    JSONResponse,
    Mount,
    PlainTextResponse,
    Request,
    Response,
    Route,
    Router,
    StreamingResponse,
    WebSocket,
    WebSocketException,
    WebSocketRoute,
)
from asgi_framework._signatures import can_take, describe
from asgi_framework.routing import request_response
from raw_asgi import request, run, websocket_scope

CONNECT = {"type": "websocket.connect"}


class Conflict(Exception):
    pass


async def conflict(request, exc):
    return PlainTextResponse(f"conflict: {exc}", 409)


async def test_an_async_function_answers():
    async def endpoint(request: Request):
        return PlainTextResponse(request.path_params["name"])

    assert (await request(App(routes=[Route("/{name}", endpoint)]), "GET", "/ada")).body == b"ada"


async def test_a_sync_function_answers_from_a_thread():
    import threading

    def endpoint(request):
        return PlainTextResponse(str(threading.current_thread() is threading.main_thread()))

    assert (await request(App(routes=[Route("/", endpoint)]))).body == b"False"


async def test_a_partial_and_a_method_are_functions():
    async def greet(word, request):
        return PlainTextResponse(word)

    class Pages:
        def __init__(self, word):
            self.word = word

        async def page(self, request):
            return PlainTextResponse(self.word)

    app = App(routes=[Route("/a", functools.partial(greet, "partial")), Route("/b", Pages("method").page)])
    assert (await request(app, "GET", "/a")).body == b"partial"
    assert (await request(app, "GET", "/b")).body == b"method"
    assert (await request(app, "POST", "/b")).status == 405


async def test_a_class_and_an_application_are_used_as_they_are():
    class Endpoint(HTTPEndpoint):
        async def get(self, request):
            return PlainTextResponse("class")

    app = App(routes=[Route("/class", Endpoint), Route("/app", PlainTextResponse("app"))])
    assert (await request(app, "GET", "/class")).body == b"class"
    assert (await request(app, "DELETE", "/app")).body == b"app"
    refused = await request(app, "DELETE", "/class")
    assert (refused.status, refused.header("allow")) == (405, "GET, HEAD")


async def test_an_endpoint_with_the_wrong_signature_is_a_warning_and_an_error_once_it_is_called():
    async def endpoint(request, other):
        pass

    complaint = r"an endpoint takes the request alone: .*endpoint \(.*test_endpoints.py:\d+\) does not"
    with pytest.warns(UserWarning, match=f"{complaint}, and fails when it is called"):
        app = App(routes=[Route("/bad", endpoint), Route("/good", PlainTextResponse("good"))])
    assert (await request(app, "GET", "/good")).body == b"good"
    with pytest.raises(TypeError, match=complaint):
        await request(app, "GET", "/bad")


@pytest.mark.parametrize(
    "endpoint",
    [
        lambda: None,
        lambda a, b: None,
        lambda *, request: None,
        lambda request, *, more: None,
        functools.partial(lambda: None),
    ],
)
def test_functions_that_do_not_take_one_argument_are_warned_of(endpoint):
    with pytest.warns(UserWarning, match="does not, and fails when it is called"):
        Route("/", endpoint)


async def test_a_websocket_endpoint_without_a_parameter_is_warned_of_too():
    async def endpoint():
        pass

    with pytest.warns(UserWarning, match="a WebSocket endpoint takes the websocket alone"):
        route = WebSocketRoute("/", endpoint)
    with pytest.raises(TypeError, match="a WebSocket endpoint takes the websocket alone"):
        await run(App(routes=[route]), websocket_scope("/"), [CONNECT])


@pytest.mark.parametrize(
    "endpoint",
    [
        lambda request: None,
        lambda *args: None,
        lambda a, b=1: None,
        lambda a, *, b=1: None,
        functools.partial(lambda a, b: None, 1),
    ],
)
def test_functions_that_can_take_one_argument_are_accepted(endpoint):
    Route("/", endpoint)


def test_a_wrapped_function_is_judged_by_what_it_wraps():
    @functools.wraps(lambda request: None)
    def wrapper(*args, **kwargs):
        pass

    Route("/", wrapper)


def test_a_callable_without_a_signature_is_given_the_benefit_of_the_doubt():
    class Builtin:
        @property
        def __signature__(self):
            raise ValueError("no signature found")

        def __call__(self):
            pass

    assert can_take(Builtin(), 1)


def test_a_function_is_described_by_its_name_and_place():
    assert describe(functools.partial(conflict)).startswith("conflict (")
    assert describe(len) == "len"


@pytest.mark.parametrize(("value", "kind"), [(None, "nothing (None)"), ({"a": 1}, "a dict")])
async def test_a_value_that_is_not_a_response_is_refused_with_the_place_of_the_function(value, kind):
    async def endpoint(request):
        return value

    with pytest.raises(TypeError) as caught:
        await request(App(routes=[Route("/", endpoint)]))
    assert f"returned {kind}: return a Response" in str(caught.value)
    assert "test_endpoints.py:" in str(caught.value)


async def test_a_handler_that_returns_no_response_is_refused_too():
    async def endpoint(request):
        raise Conflict

    app = App(routes=[Route("/", endpoint)], exception_handlers={Conflict: lambda request, exc: 409})
    with pytest.raises(TypeError, match="returned a int"):
        await request(app)


async def test_without_an_application_exceptions_pass():
    async def endpoint(request):
        raise Conflict

    with pytest.raises(Conflict):
        await request(Router([Route("/", endpoint)]))


async def test_the_handler_gets_the_request_of_the_endpoint():
    seen = []

    async def endpoint(request):
        seen.append(request)
        await request.body()
        raise Conflict("twice")

    async def handler(request, exc):
        seen.append(request)
        return PlainTextResponse(await request.body(), 409)

    app = App(
        routes=[Mount("/a", routes=[Route("/", endpoint, methods=["POST"])])], exception_handlers={Conflict: handler}
    )
    reply = await request(app, "POST", "/a/", body=b"the body")
    assert (reply.status, reply.body) == (409, b"the body")
    assert seen[0] is seen[1]


async def test_a_handler_of_the_middleware_alone_may_be_async():
    async def handler(scope, exc):
        return PlainTextResponse(f"{scope['path']}: {exc}", 409)

    async def endpoint(request):
        raise Conflict("taken")

    app = asgi_middleware.exceptions.ExceptionMiddleware(Route("/a", endpoint), {Conflict: handler})
    reply = await request(app, "GET", "/a")
    assert (reply.status, reply.body) == (409, b"/a: taken")


async def test_errors_are_answered_inside_the_middleware_of_their_route():
    class Stamp:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            async def stamped(message):
                if message["type"] == "http.response.start":
                    message = {**message, "headers": [*message["headers"], (b"x-stamp", b"1")]}
                await send(message)

            await self.app(scope, receive, stamped)

    async def endpoint(request):
        raise Conflict("x")

    class Endpoint(HTTPEndpoint):
        async def get(self, request):
            raise Conflict("x")

    routes = [
        Route("/c", endpoint),
        Route("/h", lambda request: (_ for _ in ()).throw(HTTPException(418))),
        Route("/class", Endpoint),
    ]
    app = App(
        routes=[Mount("/m", routes=routes, middleware=[(Stamp, (), {})])], exception_handlers={Conflict: conflict}
    )
    cases = [("GET", "/m/c", 409), ("GET", "/m/h", 418), ("GET", "/m/class", 409), ("POST", "/m/class", 405)]
    for method, path, status in cases:
        reply = await request(app, method, path)
        assert (reply.status, reply.header("x-stamp")) == (status, "1")


async def test_a_stream_that_fails_before_it_starts_reaches_the_handler():
    class Late(StreamingResponse):
        async def __call__(self, scope, receive, send):
            raise Conflict("before the start")

    async def endpoint(request):
        return Late([b""])

    reply = await request(App(routes=[Route("/", endpoint)], exception_handlers={Conflict: conflict}))
    assert (reply.status, reply.body) == (409, b"conflict: before the start")


async def test_a_stream_that_fails_after_its_start_is_not_answered_twice():
    async def chunks():
        yield b"one"
        raise Conflict("late")

    async def endpoint(request):
        return StreamingResponse(chunks())

    app = App(routes=[Route("/", endpoint)], exception_handlers={Conflict: conflict})
    with pytest.raises(RuntimeError, match="Caught handled exception, but response already started.") as caught:
        await request(app)
    assert isinstance(caught.value.__cause__, Conflict)


async def test_a_stream_raises_an_exception_without_a_handler():
    class Late(StreamingResponse):
        async def __call__(self, scope, receive, send):
            raise KeyError("x")

    async def endpoint(request):
        return Late([b""])

    for route in (Route("/", endpoint), Mount("/", Router([Route("/", endpoint)]))):
        with pytest.raises(KeyError):
            await request(App(routes=[route]))


async def test_an_exception_kept_as_a_constant_does_not_keep_its_requests():
    constant = HTTPException(404)

    async def endpoint(request):
        raise constant

    assert (await request(App(routes=[Route("/", endpoint)]))).status == 404
    assert constant.__traceback__ is None


async def test_a_websocket_function_speaks():
    async def endpoint(websocket: WebSocket):
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    reply = await run(App(routes=[WebSocketRoute("/", endpoint)]), websocket_scope("/"), [CONNECT])
    assert reply.types == ["websocket.accept", "websocket.send", "websocket.close"]


async def test_a_websocket_exception_closes():
    async def endpoint(websocket):
        await websocket.accept()
        raise WebSocketException(4000, "enough")

    reply = await run(App(routes=[WebSocketRoute("/", endpoint)]), websocket_scope("/"), [CONNECT])
    assert reply.messages[-1] == {"type": "websocket.close", "code": 4000, "reason": "enough"}


async def test_a_handler_gets_the_websocket_of_the_endpoint():
    async def endpoint(websocket):
        await websocket.accept()
        raise Conflict("x")

    async def handler(websocket, exc):
        await websocket.send_json({"error": str(exc)})
        await websocket.close(4009)

    app = App(routes=[WebSocketRoute("/", endpoint)], exception_handlers={Conflict: handler})
    reply = await run(app, websocket_scope("/"), [CONNECT])
    assert reply.types == ["websocket.accept", "websocket.send", "websocket.close"]


async def test_an_http_exception_before_the_accept_is_a_denial():
    async def endpoint(websocket):
        raise HTTPException(401)

    reply = await run(App(routes=[WebSocketRoute("/", endpoint)]), websocket_scope("/"), [CONNECT])
    assert (reply.status, reply.types[-1]) == (401, "websocket.http.response.body")


async def test_an_application_as_websocket_endpoint_is_used_as_it_is():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.close"})

    class Endpoint:
        async def __call__(self, scope, receive, send):
            await app(scope, receive, send)

    reply = await run(App(routes=[WebSocketRoute("/", Endpoint())]), websocket_scope("/"), [CONNECT])
    assert reply.types == ["websocket.close"]


async def test_a_response_subclass_of_ones_own_is_sent():
    class Tea(Response):
        media_type = "text/tea"

    async def endpoint(request):
        return Tea("hot")

    async def plain(scope, receive, send):
        await JSONResponse(1)(scope, receive, send)

    async def returns_an_application(request):
        return plain

    app = App(routes=[Route("/", endpoint), Route("/plain", returns_an_application)])
    assert (await request(app)).header("content-type") == "text/tea; charset=utf-8"
    assert (await request(app, "GET", "/plain")).body == b"1"


async def test_a_background_task_runs_after_the_answer():
    done = []

    async def endpoint(request):
        return PlainTextResponse("x", background=BackgroundTask(done.append, 1))

    assert (await request(App(routes=[Route("/", endpoint)]))).body == b"x"
    assert done == [1]


async def test_an_endpoint_answers_a_scope_without_a_method():
    async def endpoint(request):
        return PlainTextResponse("x")

    scope = {"type": "http", "path": "/", "headers": []}
    assert (await run(request_response(endpoint), scope)).body == b"x"
