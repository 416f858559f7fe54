"""Which handler answers an exception, with what it is called, and what the client and the server's log get."""

from __future__ import annotations

import functools
import json
from unittest.mock import create_autospec

import pytest

import asgi_middleware.exceptions
import asgi_requests.adapters
from asgi_framework import (
    App,
    BackgroundTask,
    ClientDisconnect,
    HTTPException,
    JSONResponse,
    Middleware,
    Mount,
    PlainTextResponse,
    Response,
    Route,
    StreamingResponse,
    WebSocketException,
    WebSocketRoute,
)
from asgi_framework.middleware import ExceptionMiddleware, ServerErrorMiddleware
from raw_asgi import Reply, body_messages, garbage_of, http_scope, request, run, websocket_scope

CONNECT = {"type": "websocket.connect"}


class Conflict(Exception):
    pass


def raising(exc):
    async def endpoint(connection):
        raise exc

    return endpoint


async def failing(app, path="/", **scope):
    """The messages that were sent and the exception that came out."""
    reply = Reply()
    try:
        await run(app, http_scope(path=path, **scope), body_messages(b""), reply=reply)
    except Exception as exc:
        return reply, exc
    return reply, None


class PureMiddleware:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


def raise_instead(exc):
    async def handler(request, raised):
        raise exc

    return handler


async def late_stream():
    yield b"one"
    raise Conflict("in the stream")


async def in_the_background():
    raise Conflict("in the background")


async def streaming(request):
    return StreamingResponse(late_stream())


async def working(request):
    return PlainTextResponse("ok", background=BackgroundTask(in_the_background))


@pytest.mark.parametrize("returned", [PlainTextResponse("sorry", 500), None], ids=["a response", "nothing"])
@pytest.mark.parametrize(("path", "text"), [("/stream", "in the stream"), ("/work", "in the background")])
@pytest.mark.parametrize("middleware", [(), (Middleware(lambda app: app),)], ids=["bare", "with middleware"])
async def test_the_last_handler_hears_of_errors_after_the_response_has_started(middleware, path, text, returned):
    reported = []

    async def report(request, exc):
        reported.append((request.url.path, exc))
        return returned

    app = App(
        routes=[Route("/stream", streaming), Route("/work", working)],
        middleware=middleware,
        exception_handlers={Exception: report},
    )
    reply, exc = await failing(app, path)
    assert [(where, repr(what)) for where, what in reported] == [(path, f"Conflict({text!r})")]
    assert exc is reported[0][1]
    assert reply.types.count("http.response.start") == 1
    assert reply.status == 200


async def test_a_handler_for_500_is_asked_for_a_500_that_is_raised_and_for_unhandled_errors():
    seen = []

    def handler(request, exc):
        seen.append(type(exc))
        return PlainTextResponse("ours", 500)

    app = App(
        routes=[Route("/raised", raising(HTTPException(500))), Route("/unhandled", raising(Conflict()))],
        exception_handlers={500: handler},
    )
    reply, exc = await failing(app, "/raised")
    assert (reply.status, reply.text, exc) == (500, "ours", None)
    reply, exc = await failing(app, "/unhandled")
    assert (reply.status, reply.text, type(exc)) == (500, "ours", Conflict)
    assert seen == [HTTPException, Conflict]


class Lost(Exception):
    pass


@pytest.mark.parametrize("middleware", [(), (Middleware(PureMiddleware),)], ids=["bare", "with middleware"])
@pytest.mark.parametrize(
    ("raised", "status", "text"), [(HTTPException(404), 404, "Not Found"), (Conflict(), 409, "conflict")]
)
async def test_an_exception_that_a_handler_raises_for_another_is_answered_by_its_own_handler(
    middleware, raised, status, text
):
    app = App(
        routes=[Route("/", raising(Lost()))],
        exception_handlers={Lost: raise_instead(raised), Conflict: lambda request, exc: Response("conflict", 409)},
        middleware=middleware,
    )
    reply, exc = await failing(app)
    assert (reply.status, reply.text, exc) == (status, text, None)


