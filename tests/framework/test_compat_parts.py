"""The small parts that Starlette's ecosystem imports and that live in compat itself."""

from __future__ import annotations

import asyncio
import gzip
import threading
import warnings
import zlib

import anyio
import anyio.to_thread
import pytest

from asgi_framework import App, JSONResponse, PlainTextResponse, Request, Response, Route
from asgi_requests.exceptions import HTTPException
from asgi_requests.websockets import WebSocket
from raw_asgi import http_scope, request, run, websocket_scope

pytestmark = pytest.mark.usefixtures("starlette")


async def test_handlers_answer_within_an_application_that_has_its_request_already():
    from starlette._exception_handler import wrap_app_handling_exceptions

    seen = []

    class Mine(HTTPException):
        pass

    async def by_class(request, exc):
        seen.append(request)
        return PlainTextResponse(f"mine {exc.status_code}")

    def by_status(request, exc):
        seen.append(threading.current_thread() is threading.main_thread())
        return PlainTextResponse("teapot")

    def silent(request, exc):
        return None

    async def endpoint(scope, receive, send):
        request = Request(scope, receive, send)

        async def inner(scope, receive, send):
            code = int(request.query_params["code"])
            raise KeyError if code == 0 else LookupError if code == 1 else Mine(code)

        await wrap_app_handling_exceptions(inner, request)(scope, receive, send)
        seen.append(request)

    class Endpoint:
        def __await__(self): ...

        async def __call__(self, scope, receive, send):
            await endpoint(scope, receive, send)

    app = App(routes=[Route("/", Endpoint())], exception_handlers={Mine: by_class, 418: by_status, KeyError: silent})
    assert (await request(app, query=b"code=400")).text == "mine 400"
    assert seen[0] is seen[1]
    assert (await request(app, query=b"code=418")).text == "teapot"
    assert seen[2] is False
    with pytest.raises(LookupError):
        await request(app, query=b"code=1")
    with pytest.raises(TypeError, match=r"silent \(.*test_compat_parts.py:\d+\) returned nothing"):
        await request(app, query=b"code=0")


async def test_exceptions_answer_for_themselves_and_so_do_handlers_of_the_middleware():
    from starlette._exception_handler import wrap_app_handling_exceptions

    import asgi_middleware.exceptions

    def failing(exc):
        async def app(scope, receive, send):
            async def inner(scope, receive, send):
                raise exc

            kind = Request if scope["type"] == "http" else WebSocket
            await wrap_app_handling_exceptions(inner, kind(scope, receive, send))(scope, receive, send)

        return app

    async def later(scope, exc):
        return PlainTextResponse("later")

    handlers = {KeyError: lambda scope, exc: PlainTextResponse("now"), IndexError: later}
    middleware = asgi_middleware.exceptions.ExceptionMiddleware
    for exc, text in ((KeyError(), "now"), (IndexError(), "later"), (HTTPException(403), "Forbidden")):
        assert (await request(middleware(failing(exc), handlers))).text == text
    with pytest.raises(ValueError, match="unhandled"):
        await request(failing(ValueError("unhandled")))
    reply = await run(middleware(failing(HTTPException(403))), websocket_scope(), [{"type": "websocket.connect"}])
    assert reply.status == 403


async def test_a_program_may_put_handlers_in_the_scope_itself():
    from starlette._exception_handler import _lookup_exception_handler, wrap_app_handling_exceptions

    async def handler(request, exc):
        return JSONResponse(type(exc).__name__)

    def failing(exc):
        async def app(scope, receive, send):
            raise exc

        return wrap_app_handling_exceptions(app, None)

    def silent(request, exc):
        return None

    tables = {"starlette.exception_handlers": ({LookupError: handler, OSError: silent}, {404: handler})}
    assert (await run(failing(OSError()), http_scope(**tables))).messages == []
    for exc in (KeyError(), HTTPException(404)):
        reply = await run(failing(exc), http_scope(**tables))
        assert reply.body == JSONResponse(type(exc).__name__).body
    for exc in (ValueError(), HTTPException(405)):
        with pytest.raises(type(exc)):
            await run(failing(exc), http_scope(**tables))
    assert _lookup_exception_handler({LookupError: 1, Exception: 2}, KeyError()) == 1
    assert _lookup_exception_handler({}, KeyError()) is None


