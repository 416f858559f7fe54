"""The outermost handler of exceptions sees one scope and one body, and never waits."""

from __future__ import annotations

from contextlib import aclosing

import anyio
import pytest

from asgi_framework import (
    App,
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationMiddleware,
    BaseHTTPMiddleware,
    GZipMiddleware,
    Middleware,
    Mount,
    PlainTextResponse,
    Request,
    RequestBodyLimitMiddleware,
    Route,
    Router,
    SessionMiddleware,
    SimpleUser,
    Stack,
    When,
    around_http,
)
from asgi_framework.middleware import ExceptionMiddleware, ServerErrorMiddleware
from raw_asgi import Reply, body_messages, http_scope, run


class Backend(AuthenticationBackend):
    async def authenticate(self, conn):
        return AuthCredentials(["known"]), SimpleUser("ada")


class Passing(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        return await call_next(request)


class Reading(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        await request.body()
        return await call_next(request)


class Shouting:
    """Gives the application another body than it got."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        body = await Request(scope, receive).body()

        async def other():
            return {"type": "http.request", "body": body.upper()}

        await self.app(scope, other, send)


@around_http
async def around(scope):
    yield
    yield


async def post(app, path, body=b'{"a": 1}', **scope):
    """The reply and the exception that came out; what takes long is taken for a hang."""
    reply, raised = Reply(), None
    with anyio.fail_after(20):
        try:
            await run(app, http_scope("POST", path, **scope), body_messages([body[:3], body[3:]]), reply=reply)
        except Exception as exc:
            raised = exc
    return reply, raised


def mounted(endpoint):
    routes = [Route("/x/{id:int}", endpoint, methods=["POST"], name="x")]
    return [Mount("/api", routes=[Mount("/v1", app=Router(routes))])]


async def test_the_last_handler_sees_what_was_found_inside():
    seen = {}

    async def endpoint(request):
        request.session["visits"] = 3
        request.state.deep = "state"
        raise ValueError("x")

    async def page(request, exc):
        seen.update(
            user=request.user.display_name,
            scopes=request.auth.scopes,
            session=dict(request.session),
            state=request.state.deep,
            path_params=request.path_params,
            route=request.scope["route"].path_format,
            app=request.app,
            path=request.url.path,
            url=request.url_for("api", path="y").path,
        )
        return PlainTextResponse("page", 500)

    app = App(
        routes=[Mount("/api", name="api", routes=[Route("/x/{id:int}", endpoint, methods=["POST"])])],
        middleware=[
            Middleware(Passing),
            Middleware(around),
            Middleware(SessionMiddleware, secret_key="k" * 32),
            Middleware(AuthenticationMiddleware, backend=Backend()),
        ],
        exception_handlers={Exception: page},
        max_body_size=100,
    )
    scope = http_scope("POST", "/api/x/7")
    del scope["state"]
    reply = Reply()
    with pytest.raises(ValueError, match="x"):
        await run(app, scope, body_messages(b""), reply=reply)
    assert (reply.status, reply.text) == (500, "page")
    assert seen == {
        "user": "ada",
        "scopes": ["known"],
        "session": {"visits": 3},
        "state": "state",
        "path_params": {"id": 7},
        "route": "/api/x/{id}",
        "app": app,
        "path": "/api/x/7",
        "url": "/api/y",
    }


STACKS = {
    "nothing": [],
    "session": [Middleware(SessionMiddleware, secret_key="k" * 32)],
    "authentication": [Middleware(AuthenticationMiddleware, backend=Backend())],
    "limit": [Middleware(RequestBodyLimitMiddleware, 100)],
    "around": [Middleware(around)],
    "gzip": [Middleware(GZipMiddleware)],
    "base": [Middleware(Passing)],
    "reading": [Middleware(Reading)],
    "many": [Stack(Middleware(Passing), Middleware(around), When(lambda scope: True, Middleware(Reading)))],
    "errors": [Middleware(ServerErrorMiddleware), Middleware(ExceptionMiddleware)],
}


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
@pytest.mark.parametrize("key", [Exception, KeyError])
@pytest.mark.parametrize("read", ["json", "body", "stream", "partly", "not at all"])
async def test_reading_the_body_in_a_handler_never_waits(stack, key, read):
    async def endpoint(request):
        if read in ("json", "body"):
            await getattr(request, read)()
        elif read in ("stream", "partly"):
            async with aclosing(request.stream()) as chunks:
                async for _ in chunks:
                    if read == "partly":
                        break
        raise KeyError("x")

    async def handler(request, exc):
        try:
            body = await request.body()
        except RuntimeError as failure:
            return PlainTextResponse(f"RuntimeError: {failure}", 500)
        return PlainTextResponse(body, 500)

    for limits in ({}, {"max_body_size": 100}):
        app = App(routes=mounted(endpoint), middleware=stack, exception_handlers={key: handler}, **limits)
        reply, raised = await post(app, "/api/v1/x/1")
        assert reply.status == 500
        # In place the handler gets the very Request that was streamed; outside, one that finds what a Request has read.
        kept = key is Exception and stack in (STACKS["reading"], STACKS["many"])
        streamed = read in ("stream", "partly") and not kept
        if key is Exception and stack is STACKS["errors"]:
            assert reply.text == "Internal Server Error"
        elif read == "partly" and key is KeyError and reply.text == '": 1}':
            pass  # the same Request goes on where it stopped
        elif streamed:
            assert reply.text.startswith("RuntimeError: ")
        else:
            assert reply.body == b'{"a": 1}'
        assert (raised is None) == (key is KeyError)


async def test_the_handler_outside_gets_the_body_that_its_own_receive_gave():
    """A middleware that changes the body has been asked for the changed one; a handler outside reads the original."""

    async def endpoint(request):
        raise KeyError(await request.body())

    async def handler(request, exc):
        return PlainTextResponse(await request.body(), 500)

    app = App(routes=mounted(endpoint), middleware=[Middleware(Shouting)], exception_handlers={Exception: handler})
    reply, raised = await post(app, "/api/v1/x/1")
    assert reply.body == b'{"a": 1}'
    assert raised.args == (b'{"A": 1}',)


async def test_a_middleware_that_fails_before_the_application_leaves_the_body_to_the_handler():
    class Refusing:
        def __init__(self, app):
            pass

        async def __call__(self, scope, receive, send):
            raise KeyError("x")

    async def handler(request, exc):
        return PlainTextResponse(await request.body(), 500)

    app = App(middleware=[Middleware(Refusing)], exception_handlers={Exception: handler})
    reply, _ = await post(app, "/")
    assert reply.body == b'{"a": 1}'
