"""ariadne: GraphQL over HTTP, WebSockets and server-sent events, each with responses and endpoints of its own."""

from __future__ import annotations

import asyncio
import json

import pytest
from ariadne import MutationType, QueryType, SubscriptionType, make_executable_schema, upload_scalar
from ariadne.asgi import GraphQL
from ariadne.asgi.handlers import GraphQLTransportWSHandler
from ariadne.contrib.sse import GraphQLHTTPSSEHandler
from starlette.applications import Starlette
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient

TYPES = """
    scalar Upload
    type Query { hello(name: String): String! }
    type Mutation { size(file: Upload!): Int! }
    type Subscription { count(to: Int!): Int! }
"""
query, mutation, subscription = QueryType(), MutationType(), SubscriptionType()


@query.field("hello")
def hello(_, info, name="world"):
    return f"hello {name} from {info.context['request'].url.path}"


@mutation.field("size")
async def size(_, info, file):
    return len(await file.read())


@subscription.source("count")
async def numbers(_, info, to):
    for number in range(to):
        await asyncio.sleep(0)
        yield number


@subscription.field("count")
def count(number, info, to):
    return number


schema = make_executable_schema(TYPES, query, mutation, subscription, upload_scalar)
graphql = GraphQL(schema, websocket_handler=GraphQLTransportWSHandler())
sse = GraphQL(schema, http_handler=GraphQLHTTPSSEHandler())
routes = [
    Route("/graphql", graphql, methods=["GET", "POST"]),
    Route("/sse", sse, methods=["GET", "POST"]),
    WebSocketRoute("/graphql", graphql),
    Mount("/mounted", graphql),
]
client = TestClient(Starlette(routes=routes))


@pytest.mark.parametrize("path", ["/graphql", "/mounted/"])
def test_a_query(path):
    response = client.post(path, json={"query": '{ hello(name: "Ada") }'})
    assert response.json() == {"data": {"hello": f"hello Ada from {path}"}}
    assert client.post(path, json={"query": "{ nothing }"}).status_code == 400


def test_an_upload():
    operations = {"query": "mutation($file: Upload!) { size(file: $file) }", "variables": {"file": None}}
    form = {"operations": json.dumps(operations), "map": json.dumps({"f": ["variables.file"]})}
    response = client.post("/graphql", data=form, files={"f": ("a.txt", b"12345")})
    assert response.json() == {"data": {"size": 5}}


def test_a_subscription_over_a_websocket():
    with client.websocket_connect("/graphql", ["graphql-transport-ws"]) as session:
        session.send_json({"type": "connection_init"})
        assert session.receive_json()["type"] == "connection_ack"
        session.send_json({"id": "1", "type": "subscribe", "payload": {"query": "subscription { count(to: 2) }"}})
        numbers = [session.receive_json()["payload"]["data"]["count"] for _ in range(2)]
        assert numbers == [0, 1]
        assert session.receive_json()["type"] == "complete"


def test_a_subscription_over_server_sent_events():
    response = client.post(
        "/sse",
        headers={"accept": "text/event-stream"},
        json={"query": "subscription { count(to: 2) }"},
    )
    assert response.headers["content-type"].startswith("text/event-stream")
    assert "content-length" not in response.headers
    assert [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith('data: {"data"')] == [
        {"data": {"count": 0}},
        {"data": {"count": 1}},
    ]
    assert "event: complete" in response.text


def test_its_page():
    assert "graphiql" in client.get("/graphql", headers={"accept": "text/html"}).text.lower()