async def test_nothing_is_answered_twice():
    from starlette._exception_handler import wrap_app_handling_exceptions

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        raise KeyError

    async def handler(request, exc): ...

    tables = {"starlette.exception_handlers": ({KeyError: handler}, {})}
    with pytest.raises(RuntimeError, match="Caught handled exception, but response already started"):
        await run(wrap_app_handling_exceptions(app, None), http_scope(**tables))


async def test_instruments_may_wrap_the_handlers_of_the_exception_middleware():
    from starlette.exceptions import WebSocketException
    from starlette.middleware.exceptions import ExceptionMiddleware

    def gone(request, exc):
        return PlainTextResponse("gone")

    async def app(scope, receive, send):
        raise {"/": KeyError, "/gone": HTTPException(410), "/teapot": HTTPException(418)}[scope["path"]]

    middleware = ExceptionMiddleware(app, {KeyError: gone, 410: gone})
    handlers = middleware._exception_handlers
    assert list(handlers) == [HTTPException, WebSocketException, KeyError]
    assert middleware._status_handlers == {410: gone}
    for key in handlers:
        handlers[key] = lambda request, exc: PlainTextResponse("wrapped")
    assert (await request(middleware)).text == "wrapped"
    assert (await request(middleware, path="/teapot")).text == "wrapped"
    assert (await request(middleware, path="/gone")).text == "gone"
    del handlers[KeyError]
    with pytest.raises(KeyError):
        await request(middleware)


@pytest.mark.parametrize(
    ("header", "host", "port", "valid"),
    [
        ("Example.org", "Example.org", None, True),
        ("a_b.example:000080", "a_b.example", "000080", True),
        ("a:65535", "a", "65535", True),
        ("a:65536", "a", "65536", False),
        ("a:" + "9" * 5000, "a", "9" * 5000, False),
        ("a:000", "a", "000", True),
        ("[::1]:8000", "[::1]", "8000", True),
        ("[v1.fe:x]", "[v1.fe:x]", None, True),
    ],
)
def test_a_host_header_is_read(header, host, port, valid):
    from starlette._utils import ParsedHost, parse_host_header

    parsed = parse_host_header(header)
    assert parsed == ParsedHost(host, port)
    assert (parsed.authority, parsed.is_valid_port) == (header, valid)


@pytest.mark.parametrize(
    "header", [None, "", "a b", "a:", "a:x", "a/b", "a?b", "a#b", "u@a", "[::zz]", "[:::]", "[::1", "é", "a\n"]
)
def test_a_malformed_host_header_is_none(header):
    from starlette._utils import parse_host_header

    assert parse_host_header(header) is None


async def test_a_task_group_raises_the_one_exception_itself():
    from starlette._utils import create_collapsing_task_group

    async def fail(exc):
        raise exc

    async def collapse(*errors):
        async with create_collapsing_task_group():
            if len(errors) == 1:
                await fail(errors[0])
            raise ExceptionGroup("several", errors) if errors else BaseExceptionGroup("deep", [deep])

    async def race(*errors):
        async with create_collapsing_task_group() as group:
            for error in errors:
                group.start_soon(fail, error)

    await race()
    cause, error, quiet = OSError(), KeyError("one"), KeyError("two")
    error.__cause__ = cause
    quiet.__suppress_context__ = True
    deep = BaseExceptionGroup("deeper", [quiet])
    with pytest.raises(KeyError) as caught:
        await collapse(error)
    assert caught.value is error
    assert caught.value.__cause__ is cause
    with pytest.raises(KeyError) as silent:
        await collapse()
    assert silent.value is quiet
    assert silent.value.__cause__ is None
    with pytest.raises(BaseExceptionGroup) as several:
        await collapse(IndexError(), KeyError())
    assert several.group_contains(KeyError)
    assert several.group_contains(IndexError)
    with pytest.raises(BaseExceptionGroup) as both:
        await race(IndexError(), KeyError())
    assert len(both.value.exceptions) == 2


async def test_what_is_awaited_may_be_entered_and_is_closed():
    from starlette._utils import AwaitableOrContextManager, AwaitableOrContextManagerWrapper

    class Thing:
        closed = False

        async def close(self):
            self.closed = True

    async def make():
        return Thing()

    assert not (await AwaitableOrContextManagerWrapper(make())).closed
    async with AwaitableOrContextManagerWrapper(make()) as thing:
        assert not thing.closed
    assert thing.closed
    assert AwaitableOrContextManager[Thing]


