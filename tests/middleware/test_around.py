"""around_http, When and Stack: a middleware of a generator function, chosen and composed."""

from __future__ import annotations

import contextlib
import contextvars
import functools

import anyio
import pytest

from asgi_middleware import Middleware
from asgi_middleware.around import Stack, When, around_http
from asgi_middleware.gzip import GZipMiddleware
from raw_asgi import Reply, garbage_of, http_scope, request, run

HEAD = {"type": "http.response.start", "status": 200, "headers": [(b"A", b"1"), (b"Set-Cookie", b"x")], "x": 1}


def sending(*messages):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    return app


hello = sending(HEAD, {"type": "http.response.body", "body": b"hello"})


@around_http
async def tagging(scope, value="mine", *, header="x-tag"):
    """Tags responses."""
    start = yield
    start.headers[header] = value
    yield


async def test_a_function_becomes_a_middleware_with_its_own_arguments():
    assert (await request(tagging(hello))).header("x-tag") == "mine"
    assert (await request(tagging(hello, "yours", header="y"))).header("y") == "yours"
    cls, args, kwargs = Middleware(tagging, header="z")
    assert (await request(cls(hello, *args, **kwargs))).header("z") == "mine"
    cls, args, kwargs = tagging
    assert (await request(cls(hello, *args, **kwargs))).header("x-tag") == "mine"
    assert (tagging.__name__, tagging.__doc__, repr(tagging)) == ("tagging", "Tags responses.", "around_http(tagging)")
    assert repr(Middleware(tagging, header="z")) == "Middleware(tagging, header='z')"


async def test_the_code_runs_before_the_response_at_its_head_and_after_its_end():
    steps = []

    @around_http
    async def watching(scope):
        steps.append("before")
        start = yield
        steps.append(start.status)
        yield
        steps.append("after")

    async def app(scope, receive, send):
        steps.append("app")
        for message in (HEAD, {"type": "http.response.body", "more_body": True}, {"type": "http.response.body"}):
            await send(message)
            steps.append("sent")
        steps.append("background")

    await request(watching(app))
    assert steps == ["before", "app", 200, "sent", "sent", "after", "sent", "background"]


@pytest.mark.parametrize(
    "messages",
    [
        [HEAD, {"type": "http.response.body", "more_body": True}, {"type": "http.response.body"}],
        [HEAD, {"type": "http.response.pathsend", "path": "/x"}],
        [HEAD, {"type": "http.response.zerocopysend", "more_body": True}, {"type": "http.response.zerocopysend"}],
        [
            HEAD | {"trailers": True},
            {"type": "http.response.body"},
            {"type": "http.response.trailers", "more_trailers": True},
            {"type": "http.response.trailers"},
        ],
        [
            {"type": "http.response.debug"},
            HEAD,
            {"type": "http.response.x-future"},
            {"type": "http.response.body"},
        ],
    ],
)
async def test_messages_pass_unchanged_and_the_last_one_ends_the_response(messages):
    ended = []

    @around_http
    async def watching(scope):
        yield
        yield
        ended.append(len(reply.messages))

    reply = Reply()
    await run(watching(sending(*messages)), http_scope(), reply=reply)
    assert all(sent is message for sent, message in zip(reply.messages, messages, strict=True))
    assert ended == [len(messages)]


async def test_the_head_can_be_read_and_changed_without_touching_the_applications():
    @around_http
    async def editing(scope):
        start = yield
        headers = start.headers
        assert start.headers is headers
        assert (headers["a"], headers.get("b"), "A" in headers, "b" in headers, 5 in headers) == (
            *("1", None, True, False),
            False,
        )
        assert (list(headers), len(headers), headers.getlist("set-cookie")) == (["a", "set-cookie"], 2, ["x"])
        headers.append("Set-Cookie", "y")
        headers["A"] = "2"
        headers["b"] = "3"
        del headers["B"]
        with pytest.raises(KeyError):
            del headers["b"]
        headers.add_vary("Cookie", "cookie")
        start.status = 201

    reply = await request(editing(hello))
    assert reply.start == {
        **HEAD,
        "status": 201,
        "headers": [(b"Set-Cookie", b"x"), (b"set-cookie", b"y"), (b"a", b"2"), (b"vary", b"Cookie")],
    }
    assert HEAD["headers"] == [(b"A", b"1"), (b"Set-Cookie", b"x")]


