"""Instrumentation replaces methods of classes, before or after the first request: each request goes through them."""

from __future__ import annotations

import pytest

import asgi_framework.applications
import asgi_framework.middleware
import asgi_framework.routing
import asgi_middleware.errors
import asgi_middleware.exceptions
import asgi_requests.responses
import asgi_routing
from asgi_framework import App, HTTPException, Middleware, PlainTextResponse, Route
from asgi_framework._stack import ErrorMiddleware, RoutingMiddleware
from asgi_framework.middleware import ExceptionMiddleware, ServerErrorMiddleware
from raw_asgi import Reply, body_messages, http_scope, request, run, websocket_scope

METHODS = [
    (asgi_framework.applications.App, "__call__"),
    (asgi_framework.middleware.ServerErrorMiddleware, "__call__"),
    (asgi_middleware.errors.ServerErrorMiddleware, "__call__"),
    (asgi_framework.middleware.ExceptionMiddleware, "__call__"),
    (asgi_middleware.exceptions.ExceptionMiddleware, "__call__"),
    (asgi_framework.routing.Router, "__call__"),
    (asgi_routing.Router, "__call__"),
    (asgi_framework.routing.Route, "handle"),
    (asgi_routing.Route, "handle"),
    (asgi_requests.responses.PlainTextResponse, "__call__"),
    (asgi_requests.responses.Response, "__call__"),
]
AT_CONSTRUCTION = [(asgi_framework.routing.Router, "app"), (asgi_routing.Router, "app")]


class Passing:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


async def home(request):
    return PlainTextResponse("home")


def names(case):
    return [f"{cls.__module__}.{cls.__name__}.{name}" for cls, name in case]


def watch(monkeypatch, cls, name):
    """Wrap a method as instrumentation does; the list that is returned grows with each call."""
    calls = []
    original = getattr(cls, name)

    async def wrapper(self, *arguments):
        calls.append(arguments[0]["path"])
        return await original(self, *arguments)

    monkeypatch.setattr(cls, name, wrapper)
    return calls


@pytest.mark.parametrize("middleware", [(), (Middleware(Passing),)], ids=["bare", "with middleware"])
@pytest.mark.parametrize(("cls", "name"), METHODS + AT_CONSTRUCTION, ids=names(METHODS + AT_CONSTRUCTION))
async def test_what_is_patched_before_the_application_is_built_sees_every_request(monkeypatch, cls, name, middleware):
    calls = watch(monkeypatch, cls, name)
    app = App(routes=[Route("/", home)], middleware=middleware)
    for _ in range(2):
        assert (await request(app)).body == b"home"
    assert calls == ["/", "/"]


@pytest.mark.parametrize("middleware", [(), (Middleware(Passing),)], ids=["bare", "with middleware"])
@pytest.mark.parametrize(("cls", "name"), METHODS, ids=names(METHODS))
async def test_what_is_patched_after_the_first_request_sees_those_that_follow(monkeypatch, cls, name, middleware):
    app = App(routes=[Route("/", home)], middleware=middleware)
    await request(app)
    calls = watch(monkeypatch, cls, name)
    for _ in range(2):
        assert (await request(app)).body == b"home"
    assert calls == ["/", "/"]
    monkeypatch.undo()
    assert (await request(app)).body == b"home"
    assert calls == ["/", "/"]


async def test_the_parts_of_the_stack_may_be_replaced():
    app = App(routes=[Route("/", home)])
    await request(app)
    assert isinstance(app.middleware_stack, ErrorMiddleware)
    assert isinstance(app.middleware_stack.app, ExceptionMiddleware)
    app.middleware_stack.app = app.middleware_stack.app
    assert (await request(app)).body == b"home"
    app.middleware_stack.app.app = PlainTextResponse("no router")
    assert (await request(app)).body == b"no router"
    app.middleware_stack.app = PlainTextResponse("nothing inside")
    assert (await request(app)).body == b"nothing inside"
    reply = await run(app, websocket_scope(), [{"type": "websocket.connect"}])
    assert reply.messages[-1] == {"type": "websocket.http.response.body", "body": b"nothing inside"}