async def test_lifespans_of_an_older_kind():
    from starlette.routing import _DefaultLifespan, _wrap_gen_lifespan_context

    steps = []

    def lifespan(app):
        steps.append(app)
        yield {"key": 1}
        steps.append("end")

    async with _wrap_gen_lifespan_context(lifespan)("app") as state:
        assert (state, steps) == ({"key": 1}, ["app"])
    assert steps == ["app", "end"]
    none = _DefaultLifespan(None)
    async with none("app") as state:
        assert state is None


def test_the_end_of_an_iterator_is_not_a_stop_iteration():
    from starlette.concurrency import _next, _StopIteration

    assert _next(iter([1])) == 1
    with pytest.raises(_StopIteration):
        _next(iter([]))


def test_bytes_are_decoded_whatever_they_are():
    from starlette.formparsers import FormMessage, _user_safe_decode

    assert [_user_safe_decode(b"\xc3\xa9", codec) for codec in ("utf-8", "ascii", "no-such")] == ["é", "Ã©", "Ã©"]
    assert FormMessage.END.value == 5


async def test_a_body_over_the_limit_is_an_http_exception():
    from starlette.middleware.body_limit import (
        MAX_BODY_SIZE_SCOPE_KEY,
        RequestBodyLimitMiddleware,
        RequestBodyLimitResponder,
        _get_content_length,
        _RequestBodyTooLarge,
    )

    caught = []

    async def app(scope, receive, send):
        assert MAX_BODY_SIZE_SCOPE_KEY in scope
        try:
            await receive()
        except HTTPException as exc:
            caught.append(exc)
            raise
        await Response()(scope, receive, send)

    for limited in (RequestBodyLimitMiddleware(app, 3), RequestBodyLimitResponder(app, 3)):
        assert (await request(limited, "POST", body=b"abc")).status == 200
        assert (await request(limited, "POST", body=b"abcd")).status == 413
    assert {type(exc) for exc in caught} == {_RequestBodyTooLarge}
    headers = [(b"host", b"a"), (b"Content-Length", b"12")]
    assert _get_content_length({"headers": headers}) == 12
    assert _get_content_length({"headers": [(b"content-length", b"-1")]}) is None
    assert _get_content_length({"headers": headers[:1]}) is None


async def test_an_answer_to_an_unread_body_is_overruled_without_an_error():
    app = App(routes=[Route("/", lambda request: PlainTextResponse("ok"), methods=["POST"])], max_body_size=3)
    assert (await request(app, "POST", headers=[(b"content-length", b"4")])).status == 413


async def test_schemas_are_responses():
    pytest.importorskip("yaml")
    from starlette.schemas import OpenAPIResponse, SchemaGenerator, _remove_converter_pattern

    schemas = SchemaGenerator({"openapi": "3.0.0", "info": {"title": "Shop", "version": "1"}})

    def users(request):
        """
        responses:
          200: {description: All of them}
        """

    def schema(request):
        return schemas.OpenAPIResponse(request=request)

    app = App(routes=[Route("/users", users), Route("/schema", schema, include_in_schema=False)])
    reply = await request(app, path="/schema")
    assert reply.header("content-type") == "application/vnd.oai.openapi"
    assert "All of them" in reply.text
    assert isinstance(OpenAPIResponse({}), Response)
    assert _remove_converter_pattern.sub("}", "/{id:int}") == "/{id}"


def test_a_schema_has_the_parameters_of_paths_where_it_is_asked_for():
    pytest.importorskip("yaml")
    from starlette.schemas import SchemaGenerator

    def user(request):
        """
        summary: One user
        """

    routes = [Route("/users/{id:int}", user)]
    assert SchemaGenerator({}).get_schema(routes=routes)["paths"] == {"/users/{id}": {"get": {"summary": "One user"}}}
    (item,) = SchemaGenerator({}, path_parameters=True).get_schema(routes)["paths"].values()
    assert [parameter["name"] for parameter in item["get"]["parameters"]] == ["id"]


async def test_a_wsgi_application_and_its_request():
    from starlette.middleware.wsgi import WSGIResponder, build_environ

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["wsgi.input"].read()]

    async def responder(scope, receive, send):
        await WSGIResponder(app, scope)(receive, send)

    assert (await request(responder, "POST", body=b"hello")).body == b"hello"
    environ = build_environ(http_scope("POST", "/a"), b"body")
    assert (environ["PATH_INFO"], environ["wsgi.input"].read()) == ("/a", b"body")


TEXT = (b"content-type", b"text/plain")


