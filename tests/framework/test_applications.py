from __future__ import annotations

import contextlib
import logging
import pickle

import pytest

from asgi_framework import (
    App,
    BaseHTTPMiddleware,
    HTTPException,
    JSONResponse,
    Middleware,
    Mount,
    PlainTextResponse,
    Request,
    Route,
    Router,
    URLPath,
    WebSocketRoute,
)
from asgi_framework.middleware import ExceptionMiddleware
from asgi_framework.routing import MethodNotAllowed, NoMatchFound
from asgi_middleware import ConfigurationWarning
from asgi_middleware.gzip import GZipMiddleware
from asgi_routing.routes import AllowedMethods
from raw_asgi import body_messages, http_scope, request, run, websocket_scope


class Conflict(Exception):
    pass


async def home(request: Request):
    return PlainTextResponse("home")


async def fail(request):
    raise Conflict("failed")


class Named:
    """Writes its name on the way in and into the answer on the way out."""

    def __init__(self, app, name):
        self.app = app
        self.name = name

    async def __call__(self, scope, receive, send):
        async def named(message):
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"x-through", self.name)]}
            await send(message)

        await self.app(scope, receive, named)


async def test_a_path_that_nothing_matches_is_a_404():
    reply = await request(App(), "GET", "/nowhere")
    assert (reply.status, reply.body) == (404, b"Not Found")


async def test_a_wrong_method_is_a_405_with_the_right_ones():
    app = App(routes=[Route("/", home), Route("/", home, methods=["POST"])])
    reply = await request(app, "DELETE", "/")
    assert (reply.status, reply.header("allow")) == (405, "GET, HEAD, POST")


async def test_exception_handlers_see_404_and_405():
    async def handler(request, exc):
        return JSONResponse({"detail": exc.detail, "path": request.url.path}, exc.status_code, exc.headers)

    app = App(routes=[Route("/", home)], exception_handlers={HTTPException: handler})
    assert (await request(app, "GET", "/nowhere")).body == b'{"detail":"Not Found","path":"/nowhere"}'
    assert (await request(app, "PUT", "/")).header("allow") == "GET, HEAD"


async def test_a_handler_may_change_a_405_and_leave_the_rest_to_it():
    async def add_header(request, exc):
        exc.headers["Retry-After"] = "1"
        return exc

    async def reword(request, exc):
        exc.detail = "Not so"
        return exc

    for handler, body, header in [(add_header, b"Method Not Allowed", "1"), (reword, b"Not so", None)]:
        app = App(routes=[Route("/", home, methods=["POST"])], exception_handlers={405: handler})
        for method, sent in [("PUT", body), ("HEAD", b""), ("PUT", body)]:
            reply = await request(app, method)
            assert (reply.status, reply.body, reply.header("retry-after")) == (405, sent, header)
            assert (reply.header("allow"), reply.header("content-length")) == ("POST", str(len(body)))


async def test_the_response_of_a_405_is_that_of_any_http_exception():
    app = App(routes=[Route("/", home, methods=["POST"])])
    for method in ("GET", "HEAD"):
        ours = await request(app, method)
        plain = await request(HTTPException(405, headers={"Allow": "POST"}), method)
        assert (ours.status, ours.headers, ours.body) == (plain.status, plain.headers, plain.body)
    exc = MethodNotAllowed(AllowedMethods(["POST"]))
    assert (repr(exc), str(exc)) == (
        "MethodNotAllowed(status_code=405, detail='Method Not Allowed')",
        "405: Method Not Allowed",
    )
    assert pickle.loads(pickle.dumps(exc)).headers == {"Allow": "POST"}


