from __future__ import annotations

import asyncio
import functools
import inspect
import sys

import pytest

from asgi_middleware.errors import ServerErrorMiddleware
from asgi_middleware.exceptions import ExceptionMiddleware
from raw_asgi import Reply, garbage_of, http_scope, request, run, websocket_scope

CONNECT = {"type": "websocket.connect"}


class Stop(Exception):
    """An exception with a status and an answer of its own, as asgi_requests' HTTPException is."""

    def __init__(self, status_code=404, detail="stop"):
        self.status_code = status_code
        self.detail = detail

    async def __call__(self, scope, receive, send):
        if scope["type"] == "websocket":
            assert (await receive())["type"] == "websocket.connect"
        prefix = "websocket." if scope["type"] == "websocket" else ""
        await send({"type": f"{prefix}http.response.start", "status": self.status_code, "headers": []})
        await send({"type": f"{prefix}http.response.body", "body": b"own"})


class ClientLibraryError(Exception):
    status_code = 404


def raising(exc):
    async def app(scope, receive, send):
        raise exc

    return app


def text(body, status=200):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


def says(body):
    return lambda scope, exc: text(body)


async def started_then(exc):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise exc

    return app


async def test_a_handler_answers_its_class_and_those_below():
    app = ExceptionMiddleware(raising(KeyError("x")), {LookupError: says(b"lookup"), ValueError: says(b"value")})
    assert (await request(app)).body == b"lookup"


async def test_the_nearest_class_along_the_mro_wins():
    app = ExceptionMiddleware(raising(KeyError("x")), {Exception: says(b"any"), KeyError: says(b"key")})
    assert (await request(app)).body == b"key"


async def test_a_handler_receives_the_scope_and_the_exception_and_may_be_async():
    async def handler(scope, exc):
        return text(f"{scope['path']} {exc}".encode())

    assert (await request(ExceptionMiddleware(raising(ValueError("bad")), {ValueError: handler}))).body == b"/ bad"


async def test_a_status_comes_before_a_class():
    handlers = {404: says(b"status"), Stop: says(b"class")}
    app = ExceptionMiddleware(raising(Stop(404)), handlers, status_exception=Stop)
    assert (await request(app)).body == b"status"
    app = ExceptionMiddleware(raising(Stop(410)), handlers, status_exception=Stop)
    assert (await request(app)).body == b"class"


async def test_a_foreign_status_code_attribute_is_nobodys_status():
    error = ClientLibraryError("upstream says: secret")
    app = ExceptionMiddleware(raising(error), {404: says(b"status")}, status_exception=Stop)
    with pytest.raises(ClientLibraryError) as caught:
        await request(app)
    assert caught.value is error


async def test_an_exception_that_is_an_application_answers_itself():
    reply = await request(ExceptionMiddleware(raising(Stop(410))))
    assert (reply.status, reply.body) == (410, b"own")


@pytest.mark.parametrize("exc", [ValueError("x"), type("Callable", (Exception,), {"__call__": lambda self: None})()])
async def test_an_exception_without_a_handler_passes_unchanged(exc):
    with pytest.raises(type(exc)) as caught:
        await request(ExceptionMiddleware(raising(exc), {KeyError: says(b"")}))
    assert caught.value is exc
    assert exc.__context__ is None


async def test_a_response_that_has_started_is_not_followed_by_another():
    reply, exc = Reply(), Stop()
    with pytest.raises(RuntimeError, match=r"^Caught handled exception, but response already started\.$") as caught:
        await run(ExceptionMiddleware(await started_then(exc)), http_scope(), reply=reply)
    assert caught.value.__cause__ is exc
    assert reply.types == ["http.response.start"]


async def test_a_message_before_the_start_does_not_count_as_one():
    async def app(scope, receive, send):
        await send({"type": "http.response.early_hint", "links": []})
        raise Stop

    assert (await request(ExceptionMiddleware(app))).status == 404


async def test_a_handlers_own_failure_passes():
    def handler(scope, exc):
        raise OSError("handler")

    with pytest.raises(OSError, match="handler") as caught:
        await request(ExceptionMiddleware(raising(ValueError("x")), {ValueError: handler}))
    assert isinstance(caught.value.__context__, ValueError)


def plain_decorator(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


def marked(function):
    def wrapper(*args):
        return function(*args)

    if sys.version_info >= (3, 12):
        return inspect.markcoroutinefunction(wrapper)
    wrapper._is_coroutine = asyncio.coroutines._is_coroutine
    return wrapper


def marked_around_a_plain_one(function):
    wrapper = marked(function)
    wrapper.__wrapped__ = lambda *args: function(*args)
    return wrapper


@pytest.mark.parametrize("decorator", [plain_decorator, marked, marked_around_a_plain_one])
async def test_a_decorated_call_is_an_application_too(decorator):
    decorated = type("Decorated", (Stop,), {"__call__": decorator(Stop.__call__)})
    assert (await request(ExceptionMiddleware(raising(decorated(410))))).status == 410


@pytest.mark.parametrize("error", [Stop(410), KeyError("x")])
async def test_a_constant_that_is_raised_again_and_again_keeps_no_frames(error):
    app = ExceptionMiddleware(raising(error), {KeyError: says(b"handled")})
    for _ in range(3):
        await request(app)
        assert error.__traceback__ is None


def test_a_handler_that_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="the exception handler for <class 'KeyError'> is not callable: 'sorry'"):
        ExceptionMiddleware(text(b""), {KeyError: "sorry"})


