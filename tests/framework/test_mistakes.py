"""Mistakes in the arguments of an application are named where they are made, with what to write instead."""

from __future__ import annotations

import contextlib
import logging
import traceback

import pytest

from asgi_framework import (
    App,
    CORSMiddleware,
    Middleware,
    PlainTextResponse,
    Request,
    Route,
    Stack,
    WebSocketRoute,
    around_http,
)
from asgi_framework.testclient import TestClient
from raw_asgi import Reply, http_scope, request, run, websocket_scope

CONNECT = {"type": "websocket.connect"}


async def home(request: Request):
    return PlainTextResponse("home")


async def fail(request):
    raise KeyError("x")


def plain_middleware(app):
    return app


@around_http
async def generated(scope):
    yield
    yield


@pytest.mark.parametrize(
    ("middleware", "message"),
    [
        (
            [CORSMiddleware],
            r"must contain records, not <class .*CORSMiddleware'>: write Middleware\(CORSMiddleware, \.\.\.\)",
        ),
        (
            [CORSMiddleware(home)],
            r"must contain records, not <.*CORSMiddleware object .*>: write Middleware\(\.\.\., \.\.\.\)",
        ),
        (
            [plain_middleware],
            r"must contain records, not <function plain_middleware .*: write Middleware\(plain_middleware, ",
        ),
        (["cors"], r"must contain records, not 'cors': write Middleware\("),
        (["abc"], r"must contain records, not 'abc': write Middleware\("),
        ([None], r"must contain records, not None: write Middleware\("),
        ([(CORSMiddleware, {})], r"must contain records, not \(<class .*CORSMiddleware'>, \{\}\): write Middleware\("),
        (
            [[Middleware(CORSMiddleware)]],
            r"must contain records, not \[Middleware\(CORSMiddleware\)\]: write Middleware\(",
        ),
        (Middleware(CORSMiddleware), r"write middleware=\[Middleware\(\.\.\.\)\], not Middleware\(CORSMiddleware\)"),
        ("cors", r"write middleware=\[Middleware\(\.\.\.\)\], not 'cors'"),
        (CORSMiddleware, r"write middleware=\[Middleware\(\.\.\.\)\], not <class"),
        ([Middleware("cors")], r"Middleware\('cors'\): the first argument must take"),
        (
            [Middleware(CORSMiddleware(home), allow_origins=["*"])],
            r"this is already an application: write Middleware\(CORSMiddleware, \.\.\.\)",
        ),
    ],
)
def test_a_value_that_is_not_a_list_of_middleware_is_refused_at_construction(middleware, message):
    with pytest.raises(TypeError, match=message):
        App(middleware=middleware)


def test_what_a_stack_is_made_of_is_checked_too():
    with pytest.raises(TypeError, match="is not a middleware: write a class, or Middleware"):
        App(middleware=[Stack([Middleware(CORSMiddleware)])])


async def test_whatever_makes_an_application_may_stand_in_the_list():
    records = [
        Middleware(CORSMiddleware, allow_origins=["*"]),
        Middleware(plain_middleware),
        Middleware(generated),
        (plain_middleware, (), {}),
        Stack(Middleware(CORSMiddleware)),
        generated,
    ]
    assert (await request(App(routes=[Route("/", home)], middleware=iter(records)))).body == b"home"


def test_a_middleware_that_is_added_is_checked_too():
    with pytest.raises(TypeError, match="this is already an application"):
        App().add_middleware(CORSMiddleware(home))


@pytest.mark.parametrize("routes", [[Route("/", home)], (Route("/", home),), iter([Route("/", home)])])
def test_routes_in_the_place_of_debug_are_refused(routes):
    with pytest.raises(TypeError, match=r"the first argument of App is debug, not .*: write App\(routes=\[\.\.\.\]\)"):
        App(routes)


@pytest.mark.parametrize("debug", [True, False, None, 0, 1, "yes"])
def test_debug_is_whatever_is_true_or_false(debug):
    assert App(debug).debug is debug


@pytest.mark.parametrize("size", ["1MB", b"1", [1], True, object()])
def test_a_size_that_is_not_a_number_is_refused(size):
    with pytest.raises(TypeError, match="max_body_size must be a number of bytes, such as 1_000_000, not"):
        App(max_body_size=size)


def test_a_negative_size_is_refused():
    with pytest.raises(ValueError, match="max_body_size must be 0 or more, not -1"):
        App(max_body_size=-1)
    assert App(max_body_size=0).max_body_size == 0


@pytest.mark.parametrize(
    "lifespan", [lambda: None, lambda app, more: None, "startup", contextlib.nullcontext(), [print]], ids=range(5)
)
def test_a_lifespan_that_is_not_a_function_of_the_application_is_refused(lifespan):
    with pytest.raises(
        TypeError, match="lifespan must be an async context manager function that takes the application"
    ):
        App(lifespan=lifespan)


