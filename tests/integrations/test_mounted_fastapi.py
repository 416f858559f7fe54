"""A FastAPI application, on Starlette itself, mounted in one of asgi_framework: what passes between them is the scope."""

from __future__ import annotations

import contextlib

import fastapi
import pytest
from starlette.responses import StreamingResponse

from asgi_framework import App, JSONResponse, Middleware, Mount, NoMatchFound, Request, Route, SessionMiddleware
from asgi_testclient import TestClient


@contextlib.asynccontextmanager
async def their_lifespan(app):
    yield {"theirs": "opened"}


api = fastapi.FastAPI(lifespan=their_lifespan)


@api.get("/items/{id}", name="item")
async def item(id: int, request: fastapi.Request):
    visits = request.session.get("visits")
    return {"id": id, "visits": visits, "ours": request.state.ours, "theirs": request.state.theirs}


@api.get("/missing")
async def missing():
    raise fastapi.HTTPException(404, "not there")


@contextlib.asynccontextmanager
async def our_lifespan(app):
    yield {"ours": "opened"}


async def home(request: Request) -> JSONResponse:
    request.session["visits"] = request.session.get("visits", 0) + 1
    with pytest.raises(NoMatchFound):
        request.url_for("api:unknown")
    return JSONResponse({"link": str(request.url_for("api:item", id=7)), "docs": request.url_for("api:openapi").path})


async def rows(request: Request) -> StreamingResponse:
    return StreamingResponse(iter(["a\n", "b\n"]))


app = App(
    routes=[Route("/", home), Route("/rows", rows), Mount("/api", api, name="api")],
    middleware=[Middleware(SessionMiddleware, secret_key="a long random text")],
    lifespan=our_lifespan,
)
app.router.lifespan_of_mounts = True


def test_links_sessions_and_state_pass_into_a_mounted_fastapi():
    with TestClient(app) as client:
        link = client.get("/").json()
        assert link == {"link": "http://testserver/api/items/7", "docs": "/api/openapi.json"}
        assert client.get(link["link"]).json() == {"id": 7, "visits": 1, "ours": "opened", "theirs": "opened"}
        assert client.get("/api/items/x").status_code == 422
        assert client.get("/api/missing").json() == {"detail": "not there"}


def test_an_endpoint_may_return_a_response_of_starlette():
    assert TestClient(app).get("/rows").text == "a\nb\n"