INVALID = [
    ("x-tag", "a\r\nset-cookie: x=1", ValueError, "has a control character"),
    ("x-tag", "a\0", ValueError, "has a control character"),
    ("x-tag", "\u20ac", ValueError, "latin-1"),
    ("x-tag", 1, TypeError, "must be a str, not 1"),
    ("x tag", "a", ValueError, "invalid header name"),
    ("x-tag\r\nb", "a", ValueError, "invalid header name"),
    ("", "a", ValueError, "invalid header name"),
    (1, "a", TypeError, "a header name must be a str"),
]


@pytest.mark.parametrize(("name", "value", "error", "message"), INVALID, ids=range(len(INVALID)))
async def test_a_header_that_could_begin_another_is_refused_where_it_is_set(name, value, error, message):
    refused = []

    @around_http
    async def editing(scope):
        start = yield
        for edit in (start.headers.__setitem__, start.headers.append):
            with pytest.raises(error, match=message):
                edit(name, value)
            refused.append(name)

    assert (await request(editing(hello))).start is HEAD
    assert len(refused) == 2


async def test_other_mistakes_at_the_head_are_named():
    @around_http
    async def editing(scope):
        start = yield
        with pytest.raises(TypeError, match="the status must be an int, not '200'"):
            start.status = "200"
        with pytest.raises(ValueError, match="invalid header name: 'a, b'"):
            start.headers.add_vary("a, b")
        start.headers.add_vary()
        assert start.headers.get("\u20ac") is None
        assert start.headers.getlist("\u20ac") == []

    assert (await request(editing(hello))).start is HEAD


@pytest.mark.parametrize("look", [True, False])
async def test_the_status_alone_can_be_changed(look):
    @around_http
    async def editing(scope):
        start = yield
        assert not look or start.headers["a"] == "1"
        start.status = 503

    assert (await request(editing(hello))).start == HEAD | {"status": 503}


@pytest.mark.parametrize("container", [tuple, iter, lambda pairs: [[*pair] for pair in pairs]])
async def test_headers_may_come_in_any_container_or_not_at_all(container):
    @around_http
    async def reading(scope):
        start = yield
        assert start.headers["a"] == "1"

    message = {"type": "http.response.start", "status": 200, "headers": container([(b"a", b"1")])}
    assert (await request(reading(sending(message)))).header("a") == "1"
    assert (await request(tagging(sending({"type": "http.response.start", "status": 200})))).headers == [
        (b"x-tag", b"mine")
    ]


async def test_any_application_can_answer_in_its_stead():
    @around_http
    async def closing(scope):
        if scope["path"] == "/closed":
            start = yield sending({"type": "http.response.start", "status": 503}, {"type": "http.response.body"})
            start.headers["retry-after"] = "9"

    async def never(scope, receive, send):
        raise AssertionError

    reply = await request(closing(never), path="/closed")
    assert (reply.status, reply.header("retry-after")) == (503, "9")
    assert (await request(closing(hello), path="/open")).body == b"hello"


async def test_what_the_application_raises_is_raised_at_the_yield_and_goes_on():
    seen = []
    error = LookupError("no")

    @around_http
    async def watching(scope):
        try:
            yield
            yield
        except LookupError as exc:
            seen.append(exc)
            raise
        finally:
            seen.append("done")

    for messages in ([], [HEAD]):

        async def app(scope, receive, send, messages=messages):
            await sending(*messages)(scope, receive, send)
            raise error

        with pytest.raises(LookupError) as caught:
            await request(watching(app))
        assert caught.value is error
        assert error.__context__ is None
    assert seen == [error, "done"] * 2


async def failing(scope, receive, send):
    if scope["path"] == "/late":
        await send(HEAD)
    if scope["path"] == "/after":
        await hello(scope, receive, send)
    raise LookupError("no")


async def test_a_generator_may_answer_an_exception_while_nothing_is_sent():
    @around_http
    async def sorry(scope):
        try:
            yield
            yield
        except LookupError:
            start = yield sending({"type": "http.response.start", "status": 404}, {"type": "http.response.body"})
            if start:
                start.headers["x"] = "sorry"

    reply = await request(sorry(failing))
    assert (reply.status, reply.header("x")) == (404, "sorry")
    assert (await request(sorry(failing), path="/late")).types == ["http.response.start"]
    with pytest.raises(LookupError):
        await request(sorry(failing), path="/after")