@pytest.mark.parametrize("middleware", [(), (Middleware(PureMiddleware),)], ids=["bare", "with middleware"])
async def test_an_exception_that_a_handler_raises_and_that_has_none_is_reported_itself(middleware):
    app = App(
        routes=[Route("/", raising(Lost()))],
        exception_handlers={Lost: raise_instead(Conflict())},
        middleware=middleware,
    )
    reply, exc = await failing(app)
    assert (reply.status, type(exc), type(exc.__context__)) == (500, Conflict, Lost)


async def test_a_handler_for_exception_alone_leaves_a_500_that_is_raised_as_it_is():
    app = App(
        routes=[Route("/", raising(HTTPException(500, "broken")))],
        exception_handlers={Exception: lambda request, exc: PlainTextResponse("ours", 500)},
    )
    reply, exc = await failing(app)
    assert (reply.status, reply.text, exc) == (500, "broken", None)


async def upload(request):
    return PlainTextResponse(str(len(await request.body())))


@pytest.mark.parametrize("middleware", [(), (Middleware(lambda app: app),)], ids=["bare", "with middleware"])
async def test_an_upload_that_its_client_aborts_is_not_an_error(middleware):
    app = App(routes=[Route("/", upload, methods=["POST"])], middleware=middleware)
    messages = [{"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.disconnect"}]
    assert (await run(app, http_scope("POST"), messages)).messages == []


@pytest.mark.parametrize("key", [ClientDisconnect, Exception])
async def test_a_handler_hears_of_an_upload_that_its_client_aborts(key):
    seen = []

    async def handler(request, exc):
        seen.append(type(exc))
        return PlainTextResponse("gone")

    app = App(routes=[Route("/", upload, methods=["POST"])], exception_handlers={key: handler})
    await run(app, http_scope("POST"), [{"type": "http.disconnect"}])
    assert seen == [ClientDisconnect]


async def test_the_default_handlers_are_methods_that_a_subclass_overrides():
    class Own(ExceptionMiddleware):
        async def http_exception(self, request, exc):
            response = await super().http_exception(request, exc)
            response.headers["x-path"] = request.url.path
            return response

        async def websocket_exception(self, websocket, exc):
            await websocket.close(exc.code + 1)

    async def app(scope, receive, send):
        if scope["type"] == "http":
            raise HTTPException(int(scope["path"][1:]), "detail", {"x-given": "1"})
        raise WebSocketException(4000)

    for status, body in ((404, b"detail"), (204, b""), (304, b"")):
        reply = await request(Own(app), path=f"/{status}")
        assert (reply.status, reply.body) == (status, body)
        assert (reply.header("x-path"), reply.header("x-given")) == (f"/{status}", "1")
    reply = await run(Own(app), websocket_scope(), [CONNECT])
    assert reply.messages == [{"type": "websocket.close", "code": 4001, "reason": ""}]


async def test_a_default_handler_may_be_called_by_whoever_wraps_it():
    """As instrumentation does: it takes the handlers out of the table and calls them from its own."""
    seen = []
    middleware = ExceptionMiddleware(raising_application(HTTPException(410, "gone")))
    for key, handler in middleware._exception_handlers.copy().items():

        async def wrapped(connection, exc, handler=handler):
            seen.append(exc)
            return await handler(connection, exc)

        middleware._exception_handlers[key] = wrapped
    assert (await request(middleware)).text == "gone"
    middleware.app = raising_application(WebSocketException(4000, "enough"))
    reply = await run(middleware, websocket_scope(), [CONNECT])
    assert reply.messages == [{"type": "websocket.close", "code": 4000, "reason": "enough"}]
    assert len(seen) == 2


def raising_application(exc):
    async def app(scope, receive, send):
        raise exc

    return app