async def test_the_default_handler_returns_a_response_to_a_405():
    class Own(ExceptionMiddleware):
        async def http_exception(self, request, exc):
            response = await super().http_exception(request, exc)
            response.set_cookie("seen", "1")
            return response

    app = Router([Route("/", home, methods=["POST"])], middleware=[Middleware(Own)])
    reply = await request(app)
    assert (reply.status, reply.body, reply.header("allow")) == (405, b"Method Not Allowed", "POST")
    assert reply.header("set-cookie").startswith("seen=1")


async def test_a_405_denies_a_websocket_as_any_http_exception():
    exc = MethodNotAllowed(AllowedMethods(["POST"]))
    sent = []
    scope = {"type": "websocket", "extensions": {"websocket.http.response": {}}}

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    await exc(scope, receive, send)
    assert (sent[0]["status"], sent[0]["headers"][0]) == (405, (b"allow", b"POST"))


async def test_a_handler_for_a_status_comes_before_one_for_a_class():
    app = App(
        exception_handlers={
            HTTPException: lambda request, exc: PlainTextResponse("class", 404),
            404: lambda request, exc: PlainTextResponse("status", 404),
        }
    )
    assert (await request(app)).body == b"status"


@pytest.mark.parametrize("key", [500, Exception])
async def test_500_and_exception_answer_what_is_left_and_the_exception_goes_on(key):
    app = App(routes=[Route("/", fail)], exception_handlers={key: lambda request, exc: PlainTextResponse("sorry", 500)})
    from raw_asgi import Reply

    reply = Reply()
    with pytest.raises(Conflict):
        await run(app, http_scope(), body_messages(b""), reply=reply)
    assert (reply.status, reply.body) == (500, b"sorry")


async def test_middleware_is_stacked_in_its_order():
    app = App(routes=[Route("/", home)], middleware=[Middleware(Named, name=b"outer"), Middleware(Named, b"inner")])
    app.add_middleware(Named, name=b"outermost")
    assert (await request(app)).all("x-through") == ["inner", "outer", "outermost"]


async def test_middleware_wraps_the_answers_of_exception_handlers():
    app = App(middleware=[Middleware(Named, name=b"seen")])
    reply = await request(app)
    assert (reply.status, reply.header("x-through")) == (404, "seen")


async def test_middleware_cannot_be_added_after_the_first_request():
    app = App()
    await request(app)
    with pytest.raises(RuntimeError, match="Cannot add middleware after an application has started"):
        app.add_middleware(Named, name=b"late")


async def test_a_value_that_is_not_a_middleware_is_named_at_the_first_request():
    def not_a_middleware(app):
        return None

    app = App(middleware=[Middleware(not_a_middleware)])
    with pytest.raises(
        TypeError, match=r"not_a_middleware \(.*test_applications.py:\d+\) returned None: a middleware must be"
    ):
        await request(app)


async def test_a_handler_of_the_wrong_signature_is_a_warning_and_an_error_once_it_is_called():
    async def handler(exc):
        pass

    complaint = r"an exception handler takes \(request, exc\): .*handler \(.*test_applications.py:\d+\) does not"
    with pytest.warns(UserWarning, match=f"{complaint}, and fails when it is called"):
        app = App(routes=[Route("/", home)], exception_handlers={404: handler})
    assert (await request(app)).status == 200
    with pytest.raises(TypeError, match=complaint):
        await request(app, "GET", "/nowhere")


@pytest.mark.parametrize("key", ["x404", 404.0, KeyboardInterrupt, None, ValueError("an instance")])
async def test_a_handler_for_what_can_never_be_raised_is_ignored_with_a_warning(key):
    with pytest.warns(
        UserWarning, match="is never raised, so its handler is ignored: write a status code, such as 404"
    ):
        app = App(exception_handlers={key: lambda request, exc: PlainTextResponse("handled")})
    assert (await request(app)).text == "Not Found"


async def test_a_status_that_is_a_string_is_read_as_a_number_with_a_warning():
    app = App()
    with pytest.warns(ConfigurationWarning, match="the status '404' is a string: write 404") as warned:
        app.add_exception_handler("404", lambda request, exc: PlainTextResponse("handled"))
    assert warned[0].filename == __file__
    assert (await request(app)).text == "handled"


