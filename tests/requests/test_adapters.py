from __future__ import annotations

import contextlib
import functools
import gc
import inspect
import threading

import pytest

from asgi_requests.adapters import request_response, websocket_session
from asgi_requests.exceptions import HTTPException, WebSocketDisconnect, WebSocketException
from asgi_requests.requests import Request
from asgi_requests.responses import PlainTextResponse
from asgi_requests.websockets import WebSocket
from raw_asgi import garbage_of, http_scope, request, run, websocket_scope

CONNECT = {"type": "websocket.connect"}
LEFT = {"type": "websocket.disconnect", "code": 1001}


async def hello(request):
    """Greets."""
    return PlainTextResponse(f"{request.method} {threading.current_thread().name}")


def hello_sync(request):
    return PlainTextResponse(f"{request.method} {threading.current_thread().name}")


class Hello:
    async def __call__(self, request):
        return await hello(request)


@pytest.mark.parametrize(
    "func", [hello, functools.partial(hello), Hello(), functools.partial(Hello()), Hello().__call__]
)
async def test_an_async_function_runs_where_it_is_called(func):
    assert (await request(request_response(func), "PUT")).text == f"PUT {threading.current_thread().name}"


@pytest.mark.parametrize("func", [hello_sync, functools.partial(hello_sync), lambda request: hello_sync(request)])
async def test_other_functions_run_in_a_thread(func):
    reply = await request(request_response(func), "PUT")
    assert reply.text.startswith("PUT ")
    assert threading.current_thread().name not in reply.text


async def test_the_function_gets_a_request_that_receives_and_sends():
    async def echo(request):
        assert type(request) is Request
        await request.send_early_hints("</a.css>; rel=preload")
        return PlainTextResponse(await request.body())

    reply = await request(
        request_response(echo), "POST", body=[b"a", b"b"], extensions={"http.response.early_hint": {}}
    )
    assert reply.types[0] == "http.response.early_hint"
    assert reply.text == "ab"


async def test_any_application_is_a_response():
    async def application(scope, receive, send):
        await PlainTextResponse(scope["path"])(scope, receive, send)

    async def delegate(request):
        return application

    assert (await request(request_response(delegate), path="/x")).text == "/x"


@pytest.mark.parametrize("returned", [None, "text", {"a": 1}, (1, 2)])
@pytest.mark.parametrize("wrap", [lambda f: f, functools.partial])
async def test_a_value_that_is_not_a_response_is_refused_with_the_function_file_and_line(returned, wrap):
    async def handler(request):
        return returned

    with pytest.raises(TypeError) as caught:
        await request(request_response(wrap(handler)))
    line = handler.__code__.co_firstlineno
    assert f"handler ({__file__}:{line}) returned {returned!r}, which is not a response" in str(caught.value)


async def test_the_error_finds_the_function_behind_decorators_and_objects():
    def decorate(func):
        @functools.wraps(func)
        async def wrapper(request):
            return await func(request)

        return wrapper

    @decorate
    async def inner(request):
        return None

    class Handler:
        async def __call__(self, request):
            return None

    for func, line in (
        (inner, inner.__wrapped__.__code__.co_firstlineno),
        (Handler(), Handler.__call__.__code__.co_firstlineno),
    ):
        with pytest.raises(TypeError, match=f"{__file__}:{line}"):
            await request(request_response(func))
    with pytest.raises(TypeError, match="^id returned"):
        await request(request_response(id))


async def test_a_coroutine_that_is_never_awaited_is_named_and_closed():
    def forgot(request):
        return hello(request)

    with pytest.raises(TypeError, match="forgot .* returned <coroutine object hello"):
        await request(request_response(forgot))
    gc.collect()


@pytest.mark.parametrize("adapter", [request_response, websocket_session])
def test_the_application_bears_the_functions_name(adapter):
    app = adapter(hello)
    assert (app.__name__, app.__qualname__, app.__doc__, app.__module__) == ("hello", "hello", "Greets.", __name__)
    assert inspect.iscoroutinefunction(app)
    assert list(inspect.signature(app).parameters) == ["scope", "receive", "send"]
    assert adapter(Hello()).__name__ == "app"


async def fail(connection):
    raise HTTPException(403, "Not yours")


def fail_sync(connection):
    raise HTTPException(403, "Not yours")


@pytest.mark.parametrize("func", [fail, fail_sync])
async def test_alone_on_a_server_an_http_exception_is_the_answer(func):
    reply = await request(request_response(func))
    assert (reply.status, reply.text) == (403, "Not yours")
    assert (await request(request_response(func), "HEAD")).body == b""


@pytest.mark.parametrize("func", [fail, fail_sync])
@pytest.mark.parametrize("key", ["asgi_middleware.exceptions"])
async def test_below_something_that_handles_exceptions_it_is_raised(func, key):
    with pytest.raises(HTTPException):
        await run(request_response(func), http_scope(**{key: object()}))
    with pytest.raises(HTTPException):
        await run(websocket_session(fail), websocket_scope(**{key: object()}), [CONNECT])