@pytest.mark.parametrize("cls", [ServerErrorMiddleware, ExceptionMiddleware])
async def test_a_stack_made_of_patched_parts_is_the_usual_one(monkeypatch, cls):
    calls = watch(monkeypatch, cls, "__call__")
    app = App()
    assert type(app.build_middleware_stack()) is ServerErrorMiddleware
    assert (await request(app)).status == 404
    assert calls == ["/"]


class Plain:
    """A middleware whose `send` is a function that nothing knows."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def wrapped(message):
            await send(message)

        await self.app(scope, receive, wrapped)


@pytest.mark.parametrize("middleware", [(), (Middleware(Passing),), (Middleware(Plain),)], ids=["", "passing", "plain"])
async def test_an_exception_with_a_handler_is_not_answered_once_an_application_has_started_its_response(middleware):
    async def late(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise HTTPException(409)

    class Late:
        __call__ = staticmethod(late)

    app = App(routes=[Route("/", Late())], middleware=middleware)
    for _ in range(2):
        reply = Reply()
        with pytest.raises(RuntimeError, match="response already started"):
            await run(app, http_scope(), body_messages(b""), reply=reply)
        assert [message["type"] for message in reply.messages] == ["http.response.start"]


async def test_the_router_behind_middleware_may_be_replaced():
    app = App(routes=[Route("/", home)], middleware=[Middleware(Passing)])
    assert (await request(app)).body == b"home"
    inner = app.middleware_stack.app.app
    assert type(inner) is RoutingMiddleware
    inner.app = PlainTextResponse("no router")
    assert (await request(app)).body == b"no router"


async def test_a_router_of_ones_own_is_called():
    calls = []

    class Counting(asgi_framework.routing.Router):
        async def __call__(self, scope, receive, send):
            calls.append(scope["path"])
            await super().__call__(scope, receive, send)

    app = App()
    app.router = Counting([Route("/", home)])
    assert (await request(app)).body == b"home"
    assert calls == ["/"]


async def test_an_application_in_an_application_answers_for_itself():
    async def fail(request):
        raise HTTPException(409, request.app.state.name)

    def named(name, routes):
        app = App(
            routes=routes, exception_handlers={409: lambda request, exc: PlainTextResponse(f"{name} {exc.detail}")}
        )
        app.state.name = name
        return app

    inner = named("inner", [Route("/x", fail)])
    outer = named("outer", [asgi_framework.routing.Mount("/in", inner), Route("/x", fail)])
    assert (await request(outer, path="/in/x")).text == "inner inner"
    assert (await request(outer, path="/x")).text == "outer outer"


@pytest.mark.parametrize("middleware", [(), (Middleware(Passing),)], ids=["bare", "with middleware"])
async def test_the_records_of_the_whole_stack_are_seen_by_who_patches_their_constructor(monkeypatch, middleware):
    made = []
    original = Middleware.__init__

    def wrapper(self, cls, *args, **kwargs):
        made.append(cls)
        original(self, cls, *args, **kwargs)

    monkeypatch.setattr(Middleware, "__init__", wrapper)
    App(middleware=middleware).build_middleware_stack()
    assert made == [ServerErrorMiddleware, ExceptionMiddleware]


async def test_the_error_middleware_answers_as_its_parts_do(monkeypatch):
    async def fail(request):
        raise KeyError("x")

    async def late(request):
        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            raise ValueError("late")

        return app

    reported = []

    async def report(request, exc):
        reported.append((request.url.path, repr(exc)))
        return PlainTextResponse("sorry", 500)

    def answer(request, exc):
        return PlainTextResponse("value", 400)

    async def outcomes(app):
        for path in ("/fail", "/late", "/nowhere", "/value"):
            reply = Reply()
            try:
                await run(app, http_scope(path=path), body_messages(b""), reply=reply)
            except Exception as exc:
                yield path, reply.status, reply.body, repr(exc)
            else:
                yield path, reply.status, reply.body, None

    routes = [Route("/fail", fail), Route("/late", late), Route("/value", lambda request: int("x"))]
    results = []
    for middleware in ((), (Middleware(Passing),)):
        app = App(routes=routes, middleware=middleware, exception_handlers={Exception: report, ValueError: answer})
        results.append([outcome async for outcome in outcomes(app)])
    assert results[0] == results[1]
    late_failure = "RuntimeError('Caught handled exception, but response already started.')"
    assert results[0] == [
        ("/fail", 500, b"sorry", "KeyError('x')"),
        ("/late", 200, b"", late_failure),
        ("/nowhere", 404, b"Not Found", None),
        ("/value", 400, b"value", None),
    ]
    assert reported == [("/fail", "KeyError('x')"), ("/late", late_failure)] * 2


class OwnAnswer(HTTPException):
    async def __call__(self, scope, receive, send):
        await PlainTextResponse("its own", 418)(scope, receive, send)


@pytest.mark.parametrize("middleware", [(), (Middleware(Passing),)], ids=["bare", "with middleware"])
@pytest.mark.parametrize("returned", [False, True])
async def test_an_http_exception_is_sent_by_its_own_call_where_that_is_overridden_or_patched(
    monkeypatch, middleware, returned
):
    async def fail(request):
        exc = OwnAnswer(404) if request.url.path == "/own" else HTTPException(404)
        if returned:
            return exc
        raise exc

    app = App(routes=[Route("/own", fail), Route("/plain", fail)], middleware=middleware)
    for _ in range(2):
        assert (await request(app, path="/own")).text == "its own"
        assert (await request(app, path="/plain")).text == "Not Found"
    calls = watch(monkeypatch, HTTPException, "__call__")
    assert (await request(app, path="/plain")).text == "Not Found"
    assert (await request(app, path="/nowhere")).text == "Not Found"
    assert calls == ["/plain", "/nowhere"]


@pytest.mark.parametrize("middleware", [(), (Middleware(Passing),)], ids=["bare", "with middleware"])
async def test_a_client_that_leaves_while_an_exception_is_answered_is_sent_nothing_more(middleware):
    async def fail(request):
        raise HTTPException(404)

    async def send(message):
        sent.append(message["type"])
        raise OSError("gone")

    app = App(routes=[Route("/", fail)], middleware=middleware)
    await request(app)
    sent = []
    with pytest.raises(OSError, match="gone"):
        await app(http_scope(), None, send)
    assert sent == ["http.response.start"]


@pytest.mark.parametrize("middleware", [(), (Middleware(Passing),)], ids=["bare", "with middleware"])
async def test_a_response_that_an_endpoint_has_started_with_the_send_of_its_request_is_not_answered_again(middleware):
    async def fail(request):
        await request._send({"type": "http.response.start", "status": 202, "headers": []})
        assert request.response_started is True
        raise KeyError("x")

    app = App(routes=[Route("/", fail)], middleware=middleware)
    await request(App())
    for _ in range(2):
        reply = Reply()
        with pytest.raises(KeyError):
            await run(app, http_scope(), body_messages(b""), reply=reply)
        assert [message["type"] for message in reply.messages] == ["http.response.start"]
        assert reply.status == 202


async def test_an_app_without_middleware_leaves_no_key_of_error_handling_in_the_scope():
    async def stream(request):
        async def app(scope, receive, send):
            seen.append("asgi_middleware.errors" in scope)
            await PlainTextResponse("app")(scope, receive, send)

        return app

    async def late(request):
        response = PlainTextResponse("task")
        response.background = background
        return response

    async def background():
        seen.append("background")

    seen = []
    app = App(routes=[Route("/app", stream), Route("/task", late)])
    for path in ("/app", "/app", "/task", "/task", "/none"):
        scope = http_scope(path=path)
        await run(app, scope, body_messages(b""))
        assert not {"asgi_middleware.errors", "asgi_middleware.exceptions"} & set(scope)
    assert seen == [True, True, "background", "background"]


async def test_a_client_that_leaves_is_not_an_error_of_an_app_without_middleware():
    async def read(request):
        return PlainTextResponse(await request.body())

    app = App(routes=[Route("/", read, methods=["POST"])])
    for _ in range(2):
        reply = await run(app, http_scope("POST"), [{"type": "http.disconnect"}])
        assert reply.messages == []