@pytest.mark.parametrize("handler", [None, "sorry", PlainTextResponse, 7])
def test_a_handler_that_is_not_a_function_is_refused(handler):
    if handler is PlainTextResponse:  # a class can be called, and takes (content, status_code): nothing is known
        App(exception_handlers={404: handler})
        return
    with pytest.raises(TypeError, match=r"an exception handler must be a function \(request, exc\) -> response, not"):
        App(exception_handlers={404: handler})
    with pytest.raises(TypeError, match=r"an exception handler must be a function \(request, exc\) -> response, not"):
        App().add_exception_handler(Exception, handler)


@pytest.mark.parametrize(
    ("returned", "kind"), [(None, r"nothing \(None\)"), ({}, "a dict"), ("text", "a str"), (404, "a int")]
)
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("key", [KeyError, Exception, 500])
async def test_a_handler_that_returns_no_response_is_named_with_its_place(key, asynchronous, returned, kind):
    def handler(request, exc):
        return returned

    async def async_handler(request, exc):
        return returned

    chosen = async_handler if asynchronous else handler
    app = App(routes=[Route("/", fail)], exception_handlers={key: chosen})
    reply = Reply()
    with pytest.raises(
        TypeError, match=rf"{chosen.__name__} \(.*test_mistakes.py:\d+\) returned {kind}: return a Response"
    ) as caught:
        await run(app, http_scope(), [], reply=reply)
    assert (reply.status, reply.body) == (500, b"Internal Server Error")
    assert "KeyError" in "".join(traceback.format_exception(caught.value))


async def test_a_handler_that_sends_the_response_itself_may_return_nothing():
    async def handler(request, exc):
        await PlainTextResponse("mine", 409)(request.scope, request.receive, request._send)

    app = App(routes=[Route("/", fail)], exception_handlers={KeyError: handler})
    assert (await request(app)).body == b"mine"


async def test_a_handler_that_returns_nothing_to_a_websocket_is_right():
    async def endpoint(websocket):
        await websocket.accept()
        raise KeyError

    async def handler(websocket, exc):
        await websocket.close(4000)

    app = App(routes=[WebSocketRoute("/", endpoint)], exception_handlers={KeyError: handler})
    assert (await run(app, websocket_scope(), [CONNECT])).types == ["websocket.accept", "websocket.close"]


class Misconfigured:
    def __init__(self, app):
        raise ValueError("no secret")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
async def test_an_application_that_cannot_be_built_fails_its_startup(error):
    def refuse(app):
        raise error("no secret")

    app = App(middleware=[Middleware(refuse)])
    reply = Reply()
    with pytest.raises(error, match="no secret"):
        await run(app, {"type": "lifespan"}, [{"type": "lifespan.startup"}], reply=reply)
    assert reply.types == ["lifespan.startup.failed"]
    assert f"{error.__name__}: no secret" in reply.messages[0]["message"]
    assert "in refuse" in reply.messages[0]["message"]


async def test_the_lifespan_is_asked_for_its_first_message_before_anything_is_built():
    """A server that got the exception first would take the application for one without a lifespan, and serve it."""
    events = []

    def building(app):
        events.append("built")
        return app

    @contextlib.asynccontextmanager
    async def lifespan(app):
        events.append("started")
        yield
        events.append("stopped")

    async def receive():
        events.append("received")
        return {"type": "lifespan.shutdown" if "started" in events else "lifespan.startup"}

    async def send(message):
        events.append(message["type"].removeprefix("lifespan."))

    app = App(middleware=[Middleware(building)], lifespan=lifespan)
    await app({"type": "lifespan", "state": {}}, receive, send)
    assert events == [
        "received",
        "built",
        "started",
        "startup.complete",
        "received",
        "stopped",
        "shutdown.complete",
    ]
    await app({"type": "lifespan", "state": {}}, receive, send)
    assert events.count("built") == 1


async def test_each_request_says_again_what_is_wrong_with_the_middleware():
    app = App(middleware=[Middleware(Misconfigured)])
    for _ in range(2):
        with pytest.raises(ValueError, match="no secret"):
            await request(app)


def test_a_client_that_starts_the_application_gets_the_error():
    with pytest.raises(ValueError, match="no secret"), TestClient(App(middleware=[Middleware(Misconfigured)])):
        pass


async def test_a_subclass_may_build_its_own_stack(caplog):
    class Own(App):
        def build_middleware_stack(self):
            return CORSMiddleware(super().build_middleware_stack(), allow_origins=["*"])

    app = Own(True, [Route("/", home)])
    assert app.middleware_stack is None
    with caplog.at_level(logging.WARNING, "asgi_framework"):
        reply = await request(app, headers=[(b"origin", b"https://a.example")])
    assert reply.header("access-control-allow-origin") == "*"


@pytest.mark.parametrize("option", ["redirect_slashes", "auto_options"])
@pytest.mark.parametrize("value", [True, False])
async def test_the_options_of_the_router_are_options_of_the_application(option, value):
    app = App(routes=[Route("/x", home)], **{option: value})
    assert getattr(app.router, option) is value
    method, path = ("GET", "/x/") if option == "redirect_slashes" else ("OPTIONS", "/x")
    status = {("redirect_slashes", True): 307, ("redirect_slashes", False): 404, ("auto_options", True): 204}
    assert (await request(app, method, path)).status == status.get((option, value), 405)
