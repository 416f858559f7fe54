"""strawberry-graphql: queries, mutations and uploads over HTTP, subscriptions over WebSocket, its own page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

import pytest
import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from strawberry.asgi import GraphQL
from strawberry.file_uploads import Upload
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_WS_PROTOCOL


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, info: strawberry.Info, name: str = "world") -> str:
        info.context["response"].headers["X-Said"] = name
        return f"hello {name} from {info.context['request'].url.path}"


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def size(self, file: Upload) -> int:
        return len(await file.read())


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int) -> AsyncGenerator[int, None]:
        for number in range(to):
            yield number
            await asyncio.sleep(0)


class Endpoint(GraphQL):
    async def get_context(self, request, response: Response) -> dict:
        assert isinstance(request, Request) or request.scope["type"] == "websocket"
        return {"request": request, "response": response}


graphql = Endpoint(strawberry.Schema(Query, Mutation, Subscription), multipart_uploads_enabled=True)
routes = [Route("/graphql", graphql), WebSocketRoute("/graphql", graphql), Mount("/mounted", graphql)]
client = TestClient(Starlette(routes=routes))


@pytest.mark.parametrize("path", ["/graphql", "/mounted/"])
def test_a_query(path):
    response = client.post(path, json={"query": '{ hello(name: "Ada") }'})
    assert response.json() == {"data": {"hello": f"hello Ada from {path}"}}
    assert response.headers["x-said"] == "Ada"
    assert client.get(path, params={"query": "{ hello }"}).json()["data"]["hello"].startswith("hello world")


def test_a_query_that_is_wrong():
    assert client.post("/graphql", json={"query": "{ nothing }"}).json()["errors"]
    assert client.post("/graphql", content=b"{", headers={"content-type": "application/json"}).status_code == 400
    assert client.put("/graphql").status_code == 405


def test_an_upload():
    operations = {"query": "mutation($file: Upload!) { size(file: $file) }", "variables": {"file": None}}
    form = {"operations": json.dumps(operations), "map": json.dumps({"f": ["variables.file"]})}
    response = client.post("/graphql", data=form, files={"f": ("a.txt", b"12345")})
    assert response.json() == {"data": {"size": 5}}


def test_a_subscription():
    with client.websocket_connect("/graphql", [GRAPHQL_TRANSPORT_WS_PROTOCOL]) as session:
        assert session.accepted_subprotocol == GRAPHQL_TRANSPORT_WS_PROTOCOL
        session.send_json({"type": "connection_init"})
        assert session.receive_json() == {"type": "connection_ack"}
        session.send_json({"id": "1", "type": "subscribe", "payload": {"query": "subscription { count(to: 2) }"}})
        numbers = [session.receive_json() for _ in range(2)]
        assert [message["payload"]["data"]["count"] for message in numbers] == [0, 1]
        assert session.receive_json() == {"id": "1", "type": "complete"}


def test_a_subscription_of_the_older_protocol():
    with client.websocket_connect("/graphql", [GRAPHQL_WS_PROTOCOL]) as session:
        session.send_json({"type": "connection_init"})
        assert session.receive_json() == {"type": "connection_ack"}
        session.send_json({"id": "1", "type": "start", "payload": {"query": "subscription { count(to: 1) }"}})
        assert session.receive_json()["payload"]["data"] == {"count": 0}
        assert session.receive_json() == {"id": "1", "type": "complete"}


def test_its_page():
    response = client.get("/graphql", headers={"accept": "text/html"})
    assert "graphiql" in response.text.lower()