async def test_a_generator_may_swallow_or_replace_an_exception():
    @around_http
    async def swallowing(scope):
        try:
            yield
        except LookupError:
            return

    @around_http
    async def replacing(scope):
        try:
            yield
        except LookupError as exc:
            raise ValueError("other") from exc

    assert (await request(swallowing(failing))).messages == []
    with pytest.raises(ValueError, match="other"):
        await request(replacing(failing))


async def test_exceptions_of_the_generator_itself_reach_the_server_or_the_application():
    @around_http
    async def broken(scope):
        if scope["path"] == "/before":
            raise ZeroDivisionError
        yield
        if scope["path"] == "/head":
            raise ZeroDivisionError
        yield
        raise ZeroDivisionError

    for path in ("/before", "/head", "/after"):
        with pytest.raises(ZeroDivisionError):
            await request(broken(hello), path=path)


async def test_a_generator_may_return_at_any_time_or_yield_too_often():
    steps = []

    @around_http
    async def fickle(scope):
        try:
            for _ in range(int(scope["path"][1:])):
                yield
        finally:
            steps.append("closed")

    for count in range(5):
        assert (await request(fickle(hello), path=f"/{count}")).body == b"hello"
        assert (await request(fickle(sending()), path=f"/{count}")).messages == []
    assert steps == ["closed"] * 10


async def test_it_runs_in_the_same_task_and_context():
    variable = contextvars.ContextVar("variable", default="unset")
    tasks = []

    @around_http
    async def watching(scope):
        tasks.append(anyio.get_current_task().id)
        variable.set("by middleware")
        yield
        tasks.append(anyio.get_current_task().id)
        yield

    async def app(scope, receive, send):
        tasks.append(anyio.get_current_task().id)
        assert variable.get() == "by middleware"
        variable.set("by application")
        await hello(scope, receive, send)

    await request(watching(app))
    assert set(tasks) == {anyio.get_current_task().id}
    assert variable.get() == "by application"


async def test_a_generator_may_await_wherever_it_stands():
    steps = []

    @around_http
    async def waiting(scope):
        await anyio.sleep(0)
        try:
            start = yield
            await anyio.sleep(0)
            steps.append(start.status)
            yield
            await anyio.sleep(0)
            steps.append("after")
        except LookupError:
            await anyio.sleep(0)
            steps.append("caught")
        finally:
            await anyio.sleep(0)
            steps.append("closed")

    assert (await request(waiting(hello))).body == b"hello"
    await request(waiting(failing))
    await request(waiting(sending()))
    assert steps == [200, "after", "closed", "caught", "closed", "closed"]


async def test_a_generator_is_cancelled_where_it_awaits():
    steps = []

    @around_http
    async def waiting(scope):
        try:
            await anyio.sleep(9 if scope["path"] == "/before" else 0)
            yield
            await anyio.sleep(9)
        finally:
            steps.append(scope["path"])

    for path in ("/before", "/head"):
        with anyio.move_on_after(0.01):
            await request(waiting(hello), path=path)
    assert steps == ["/before", "/head"]


async def test_cancellation_passes_and_closes_the_generator():
    steps = []

    @around_http
    async def watching(scope):
        try:
            yield
        finally:
            steps.append("closed")

    async def app(scope, receive, send):
        steps.append("waiting")
        await anyio.sleep_forever()

    with anyio.move_on_after(0.01):
        await request(watching(app))
    assert steps == ["waiting", "closed"]


@pytest.mark.parametrize("depth", [1, 2])
async def test_both_yields_see_what_the_application_wrote_into_the_scope(depth):
    seen = []

    @around_http
    async def naming(scope):
        scope["example.name"] = "n"
        yield
        seen.append(scope["route"])
        yield
        seen.append(scope["user"])

    async def app(scope, receive, send):
        assert scope["example.name"] == "n"
        scope["route"] = "r"
        await send(HEAD)
        scope["user"] = "ada"
        await send({"type": "http.response.body"})

    for _ in range(depth):
        app = naming(app)
    scope = http_scope()
    await run(app, scope)
    assert scope == http_scope() | {"route": "r", "user": "ada", "example.name": "n"}
    assert seen == ["r"] * depth + ["ada"] * depth


async def identical(wrap):
    seen = []

    async def app(*triple):
        seen.append(triple)

    for kind in ("lifespan", "x-custom"):
        triple = ({"type": kind}, object(), object())
        await wrap(app)(*triple)
        assert all(a is b for a, b in zip(seen.pop(), triple, strict=True))


async def test_other_scopes_pass_with_the_same_objects():
    await identical(tagging)
    await identical(When(lambda scope: True, tagging))