def sending(*chunks, headers=(TEXT,), extra=()):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        for message in extra:
            await send(message)
        for index, chunk in enumerate(chunks):
            await send({"type": "http.response.body", "body": chunk, "more_body": index + 1 < len(chunks)})

    return app


@pytest.mark.parametrize("thread_minimum_size", [1, 1000])
@pytest.mark.parametrize("chunks", [[b"a" * 600], [b"a" * 300, b"", b"b" * 300]])
async def test_a_responder_gzips_whatever_the_client_accepts(chunks, thread_minimum_size):
    from starlette.middleware.gzip import GZipResponder

    app = GZipResponder(sending(*chunks), 500, thread_minimum_size=thread_minimum_size)
    reply = await request(app)
    assert gzip.decompress(reply.body) == b"".join(chunks)
    assert (reply.header("content-encoding"), reply.header("vary")) == ("gzip", "Accept-Encoding")
    assert reply.header("content-length") == (str(len(reply.body)) if len(chunks) == 1 else None)


@pytest.mark.parametrize(
    ("chunks", "headers", "vary"),
    [
        ([b"small"], [TEXT], "Accept-Encoding"),
        ([b"a" * 600], [(b"content-type", b"image/png")], None),
        ([b"a" * 300, b"b" * 300], [TEXT, (b"content-encoding", b"br")], None),
    ],
)
async def test_a_responder_passes_on_what_is_small_or_encoded(chunks, headers, vary):
    from starlette.middleware.gzip import GZipResponder

    reply = await request(GZipResponder(sending(*chunks, headers=headers), 500))
    assert reply.body == b"".join(chunks)
    assert reply.header("vary") == vary


async def test_other_messages_pass_in_their_order():
    from starlette.middleware.gzip import GZipResponder, IdentityResponder

    push = {"type": "http.response.push", "path": "/a", "headers": []}
    reply = await request(GZipResponder(sending(b"a" * 600, extra=[push]), 500))
    assert reply.types == ["http.response.start", "http.response.push", "http.response.body"]
    assert (reply.body, reply.header("content-encoding")) == (b"a" * 600, None)
    reply = await request(GZipResponder(hinting, 1))
    assert reply.types == ["http.response.early_hint", "http.response.start", "http.response.body"]
    assert gzip.decompress(reply.body) == b"hinted"
    assert (await request(IdentityResponder(sending(), 500))).types == ["http.response.start"]


async def hinting(scope, receive, send):
    await send({"type": "http.response.early_hint", "links": []})
    await sending(b"hinted")(scope, receive, send)


async def test_a_responder_is_a_base_for_other_encodings():
    from starlette.middleware.gzip import IdentityResponder, unattached_send

    class Deflate(IdentityResponder):
        content_encoding = "deflate"

        async def apply_compression(self, body, *, more_body):
            return zlib.compress(body)

    reply = await request(Deflate(sending(b"a" * 600, headers=[TEXT, (b"content-length", b"600")]), 500))
    assert zlib.decompress(reply.body) == b"a" * 600
    assert reply.header("content-length") == str(len(reply.body))
    reply = await request(Deflate(sending(b"a" * 600, b"", headers=[TEXT, (b"content-length", b"600")]), 500))
    assert reply.header("content-length") is None
    reply = await request(IdentityResponder(sending(b"a" * 300, b"b" * 300), 500))
    assert (reply.body, reply.header("content-encoding")) == (b"a" * 300 + b"b" * 300, None)
    with pytest.raises(RuntimeError, match="send awaitable not set"):
        await unattached_send({})


def test_the_test_client_is_as_tolerant_as_starlettes():
    pytest.importorskip("asgi_testclient")
    from starlette.testclient import TestClient

    async def sloppy(scope, receive, send):
        assert set(scope["extensions"]) == {"http.response.debug", "http.response.trailers"}
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"X-Upper", b"1"), (b"connection", b"close")]}
        )
        await send({"type": "http.response.body", "body": b"ok"})

    assert TestClient(sloppy).get("/").text == "ok"
    assert TestClient(sloppy, strict="off").get("/").text == "ok"


def test_asgi_2_applications_are_tested_too():
    pytest.importorskip("asgi_testclient")
    from starlette.testclient import TestClient

    def app(scope):
        async def instance(receive, send):
            await PlainTextResponse("two")(scope, receive, send)

        return instance

    assert TestClient(app).get("/").text == "two"


