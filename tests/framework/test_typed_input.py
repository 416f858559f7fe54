"""Typed bodies, queries and negotiation in an application: what is refused is answered wherever it is raised."""

from __future__ import annotations

import pytest

from asgi_framework import (
    App,
    BaseHTTPMiddleware,
    Middleware,
    PlainTextResponse,
    Route,
    TestClient,
    WebSocketRoute,
    negotiate,
)
from asgi_framework import UnprocessableContent as Unprocessable
from asgi_middleware.body_limit import RequestBodyLimitMiddleware
from asgi_middleware.problems import ProblemDetailsMiddleware

msgspec = pytest.importorskip("msgspec")


class Order(msgspec.Struct):
    amount: int = 1


async def buy(request):
    return PlainTextResponse(str((await request.json(type=Order)).amount))


async def sell(request):
    async with request.form(type=Order) as order:
        return PlainTextResponse(str(order.amount))


async def find(request):
    return PlainTextResponse(str(request.query_params.as_type(Order).amount))


async def page(request):
    return PlainTextResponse(negotiate(request, ["text/plain"])).with_vary("Accept")


async def talk(websocket):
    websocket.query_params.as_type(Order)
    await websocket.accept()
    await websocket.close()


class ReadsFirst(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        await request.body()
        return await call_next(request)


ROUTES = [
    Route("/buy", buy, methods=["POST"]),
    Route("/sell", sell, methods=["POST"]),
    Route("/find", find),
    Route("/page", page),
    WebSocketRoute("/", talk),
]


@pytest.mark.parametrize("middleware", [[], [Middleware(ProblemDetailsMiddleware)]], ids=["plain", "problems"])
@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_what_does_not_fit_is_answered_by_the_exception_itself(middleware, debug, backend):
    with TestClient(App(routes=ROUTES, middleware=middleware, debug=debug), backend=backend) as client:
        assert client.post("/buy", json={"amount": 2}).text == "2"
        for response in (client.post("/buy", json={"amount": "x"}), client.get("/find?amount=x")):
            assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
            assert response.json()["errors"][0]["detail"].startswith("Expected `int`")
        assert client.post("/buy", content="{").status_code == 400
        refused = client.get("/page", headers={"accept": "image/png"})
        assert (refused.status_code, refused.headers["vary"]) == (406, "Accept")
        assert client.get("/page").headers["vary"] == "Accept"


@pytest.mark.parametrize("limit_outside", [True, False])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_types_are_read_behind_whatever_limits_or_reads_the_body(limit_outside, backend):
    stack = [Middleware(RequestBodyLimitMiddleware, 100), Middleware(ReadsFirst)]
    app = App(routes=ROUTES, middleware=stack if limit_outside else stack[::-1])
    with TestClient(app, backend=backend) as client:
        for path, key in (("/buy", "json"), ("/sell", "data")):
            assert client.post(path, **{key: {"amount": "2" if key == "data" else 2}}).text == "2"
            assert client.post(path, **{key: {"amount": "x"}}).status_code == 422
            assert client.post(path, **{key: {"amount": "x" * 200}}).status_code == 413
        assert client.post("/buy", content=iter([b"[" * 60] * 3)).status_code == 413


def test_a_handler_of_the_application_answers_instead():
    async def answer(request, exc):
        return PlainTextResponse(exc.errors[0]["parameter"], exc.status_code)

    for key in (422, Unprocessable):
        with TestClient(App(routes=ROUTES, exception_handlers={key: answer})) as client:
            response = client.get("/find?amount=x")
            assert (response.status_code, response.text) == (422, "amount")


def test_a_websocket_is_refused():
    with TestClient(App(routes=ROUTES)) as client:
        with client.websocket_connect("/?amount=3"):
            pass
        with pytest.raises(Exception, match="422"), client.websocket_connect("/?amount=x"):
            pass