def test_only_a_generator_function_can_be_a_middleware():
    async def forgotten(scope):
        pass

    def forgotten_too(scope):
        pass

    for function in (forgotten, forgotten_too, 42, None):
        with pytest.raises(TypeError, match="is not a generator function: it needs a `yield`"):
            around_http(function)


@pytest.mark.parametrize("after", [False, True])
async def test_a_function_that_yields_something_else_is_named(after):
    @around_http
    async def counting(scope):
        if after:
            with contextlib.suppress(LookupError):
                yield
        yield 42

    @around_http
    def counting_plainly(scope):
        if after:
            with contextlib.suppress(LookupError):
                yield
        yield 42

    for middleware in (counting, counting_plainly):
        with pytest.raises(TypeError, match="counting.* yielded 42, which is not an ASGI application"):
            await request(middleware(failing if after else hello))


async def test_a_callable_object_can_be_a_middleware():
    class Tagging:
        """Tags."""

        async def __call__(self, scope):
            start = yield
            start.headers["x-tag"] = "object"

    assert (await request(around_http(Tagging())(hello))).header("x-tag") == "object"
    assert repr(around_http(Tagging())) == "around_http(Tagging)"


@pytest.mark.parametrize("middleware", [tagging, around_http(lambda scope: (yield))], ids=["async", "plain"])
async def test_no_cycle_is_left_by_an_exception_that_passes(middleware):
    async def receive():
        raise AssertionError

    app = middleware(failing)

    async def fail():
        with contextlib.suppress(LookupError):
            await app(http_scope(), receive, receive)

    assert await garbage_of(fail) == 0


def on_api(scope):
    return scope["path"].startswith("/api")


@pytest.mark.parametrize("middleware", [tagging, Middleware(tagging), lambda app: tagging(app), [tagging, (), {}]])
async def test_when_applies_a_middleware_to_some_requests(middleware):
    app = When(on_api, middleware)(hello)
    assert (await request(app, path="/api/x")).header("x-tag") == "mine"
    assert (await request(app, path="/")).header("x-tag") is None


async def test_when_chooses_for_websockets_too():
    async def refusing(scope, receive, send):
        await send({"type": "websocket.close"})

    app = When(on_api, lambda app: refusing)(sending({"type": "websocket.accept"}))
    assert (await run(app, {"type": "websocket", "path": "/api"})).types == ["websocket.close"]
    assert (await run(app, {"type": "websocket", "path": "/"})).types == ["websocket.accept"]


@pytest.mark.parametrize(
    ("predicate", "message"),
    [
        ("/api", r"not '/api': lambda scope: scope\['path'\].startswith\('/api'\)$"),
        (None, "When needs a function of the scope, not None$"),
    ],
)
def test_a_predicate_that_cannot_be_called_is_named(predicate, message):
    with pytest.raises(TypeError, match=message):
        When(predicate, tagging)


@pytest.mark.parametrize("middleware", [42, None, "cors", (tagging,), (1, (), {}), iter([1, (), {}])])
def test_something_that_is_not_a_middleware_is_named(middleware):
    for make in (lambda: When(on_api, middleware), lambda: Stack(tagging, middleware)):
        with pytest.raises(TypeError, match=r"is not a middleware: write a class, or Middleware\(cls, ...\)"):
            make()


async def test_a_record_may_be_any_iterable():
    assert (await request(Stack(iter([tagging, ("mine",), {}]))(hello))).header("x-tag") == "mine"


async def test_a_stack_is_one_middleware_the_first_outermost():
    stack = Stack(
        Middleware(tagging, "outer"), Stack(tagging), When(on_api, Middleware(GZipMiddleware, minimum_size=1))
    )
    app = stack(sending(HEAD, {"type": "http.response.body", "body": b"a" * 99}))
    reply = await request(app, path="/api", headers=[(b"accept-encoding", b"gzip")])
    assert (reply.header("x-tag"), reply.header("content-encoding")) == ("outer", "gzip")
    cls, args, kwargs = Middleware(stack)
    assert (await request(cls(hello, *args, **kwargs))).header("x-tag") == "outer"
    assert Stack()(hello) is hello


def test_they_show_what_they_hold():
    stack = Stack(When(on_api, tagging), Middleware(GZipMiddleware, minimum_size=1))
    assert repr(stack) == "Stack(When(on_api, around_http(tagging)), Middleware(GZipMiddleware, minimum_size=1))"