@pytest.mark.parametrize("when", ["connect", "accept", "receive"])
@pytest.mark.parametrize("raise_server_exceptions", [True, False])
def test_a_websocket_session_raises_what_the_application_did_not_catch(when, raise_server_exceptions):
    pytest.importorskip("asgi_testclient")
    from starlette.testclient import TestClient
    from starlette.websockets import WebSocketDisconnect

    async def app(scope, receive, send):
        websocket = WebSocket(scope, receive, send)
        if when == "connect":
            raise ValueError("early")
        await websocket.accept()
        if when == "accept":
            raise ValueError("late")
        await websocket.receive_text()

    client = TestClient(app, raise_server_exceptions=raise_server_exceptions)
    kind = WebSocketDisconnect if when == "receive" else ValueError
    with pytest.raises(kind), client.websocket_connect("/"):
        pass
    if when == "receive":
        with pytest.raises(KeyError), client.websocket_connect("/"):
            raise KeyError


def test_a_denied_websocket_is_a_disconnect_with_1000_and_a_response():
    pytest.importorskip("asgi_testclient")
    from starlette.testclient import TestClient, WebSocketDenialResponse
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect) as caught, TestClient(App()).websocket_connect("/nowhere"):
        pass
    assert isinstance(caught.value, WebSocketDenialResponse)
    assert (caught.value.code, caught.value.status_code) == (1000, 404)
    with pytest.raises(WebSocketDisconnect) as closed, TestClient(refusing).websocket_connect("/"):
        pass
    assert closed.value.code == 4000


async def refusing(scope, receive, send):
    await receive()
    await send({"type": "websocket.close", "code": 4000, "reason": ""})


def test_the_steps_of_a_form_are_deprecated():
    from starlette.exceptions import StarletteDeprecationWarning
    from starlette.formparsers import FormMessage

    with pytest.warns(StarletteDeprecationWarning, match="`FormMessage` is deprecated") as caught:
        assert FormMessage(1) is FormMessage.FIELD_START
    assert caught[0].filename == __file__


def test_a_timeout_is_kept_to_and_warned_of():
    testclient = pytest.importorskip("asgi_testclient")
    from starlette.exceptions import StarletteDeprecationWarning
    from starlette.testclient import TestClient

    async def never(scope, receive, send):
        await anyio.sleep_forever()

    client = TestClient(never)
    message = "You should not use the 'timeout' argument"
    with pytest.raises(testclient.AppTimeout), pytest.warns(StarletteDeprecationWarning, match=message):
        client.get("/", timeout=0.01)
    assert TestClient(App()).get("/", timeout=None).status_code == 404


def test_the_test_client_warns_of_nothing_that_starlettes_allows():
    pytest.importorskip("asgi_testclient")
    from starlette.testclient import TestClient

    tasks = []

    async def index(request):
        tasks.append(asyncio.create_task(asyncio.sleep(100)))
        return PlainTextResponse("ok")

    app = App(routes=[Route("/", index)])

    async def in_a_running_loop():
        return TestClient(app).get("/").text

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with TestClient(app) as client:
            assert client.get("/").text == "ok"
        assert asyncio.run(in_a_running_loop()) == "ok"
    assert all(task.cancelled() for task in tasks)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_exception_on_its_way_through_a_thread_is_raised_when_a_websocket_is_left(backend, monkeypatch):
    calls = pytest.importorskip("asgi_testclient._calls.base")
    # As long as a loaded machine takes; the moment is over when the application has ended.
    monkeypatch.setattr(calls, "MOMENT", 60_000)
    from starlette.testclient import TestClient

    class Held:
        async def __aenter__(self): ...

        async def __aexit__(self, *exc_info):
            await anyio.to_thread.run_sync(len, "")
            await anyio.sleep(0)

    async def app(scope, receive, send):
        async with Held():
            await WebSocket(scope, receive, send).accept()
            raise ValueError("late")

    with pytest.raises(ValueError, match="late"), TestClient(app, backend=backend).websocket_connect("/"):
        pass


def test_an_application_that_goes_on_is_cancelled_when_it_is_left():
    pytest.importorskip("asgi_testclient")
    from starlette.testclient import TestClient

    ended = []

    async def app(scope, receive, send):
        try:
            await WebSocket(scope, receive, send).accept()
            await anyio.sleep_forever()
        finally:
            ended.append(scope["path"])

    with TestClient(app).websocket_connect("/"):
        pass
    assert ended == ["/"]