@pytest.mark.parametrize("key", ["404", BaseException, None, object])
def test_a_key_that_never_matches_is_refused(key):
    with pytest.raises(ValueError, match="needs a status code or an Exception class"):
        ExceptionMiddleware(text(b""), {key: says(b"")})


def test_a_status_without_the_class_that_carries_it_is_refused():
    with pytest.raises(ValueError, match="needs status_exception="):
        ExceptionMiddleware(text(b""), {404: says(b"")})


async def test_handlers_can_be_added_and_called_in_another_way_by_a_subclass():
    class Framework(ExceptionMiddleware):
        async def respond(self, handler, exc, scope, receive, send, connection=None):
            await handler((scope, receive), exc)(scope, receive, send)

    app = Framework(raising(ValueError("x")))
    app.add_exception_handler(ValueError, lambda request, exc: text(request[0]["path"].encode()))
    assert (await request(app)).body == b"/"


@pytest.mark.parametrize("kind", ["lifespan", "x-custom"])
@pytest.mark.parametrize("middleware", [ExceptionMiddleware, ServerErrorMiddleware])
async def test_other_scopes_pass_with_the_same_three_objects(kind, middleware):
    seen, error = [], Stop()

    async def app(*arguments):
        seen.extend(arguments)
        raise error

    given = ({"type": kind}, object(), object())
    with pytest.raises(Stop) as caught:
        await middleware(app)(*given)
    assert caught.value is error
    assert all(a is b for a, b in zip(seen, given, strict=True))


async def test_neighbours_share_one_watcher_of_the_start():
    senders = []

    async def app(scope, receive, send):
        senders.append(send)
        await text(b"x")(scope, receive, send)

    async def between(scope, receive, send):
        senders.append(send)
        await ExceptionMiddleware(ExceptionMiddleware(app))(scope, receive, send)

    assert (await request(ServerErrorMiddleware(between))).body == b"x"
    assert senders[0] == senders[1]


async def test_no_cycle_is_left_by_a_request():
    app = ServerErrorMiddleware(ExceptionMiddleware(raising(Stop())))
    assert await garbage_of(lambda: app(http_scope(), None, Reply_send())) == 0


class Reply_send:
    async def __call__(self, message):
        pass


async def test_a_websocket_is_denied_with_the_answer():
    reply = await run(ExceptionMiddleware(raising(Stop(403))), websocket_scope(), [CONNECT])
    assert (reply.types, reply.status, reply.body) == (
        ["websocket.http.response.start", "websocket.http.response.body"],
        403,
        b"own",
    )


async def test_an_http_answer_becomes_a_denial():
    app = ExceptionMiddleware(raising(ValueError("x")), {ValueError: says(b"no")})
    reply = await run(app, websocket_scope(), [CONNECT])
    assert reply.types == ["websocket.http.response.start", "websocket.http.response.body"]
    assert reply.body == b"no"


async def test_a_websocket_is_closed_where_no_denial_is_offered():
    reply = await run(ExceptionMiddleware(raising(Stop())), websocket_scope(extensions={}), [CONNECT])
    assert reply.messages == [{"type": "websocket.close", "code": 1000, "reason": ""}]


async def test_what_goes_before_an_http_answer_is_dropped_where_it_becomes_a_close():
    async def page(scope, receive, send):
        await send({"type": "http.response.debug", "info": {}})
        await text(b"x")(scope, receive, send)

    app = ExceptionMiddleware(raising(ValueError("x")), {ValueError: lambda scope, exc: page})
    assert (await run(app, websocket_scope(extensions={}), [CONNECT])).types == ["websocket.close"]


async def test_the_connect_is_there_for_the_answer_even_if_the_application_took_it():
    async def app(scope, receive, send):
        await receive()
        raise Stop(403)

    assert (await run(ExceptionMiddleware(app), websocket_scope(), [CONNECT])).status == 403


def accepted_then(exc):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        raise exc

    return app


@pytest.mark.parametrize("extensions", [{}, {"websocket.http.response": {}}], ids=["plain", "denials"])
@pytest.mark.parametrize(("status", "code"), [(403, 1008), (404, 1008), (500, 1011), (503, 1011)])
async def test_an_accepted_websocket_is_closed_for_the_status_with_the_detail(status, code, extensions):
    app = ExceptionMiddleware(accepted_then(Stop(status, "not here")), status_exception=Stop)
    reply = await run(app, websocket_scope(extensions=extensions), [CONNECT])
    assert reply.messages[1:] == [{"type": "websocket.close", "code": code, "reason": "not here"}]