async def test_an_exception_with_an_answer_of_its_own_gives_it_however_it_is_called():
    class Teapot(HTTPException):
        async def __call__(self, scope, receive, send):
            await PlainTextResponse("short and stout", self.status_code)(scope, receive, send)

    middleware = ExceptionMiddleware(raising_application(Teapot(418)))
    assert (await request(middleware)).text == "short and stout"
    handler = middleware._exception_handlers[HTTPException]
    middleware._exception_handlers[HTTPException] = lambda request, exc: handler(request, exc)
    assert (await request(middleware)).text == "short and stout"


async def test_a_handler_for_every_exception_leaves_http_exceptions_to_theirs():
    handlers = {Exception: lambda request, exc: PlainTextResponse("last", 500)}
    reply = await request(ExceptionMiddleware(raising_application(HTTPException(404)), handlers))
    assert (reply.status, reply.text) == (404, "Not Found")
    reply = await request(ExceptionMiddleware(raising_application(KeyError("x")), handlers))
    assert (reply.status, reply.text) == (500, "last")


async def test_an_exception_for_websockets_is_an_error_on_a_request():
    app = App(routes=[Route("/", raising(WebSocketException(1008)))])
    reply, exc = await failing(app)
    assert (reply.status, type(exc)) == (500, WebSocketException)


async def test_handlers_that_stand_for_another_function_are_called_as_that_one():
    async def handler(request, exc): ...

    def plain(request, exc): ...

    for function in (handler, plain):
        stand_in = create_autospec(function, return_value=PlainTextResponse("stand-in", 409))
        app = App(routes=[Route("/", raising(Conflict()))], exception_handlers={Conflict: stand_in})
        assert (await request(app)).text == "stand-in"
        stand_in.assert_called_once()


async def test_a_plain_function_around_an_async_one_is_awaited():
    async def answer(request, exc=None):
        return PlainTextResponse("awaited")

    app = App(
        routes=[Route("/", lambda request: answer(request)), Route("/fail", raising(Conflict()))],
        exception_handlers={Conflict: lambda request, exc: answer(request, exc)},
    )
    assert (await request(app)).text == "awaited"
    assert (await request(app, path="/fail")).text == "awaited"


def accepting(exc):
    async def endpoint(websocket):
        await websocket.accept()
        raise exc

    return endpoint


@pytest.mark.parametrize("extensions", [{}, {"websocket.http.response": {}}], ids=["plain", "denials"])
@pytest.mark.parametrize("handled", ["by itself", "by a function", "by a function for its class"])
@pytest.mark.parametrize(("status", "code"), [(403, 1008), (500, 1011), (503, 1011)])
async def test_an_http_exception_closes_an_accepted_websocket(status, code, handled, extensions):
    def handler(websocket, exc):
        return JSONResponse({"hidden": True}, exc.status_code)

    handlers = {
        "by itself": {},
        "by a function": {status: handler},
        "by a function for its class": {Exception: handler},
    }
    exc = HTTPException(status, "not for you")
    if "class" in handled:
        handlers[handled] = {HTTPException: handler}
    app = App(routes=[WebSocketRoute("/", accepting(exc))], exception_handlers=handlers[handled])
    reply = await run(app, websocket_scope(extensions=extensions), [CONNECT])
    reason = "not for you" if handled == "by itself" else ""
    assert reply.messages[1:] == [{"type": "websocket.close", "code": code, "reason": reason}]
    outside = ExceptionMiddleware(accepting_application(exc), handlers[handled])
    reply = await run(outside, websocket_scope(extensions=extensions), [CONNECT])
    assert reply.messages[1:] == [{"type": "websocket.close", "code": code, "reason": reason}]


def accepting_application(exc):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        raise exc

    return app