async def test_other_exceptions_pass_unchanged():
    error = LookupError("x")

    async def broken(connection):
        raise error

    with pytest.raises(LookupError) as caught:
        await request(request_response(broken))
    assert caught.value is error
    with pytest.raises(LookupError) as caught:
        await run(websocket_session(broken), websocket_scope(), [CONNECT])
    assert caught.value is error


async def test_an_exception_of_a_background_task_is_not_a_second_answer():
    async def handler(request):
        return PlainTextResponse("x", background=functools.partial(fail, request))

    with pytest.raises(HTTPException):
        await request(request_response(handler))


async def test_unreadable_json_is_answered_with_400():
    async def handler(request):
        await request.json()

    assert (await request(request_response(handler), "POST", body=b"{")).status == 400


async def test_a_websocket_runs_until_its_function_ends():
    async def echo(websocket):
        assert type(websocket) is WebSocket
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())

    reply = await run(websocket_session(echo), websocket_scope(), [CONNECT, {"type": "websocket.receive", "text": "x"}])
    assert reply.messages[1:] == [{"type": "websocket.send", "text": "x"}]


@pytest.mark.parametrize("first", ["nothing", "receive", "accept", "close"])
async def test_a_websocket_exception_closes_what_is_open(first):
    async def handler(websocket):
        if first != "nothing":
            await getattr(websocket, first)()
        raise WebSocketException(1008, "rules")

    app = websocket_session(handler)
    if first == "close":
        with pytest.raises(WebSocketException):
            await run(app, websocket_scope(), [CONNECT])
        return
    reply = await run(app, websocket_scope(), [CONNECT])
    assert reply.messages[-1] == {"type": "websocket.close", "code": 1008, "reason": "rules"}


@pytest.mark.parametrize("first", ["nothing", "receive"])
async def test_an_http_exception_denies_what_is_not_accepted(first):
    async def handler(websocket):
        if first == "receive":
            await websocket.receive()
        raise HTTPException(403, "Not yours")

    reply = await run(websocket_session(handler), websocket_scope(), [CONNECT])
    assert (reply.status, reply.text) == (403, "Not yours")
    reply = await run(websocket_session(handler), websocket_scope(extensions={}), [CONNECT])
    assert reply.types == ["websocket.close"]


@pytest.mark.parametrize(("status", "code"), [(403, 1008), (503, 1011)])
async def test_an_http_exception_closes_what_is_accepted(status, code):
    async def handler(websocket):
        await websocket.accept()
        raise HTTPException(status, "é" * 100)

    reply = await run(websocket_session(handler), websocket_scope(), [CONNECT])
    assert reply.messages[-1] == {"type": "websocket.close", "code": code, "reason": "é" * 61}


@pytest.mark.parametrize("exc", [HTTPException(403), WebSocketException(1008)])
async def test_a_client_that_has_left_before_the_close_is_not_an_error(exc):
    async def handler(websocket):
        await websocket.accept()
        raise exc

    async def receive():
        return CONNECT

    async def send(message):
        if message["type"] == "websocket.close":
            raise OSError("gone")

    await websocket_session(handler)(websocket_scope(), receive, send)


async def test_an_http_exception_in_the_middle_of_a_denial_is_raised():
    async def handler(websocket):
        await websocket.receive()
        await websocket.send({"type": "websocket.http.response.start", "status": 403, "headers": []})
        raise HTTPException(403)

    with pytest.raises(HTTPException):
        await run(websocket_session(handler), websocket_scope(), [CONNECT])


async def test_a_client_that_leaves_is_not_an_error_of_the_server():
    async def handler(websocket):
        await websocket.accept()
        await websocket.receive_text()

    assert (await run(websocket_session(handler), websocket_scope(), [CONNECT, LEFT])).types == ["websocket.accept"]
    with pytest.raises(WebSocketDisconnect):
        await run(websocket_session(handler), websocket_scope() | {"asgi_middleware.exceptions": 1}, [CONNECT, LEFT])


async def test_a_disconnect_from_elsewhere_is_raised():
    async def handler(websocket):
        await websocket.accept()
        raise WebSocketDisconnect(1006)

    with pytest.raises(WebSocketDisconnect):
        await run(websocket_session(handler), websocket_scope(), [CONNECT])


async def test_a_request_leaves_no_cycle_behind():
    async def handler(request):
        await request.body()
        return PlainTextResponse(request.url.path)

    app = request_response(handler)
    scope = http_scope()

    async def serve():
        with contextlib.suppress(HTTPException):
            await run(app, scope, [{"type": "http.request"}])

    assert await garbage_of(serve) == 0
