"""Docstrings to an OpenAPI dictionary."""

from __future__ import annotations

import sys

import pytest

from asgi_routing import Host, Mount, Route, Router, WebSocketRoute
from asgi_routing.schemas import BaseSchemaGenerator, EndpointInfo, OpenAPIResponse, SchemaGenerator
from raw_asgi import request

yaml = pytest.importorskip("yaml")


async def users(scope, receive, send):
    """Lists users.
    ---
    responses:
      200:
        description: A list.
    """


async def silent(scope, receive, send):
    pass


async def wordy(scope, receive, send):
    """Only words."""


class Organisations:
    def get(self):
        """
        responses:
          200: {description: One.}
        """

    def query(self):
        """
        responses:
          200: {description: Some.}
        """

    async def __call__(self, scope, receive, send):
        pass


ROUTES = [
    WebSocketRoute("/ws", users),
    Route("/users/{id:int}", users, methods=["GET", "POST"]),
    Route("/hidden", users, include_in_schema=False),
    Route("/silent", silent),
    Route("/wordy", wordy),
    Route("/organisations", Organisations()),
    Mount("/m/{x:int}", routes=[Route("/users", users)]),
    Mount("/foreign", silent),
    Host("api", Router([Route("/hosted", users)])),
]
LISTED = {"responses": {200: {"description": "A list."}}}
BASE = {"openapi": "3.0.0", "info": {"title": "Shop", "version": "1"}}


def test_a_schema_describes_every_documented_method_of_every_path():
    assert SchemaGenerator(BASE).get_schema(ROUTES) == BASE | {
        "paths": {
            "/users/{id}": {"get": LISTED, "post": LISTED},
            "/organisations": {"get": {"responses": {200: {"description": "One."}}}},
            "/m/{x}/users": {"get": LISTED},
            "/hosted": {"get": LISTED},
        }
    }
    assert "paths" not in BASE


@pytest.mark.parametrize(
    ("version", "known"), [("3.2.0", True), ("3.10", True), ("4.0.0", True), ("3.1.1", False), ("draft", False)]
)
def test_query_is_described_where_openapi_knows_it(version, known):
    schema = SchemaGenerator({"openapi": version}).get_schema(ROUTES)
    assert ("query" in schema["paths"]["/organisations"]) is known


def test_what_the_base_schema_describes_stays():
    base = {"openapi": "3.0.0", "paths": {"/hosted": {"put": {}}}}
    schema = SchemaGenerator(base).get_schema(ROUTES)
    assert schema["paths"]["/hosted"] == {"put": {}, "get": LISTED}
    assert base["paths"] == {"/hosted": {"put": {}}}


def test_endpoints_are_named_tuples_of_path_method_and_function():
    assert BaseSchemaGenerator().get_endpoints(ROUTES[1:2]) == [
        EndpointInfo(path="/users/{id}", http_method="get", func=users),
        EndpointInfo(path="/users/{id}", http_method="post", func=users),
    ]


def test_a_generator_of_its_own_kind_says_what_a_schema_is():
    with pytest.raises(NotImplementedError):
        BaseSchemaGenerator().get_schema([])


async def test_a_schema_answers_as_an_application():
    class Asking:
        app = Router(ROUTES)

    response = SchemaGenerator(BASE).OpenAPIResponse(Asking())
    reply = await request(Router([Route("/schema", response)]), "GET", "/schema")
    assert reply.header("content-type") == "application/vnd.oai.openapi"
    assert yaml.safe_load(reply.body) == SchemaGenerator(BASE).get_schema(ROUTES)


def test_a_schema_is_a_dictionary():
    with pytest.raises(AssertionError, match="should be a dictionary"):
        OpenAPIResponse([])


def test_without_pyyaml_the_error_names_the_way_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ImportError, match=r"pip install asgi-routing\[schemas\]"):
        SchemaGenerator({}).get_schema(ROUTES)


async def prose(scope, receive, send):
    """Warning: this is slow: use sparingly."""


async def broken(scope, receive, send):
    """A list.
    ---
    a: b: c
    """


def test_a_docstring_of_prose_describes_nothing():
    assert SchemaGenerator(BASE).get_schema([Route("/prose", prose)])["paths"] == {}


def test_a_docstring_that_is_not_yaml_is_named():
    with pytest.raises(yaml.YAMLError) as caught:
        SchemaGenerator(BASE).get_schema([Route("/broken", broken)])
    assert caught.value.__notes__ == [f"in the docstring of {__name__}.broken, below its last ---"]


def test_a_route_may_describe_its_operations_itself():
    async def endpoint(scope, receive, send):
        """Prose.

        ---
        summary: of the docstring
        """

    by_method = {"get": {"summary": "Read"}, "post": {"summary": "Write"}}
    routes = [
        Route("/one", endpoint, openapi={"summary": "One", "tags": ["a"]}),
        Route("/two", endpoint, methods=["GET", "POST", "PUT"], openapi=by_method),
        Mount("/in", routes=[Route("/three/{id:int}", endpoint, openapi={"summary": "Three"})]),
        Route("/four", endpoint),
    ]
    assert SchemaGenerator(BASE).get_schema(routes)["paths"] == {
        "/one": {"get": {"summary": "One", "tags": ["a"]}},
        "/two": {"get": {"summary": "Read"}, "post": {"summary": "Write"}, "put": {"summary": "of the docstring"}},
        "/in/three/{id}": {"get": {"summary": "Three"}},
        "/four": {"get": {"summary": "of the docstring"}},
    }
    infos = SchemaGenerator(BASE).get_endpoints(routes)
    assert tuple(infos[0]) == ("/one", "get", endpoint)