@pytest.mark.parametrize("take", [False, True], ids=["connect waiting", "connect taken"])
@pytest.mark.parametrize("extensions", [{}, {"websocket.http.response": {}}], ids=["plain", "denials"])
async def test_a_response_of_a_handler_denies_a_websocket_that_is_not_accepted(extensions, take):
    async def endpoint(websocket):
        if take:
            await websocket.receive()
        raise Conflict

    app = App(
        routes=[WebSocketRoute("/", endpoint)],
        exception_handlers={Conflict: lambda websocket, exc: PlainTextResponse("taken", 409)},
    )
    reply = await run(app, websocket_scope(extensions=extensions), [CONNECT])
    if extensions:
        assert (reply.types[0], reply.status, reply.text) == ("websocket.http.response.start", 409, "taken")
    else:
        assert reply.messages == [{"type": "websocket.close", "code": 1000, "reason": ""}]


@pytest.mark.parametrize("accepted", [False, True])
async def test_a_response_of_a_handler_is_dropped_where_the_client_has_left(accepted):
    async def endpoint(websocket):
        await (websocket.accept() if accepted else websocket.receive())
        await websocket.receive()
        raise Conflict

    app = App(
        routes=[WebSocketRoute("/", endpoint)],
        exception_handlers={Conflict: lambda websocket, exc: PlainTextResponse("taken", 409)},
    )
    messages = [CONNECT, {"type": "websocket.disconnect", "code": 1001}]
    assert (await run(app, websocket_scope(), messages)).types == ["websocket.accept"] * accepted


async def test_an_application_that_a_handler_returns_may_support_websockets():
    async def goodbye(scope, receive, send):
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.close", "code": 4001, "reason": (await receive())["text"]})

    app = App(
        routes=[WebSocketRoute("/", accepting(Conflict()))],
        exception_handlers={Conflict: lambda websocket, exc: goodbye},
    )
    reply = await run(app, websocket_scope(), [CONNECT, {"type": "websocket.receive", "text": "bye"}])
    assert reply.messages[1:] == [{"type": "websocket.close", "code": 4001, "reason": "bye"}]


async def test_an_exception_that_a_handler_returns_is_an_answer():
    app = App(
        routes=[WebSocketRoute("/", accepting(Conflict()))],
        exception_handlers={Conflict: lambda websocket, exc: HTTPException(503)},
    )
    reply = await run(app, websocket_scope(), [CONNECT])
    assert reply.messages[1:] == [{"type": "websocket.close", "code": 1011, "reason": ""}]


async def test_nothing_is_sent_where_a_handler_has_closed_and_returns_a_response():
    async def handler(websocket, exc):
        await websocket.close(4000)
        return PlainTextResponse("closed", 409)

    app = App(routes=[WebSocketRoute("/", accepting(Conflict()))], exception_handlers={Conflict: handler})
    reply = await run(app, websocket_scope(), [CONNECT])
    assert reply.messages[1:] == [{"type": "websocket.close", "code": 4000, "reason": ""}]


async def test_a_handler_of_asgi_middleware_answers_a_websocket_by_its_middleware():
    middleware = asgi_middleware.exceptions.ExceptionMiddleware(
        WebSocketRoute("/", accepting(Conflict())), {Conflict: lambda scope, exc: Response(status_code=503)}
    )
    reply = await run(middleware, websocket_scope(), [CONNECT])
    assert reply.messages[1:] == [{"type": "websocket.close", "code": 1011, "reason": ""}]


@pytest.mark.parametrize("debug", [False, True])
async def test_the_answer_to_unhandled_errors_is_a_method_that_a_subclass_overrides(debug):
    class Own(ServerErrorMiddleware):
        def error_response(self, request, exc):
            return PlainTextResponse(f"{request.url.path} failed", 500)

        def debug_response(self, request, exc):
            response = super().debug_response(request, exc)
            response.headers["x-debug"] = "1"
            return response

    reply, exc = await failing(Own(raising_application(KeyError("x")), debug=debug), "/here")
    assert isinstance(exc, KeyError)
    assert reply.status == 500
    if debug:
        assert reply.text.endswith("KeyError: 'x'\n")
        assert (reply.header("x-debug"), reply.header("content-type")) == ("1", "text/plain; charset=utf-8")
    else:
        assert reply.text == "/here failed"