@pytest.mark.parametrize(
    "factory",
    [
        lambda app: reading_headers(app),
        When(lambda scope: b"x-a" in dict(scope["headers"]), tagging),
    ],
    ids=["around_http", "When"],
)
async def test_request_headers_that_can_be_read_once_are_there_for_the_application_too(factory):
    async def app(scope, receive, send):
        assert list(scope["headers"]) == [(b"x-a", b"1")]
        scope["route"] = "a route"
        await hello(scope, receive, send)

    scope = http_scope(headers=[(b"x-a", b"1")])
    reply = await run(factory(app), scope | {"headers": iter(scope["headers"])})
    assert reply.header("x-tag") == "mine"


@around_http
async def reading_headers(scope):
    assert dict(scope["headers"]) == {b"x-a": b"1"}
    start = yield
    start.headers["x-tag"] = "mine"


@around_http
def plainly(scope, value="mine", *, steps=None):
    """Tags responses without an await."""
    steps = [] if steps is None else steps
    steps.append("before")
    try:
        start = yield
        start.headers["x-tag"] = value
        steps.append("head")
        yield
        steps.append("after")
    finally:
        steps.append("closed")


@pytest.mark.parametrize(
    "messages",
    [
        [HEAD, {"type": "http.response.body", "more_body": True}, {"type": "http.response.body"}],
        [
            {"type": "http.response.debug"},
            HEAD | {"trailers": True},
            {"type": "http.response.body"},
            {"type": "http.response.trailers"},
        ],
    ],
)
async def test_a_plain_generator_function_makes_a_middleware_too(messages):
    steps = []
    app = plainly(sending(*messages), "yours", steps=steps)
    assert (await request(app)).header("x-tag") == "yours"
    assert steps == ["before", "head", "after", "closed"]
    assert (await request(plainly(hello))).header("x-tag") == "mine"
    assert repr(plainly) == "around_http(plainly)"


async def test_a_plain_generator_is_closed_whatever_the_application_does():
    async def sleeping(scope, receive, send):
        await anyio.sleep_forever()

    for app, error in ((sending(), None), (sleeping, None), (failing, LookupError)):
        steps = []
        with anyio.move_on_after(0.01):
            if error is None:
                await request(plainly(app, steps=steps))
            else:
                with pytest.raises(error):
                    await request(plainly(app, steps=steps))
        assert steps == ["before", "closed"]


async def test_a_plain_generator_may_return_at_any_time_or_yield_too_often():
    steps = []

    @around_http
    def fickle(scope):
        try:
            for _ in range(int(scope["path"][1:])):
                yield
        finally:
            steps.append("closed")

    for count in range(5):
        assert (await request(fickle(hello), path=f"/{count}")).body == b"hello"
        assert (await request(fickle(sending()), path=f"/{count}")).messages == []
    assert steps == ["closed"] * 10


async def test_a_plain_generator_may_answer_instead_of_the_application_or_after_its_failure():
    @around_http
    def closing(scope):
        if scope["path"] == "/closed":
            start = yield sending({"type": "http.response.start", "status": 503}, {"type": "http.response.body"})
            start.headers["retry-after"] = "9"
            return
        try:
            start = yield
        except LookupError:
            start = yield sending({"type": "http.response.start", "status": 404}, {"type": "http.response.body"})
            start.headers["x"] = "sorry"

    reply = await request(closing(hello), path="/closed")
    assert (reply.status, reply.header("retry-after")) == (503, "9")
    reply = await request(closing(failing))
    assert (reply.status, reply.header("x")) == (404, "sorry")
    assert (await request(closing(hello))).body == b"hello"


async def test_a_plain_generator_may_swallow_or_raise_exceptions():
    @around_http
    def strict(scope):
        if scope["path"] == "/before":
            raise ZeroDivisionError
        try:
            yield
        except LookupError:
            return
        if scope["path"] == "/head":
            raise ZeroDivisionError
        yield
        raise ZeroDivisionError

    for path in ("/before", "/head", "/end"):
        with pytest.raises(ZeroDivisionError):
            await request(strict(hello), path=path)
    assert (await request(strict(failing))).messages == []


async def test_functions_that_only_return_a_generator_work_both_ways():
    """As what functools.partial makes: from outside it cannot be seen which of the two it is."""
    for middleware in (tagging, plainly):
        bound = around_http(functools.partial(middleware.function, value="bound"))
        assert (await request(bound(hello))).header("x-tag") == "bound"