@pytest.mark.parametrize(
    ("detail", "reason"),
    [("x" * 123, "x" * 123), ("x" * 124, "x" * 123), ("x" + "é" * 70, "x" + "é" * 61), ("a\ud800", "a?"), (4, "4")],
)
async def test_a_reason_is_cut_to_what_a_close_frame_holds(detail, reason):
    app = ExceptionMiddleware(accepted_then(Stop(400, detail)), status_exception=Stop)
    reply = await run(app, websocket_scope(), [CONNECT])
    assert reply.messages[1]["reason"] == reason
    assert len(reply.messages[1]["reason"].encode()) <= 123


async def test_a_handler_may_hide_the_detail():
    app = ExceptionMiddleware(
        accepted_then(Stop(400, "secret")), {Stop: lambda scope, exc: text(b"", 500)}, status_exception=Stop
    )
    reply = await run(app, websocket_scope(), [CONNECT])
    assert reply.messages[1:] == [{"type": "websocket.close", "code": 1011, "reason": ""}]


async def test_an_exception_that_is_an_application_but_has_no_status_gives_no_reason():
    reply = await run(ExceptionMiddleware(accepted_then(Stop(400))), websocket_scope(), [CONNECT])
    assert reply.messages[1:] == [{"type": "websocket.close", "code": 1008, "reason": ""}]


async def test_a_handler_may_close_an_accepted_websocket_and_read_on():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        raise ValueError

    async def goodbye(scope, receive, send):
        assert [(await receive())["type"] for _ in range(2)] == ["websocket.connect", "websocket.receive"]
        await send({"type": "websocket.close", "code": 1008})

    app = ExceptionMiddleware(app, {ValueError: lambda scope, exc: goodbye})
    reply = await run(app, websocket_scope(), [CONNECT, {"type": "websocket.receive", "text": "x"}])
    assert reply.types == ["websocket.accept", "websocket.close"]


@pytest.mark.parametrize("take", [0, 1, 2])
async def test_nothing_is_sent_to_a_websocket_that_has_gone(take):
    async def app(scope, receive, send):
        for _ in range(take):
            await receive()
        raise Stop

    messages = [CONNECT, {"type": "websocket.disconnect"}] if take == 2 else [{"type": "websocket.disconnect"}]
    assert (await run(ExceptionMiddleware(app), websocket_scope(), messages)).messages == []


async def test_nothing_is_sent_after_a_close():
    async def app(scope, receive, send):
        await receive()
        raise ValueError

    async def twice(scope, receive, send):
        await send({"type": "websocket.close"})
        await send({"type": "websocket.close"})

    app = ExceptionMiddleware(app, {ValueError: lambda scope, exc: twice})
    assert (await run(app, websocket_scope(), [CONNECT])).types == ["websocket.close"]


async def test_a_denial_that_has_started_is_not_followed_by_another():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
        raise Stop

    with pytest.raises(RuntimeError, match="response already started"):
        await run(ExceptionMiddleware(app), websocket_scope(), [CONNECT])


async def test_a_websockets_own_exceptions_pass():
    with pytest.raises(ValueError, match="mine"):
        await run(ExceptionMiddleware(raising(ValueError("mine"))), websocket_scope(), [CONNECT])


@pytest.mark.parametrize("scope", [http_scope(), websocket_scope()], ids=["http", "websocket"])
async def test_send_is_known_for_a_coroutine_function(scope):
    iscoroutinefunction = inspect.iscoroutinefunction if sys.version_info >= (3, 12) else asyncio.iscoroutinefunction
    known = []

    async def app(scope, receive, send):
        known.append(iscoroutinefunction(send))

    await run(ServerErrorMiddleware(ExceptionMiddleware(app)), scope)
    assert known == [True]


@pytest.mark.parametrize("scope", [http_scope(), websocket_scope()], ids=["http", "websocket"])
async def test_inner_applications_find_the_middleware_in_the_scope_and_the_caller_does_not(scope):
    found = []

    async def app(scope, receive, send):
        found.append(scope["asgi_middleware.exceptions"])

    inner = ExceptionMiddleware(app)

    async def between(scope, receive, send):
        found.append(scope["asgi_middleware.exceptions"])
        await inner(scope, receive, send)
        found.append(scope["asgi_middleware.exceptions"])

    outer = ExceptionMiddleware(between)
    before = dict(scope)
    await run(outer, scope)
    assert found == [outer, inner, outer]
    assert scope == before


async def test_neighbours_share_one_watcher_of_the_handshake():
    given = []

    async def app(scope, receive, send):
        given.append((receive, send))
        await send({"type": "websocket.close", "code": 1000})

    async def between(scope, receive, send):
        given.append((receive, send))
        await ExceptionMiddleware(app)(scope, receive, send)

    async def other_send(scope, receive, send):
        async def own(message):
            await send(message)

        given.append((receive, send))
        await ExceptionMiddleware(app)(scope, receive, own)

    await run(ServerErrorMiddleware(between), websocket_scope(), [{"type": "websocket.connect"}])
    await run(ServerErrorMiddleware(other_send), websocket_scope(), [{"type": "websocket.connect"}])
    assert given[0] == given[1]
    assert given[2][0] != given[3][0]