async def test_the_debug_page_has_the_same_headers_through_a_request():
    reply, _ = await failing(App(True, [Route("/", raising(KeyError("x")))]), headers=[(b"accept", b"text/html")])
    assert reply.header("content-type") == "text/html; charset=utf-8"
    assert reply.header("cache-control") == "no-store"
    assert reply.header("content-security-policy").startswith("default-src 'none'")
    assert "KeyError" in reply.text


async def test_the_handler_of_the_server_errors_is_the_function_that_was_given():
    """Instrumentation takes it out of the stack and builds a stack of its own with it."""

    def handler(request, exc):
        return PlainTextResponse("ours", 500)

    stack = App(exception_handlers={Exception: handler}).build_middleware_stack()
    assert stack.handler is handler
    again = ServerErrorMiddleware(raising_application(KeyError("x")), handler=stack.handler, debug=stack.debug)
    assert (await failing(again))[0].text == "ours"


async def test_a_request_that_fails_leaves_no_cycle():
    app = App(
        routes=[
            Mount("/in", routes=[Route("/", raising(Conflict())), Route("/nowhere", raising(HTTPException(404)))]),
            Route("/raises", raising(HTTPException(404))),
        ],
        exception_handlers={Conflict: lambda request, exc: PlainTextResponse("x")},
    )
    for path in ("/in/nowhere", "/nowhere", "/raises"):
        assert await garbage_of(functools.partial(request, app, path=path)) == 0


@pytest.mark.parametrize("detail", ["not for you", "é" * 100, "a\ud800b", ""])
@pytest.mark.parametrize(("status", "code"), [(400, 1008), (403, 1008), (500, 1011), (599, 1011)])
async def test_an_accepted_websocket_is_closed_alike_whoever_answers(status, code, detail):
    exc = HTTPException(status, detail)
    places = [
        App(routes=[WebSocketRoute("/", accepting(exc))]),
        ExceptionMiddleware(accepting_application(exc)),
        asgi_middleware.exceptions.ExceptionMiddleware(accepting_application(exc), status_exception=HTTPException),
        asgi_requests.adapters.websocket_session(accepting(exc)),
    ]
    ends = [(await run(app, websocket_scope(), [CONNECT])).messages[1:] for app in places]
    reason = detail.replace("\ud800", "?")[:61] if detail[0:1] == "é" else detail.replace("\ud800", "?")
    assert ends == [[{"type": "websocket.close", "code": code, "reason": reason}]] * 4


async def test_a_detail_that_quotes_what_cannot_be_encoded_is_sent_all_the_same():
    for headers in (None, {"x-a": "1"}):
        app = App(routes=[Route("/", raising(HTTPException(422, "no \ud800", headers)))])
        reply, exc = await failing(app)
        assert (reply.status, reply.body, exc) == (422, b"no ?", None)


@pytest.mark.parametrize("kind", [json.JSONDecodeError, ValueError])
@pytest.mark.parametrize("others", [(), (HTTPException, WebSocketException)])
async def test_a_handler_of_bad_json_answers_it_as_in_starlette(kind, others):
    """Without one it is a 400, or the close code 1007."""

    async def read(request):
        return JSONResponse(await request.json())

    async def talk(websocket):
        await websocket.accept()
        await websocket.receive_json()

    async def handler(connection, exc):
        if connection.scope["type"] == "websocket":
            return await connection.close(4000)
        return JSONResponse({"where": exc.pos}, 422)

    async def never(connection, exc):
        raise AssertionError("another handler is nearer")

    app = App(
        routes=[Route("/", read, methods=["POST"]), WebSocketRoute("/ws", talk)],
        exception_handlers={kind: handler, **dict.fromkeys(others, never)},
    )
    reply = await run(app, http_scope("POST"), body_messages(b"{bad"))
    assert (reply.status, reply.text) == (422, '{"where":1}')
    messages = [CONNECT, {"type": "websocket.receive", "text": "{bad"}]
    assert (await run(app, websocket_scope("/ws"), messages)).messages[-1]["code"] == 4000