async def test_a_body_read_in_a_middleware_is_there_in_the_endpoint():
    class Reader(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            assert await request.body() == b"the body"
            return await call_next(request)

    class PureReader:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            assert await Request(scope, receive).body() == b"the body"
            await self.app(scope, receive, send)

    async def echo(request):
        return PlainTextResponse(await request.body())

    for reader in (Reader, PureReader):
        app = App(routes=[Route("/", echo, methods=["POST"])], middleware=[Middleware(reader)])
        assert (await request(app, "POST", "/", body=b"the body")).body == b"the body"


async def test_the_body_limit_holds_for_the_application_a_mount_and_a_route():
    async def size(request):
        return PlainTextResponse(str(len(await request.body())))

    app = App(
        routes=[
            Route("/", size, methods=["POST"]),
            Route("/large", size, methods=["POST"], max_body_size=20),
            Mount("/small", routes=[Route("/", size, methods=["POST"])], max_body_size=2),
            Mount("/router", Router([Route("/", size, methods=["POST"])], max_body_size=2)),
        ],
        max_body_size=10,
    )
    results = [(path, n, (await request(app, "POST", path, body=[b"x" * n])).status) for path, n in (
        ("/", 10), ("/", 11), ("/large", 20), ("/large", 21),
        ("/small/", 2), ("/small/", 3), ("/router/", 2), ("/router/", 3),
    )]  # fmt: skip
    assert [status for *_, status in results] == [200, 413] * 4, results


async def test_the_debug_page_is_there_for_browsers():
    from raw_asgi import Reply

    reply = Reply()
    app = App(debug=True, routes=[Route("/", fail)])
    with pytest.raises(Conflict):
        await run(app, http_scope(headers=[(b"accept", b"text/html")]), body_messages(b""), reply=reply)
    assert b"Conflict" in reply.body
    assert reply.header("cache-control") == "no-store"


async def test_debug_logs_routes_that_nothing_reaches(caplog):
    app = App(debug=True, routes=[Route("/{name}", home, name="any"), Route("/never", home, name="never")])
    with caplog.at_level(logging.WARNING, "asgi_framework"):
        await request(app, "GET", "/x")
    assert "any" in caplog.text
    assert "never" in caplog.text


async def test_lifespan_state_reaches_requests_and_websockets():
    events = []

    @contextlib.asynccontextmanager
    async def lifespan(app):
        events.append(("start", app))
        yield {"pool": "open"}
        events.append(("stop", app))

    async def pool(request):
        return PlainTextResponse(request.state.pool)

    async def pool_ws(websocket):
        await websocket.accept()
        await websocket.send_text(websocket.state.pool)
        await websocket.close()

    app = App(routes=[Route("/", pool), WebSocketRoute("/ws", pool_ws)], lifespan=lifespan)
    state = {}
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    reply = await run(app, {"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}, messages)
    assert reply.types == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert events == [("start", app), ("stop", app)]
    assert (await request(app, state=state)).body == b"open"
    reply = await run(app, websocket_scope("/ws", state=state), [{"type": "websocket.connect"}])
    assert reply.messages[1]["text"] == "open"


async def test_routes_can_be_added_by_method():
    async def other(request):
        return PlainTextResponse("other " + request.url.path)

    async def ws(websocket):
        await websocket.close()

    app = App()
    app.add_route("/", home, methods=["GET"], name="home")
    app.mount("/mounted", App(routes=[Route("/x", other, name="x")]), name="mounted")
    app.host("api.example.org", App(routes=[Route("/", other)]), name="api")
    app.router.add_websocket_route("/ws", ws, name="ws")
    assert (await request(app)).body == b"home"
    assert (await request(app, "GET", "/mounted/x")).body == b"other /mounted/x"
    assert app.url_path_for("mounted:x") == "/mounted/x"
    assert isinstance(app.url_path_for("home"), URLPath)
    with pytest.raises(NoMatchFound):
        app.url_path_for("nothing")
    assert len(app.routes) == 4


async def test_the_first_route_added_at_the_end_is_reached_after_the_first_request():
    app = App(routes=[Route("/", home)])
    assert (await request(app, "GET", "/late")).status == 404
    app.add_route("/late", home)
    assert (await request(app, "GET", "/late")).body == b"home"


async def test_a_host_is_routed_by_name():
    app = App()
    app.host("api.example.org", PlainTextResponse("api"))
    app.mount("/", PlainTextResponse("rest"))
    assert (await request(app, headers=[(b"host", b"api.example.org")])).body == b"api"
    assert (await request(app, headers=[(b"host", b"example.org")])).body == b"rest"


async def test_state_is_shared_through_the_application():
    async def endpoint(request):
        return PlainTextResponse(request.app.state.name)

    app = App(routes=[Route("/", endpoint)])
    app.state.name = "ada"
    assert (await request(app)).body == b"ada"


async def test_url_for_goes_through_the_router_of_the_application():
    async def endpoint(request):
        return PlainTextResponse(str(request.url_for("item", id=3)))

    app = App(routes=[Route("/", endpoint), Route("/items/{id:int}", home, name="item")])
    assert (await request(app, headers=[(b"host", b"example.org")])).body == b"http://example.org/items/3"


async def test_without_an_application_a_router_answers_for_itself():
    router = Router([Route("/", home)])
    assert (await request(router, "GET", "/nowhere")).status == 404
    assert (await request(router, "POST", "/")).status == 405


async def test_a_websocket_to_nowhere_is_refused():
    reply = await run(App(), websocket_scope("/nowhere"), [{"type": "websocket.connect"}])
    assert reply.status == 404


async def test_an_exception_handler_sees_a_body_that_is_too_large():
    async def size(request):
        return PlainTextResponse(str(len(await request.body())))

    async def handler(request, exc):
        return JSONResponse({"detail": exc.detail}, 413)

    routes = [Route("/", size, methods=["POST"]), Route("/route", size, methods=["POST"], max_body_size=3)]
    app = App(routes=routes, exception_handlers={413: handler}, max_body_size=5)
    for path, headers in (("/", []), ("/route", []), ("/", [(b"content-length", b"6")])):
        reply = await request(app, "POST", path, body=[b"abc", b"def"], headers=headers)
        assert (reply.status, reply.body) == (413, b'{"detail":"Content Too Large"}')


async def test_in_debug_middleware_in_the_wrong_order_is_logged(caplog):
    records = [Middleware(GZipMiddleware), Middleware(GZipMiddleware)]
    for debug in (True, False):
        app = App(debug=debug, middleware=records)
        await request(app)
    assert [record.getMessage() for record in caplog.records if "GZip" in record.getMessage()] == [
        "GZipMiddleware occurs twice: the second does the work of the first again"
    ]


async def test_the_nonce_of_a_template_is_that_of_the_policy(tmp_path):
    pytest.importorskip("jinja2", reason="pip install jinja2")
    from asgi_middleware.security_headers import SecurityHeadersMiddleware
    from asgi_requests.templating import Jinja2Templates

    (tmp_path / "page.html").write_text('<script nonce="{{ csp_nonce() }}">start()</script>')
    templates = Jinja2Templates(tmp_path)

    async def page(request):
        return templates.TemplateResponse(request, "page.html")

    reply = await request(App(routes=[Route("/", page)], middleware=[Middleware(SecurityHeadersMiddleware)]))
    nonce = reply.text.split('"')[1]
    assert len(nonce) >= 22
    assert f"'nonce-{nonce}'" in reply.header("content-security-policy")
    assert reply.header("cache-control") == "no-store"
