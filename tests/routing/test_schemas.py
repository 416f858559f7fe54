"""Docstrings to an OpenAPI dictionary."""

from __future__ import annotations

import json
import sys

import pytest

from asgi_routing import Host, Mount, Route, Router, WebSocketRoute
from asgi_routing.convertors import CONVERTOR_TYPES, Convertor, IntegerConvertor, register_url_convertor
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
INTEGER = {"type": "integer", "format": "int64", "minimum": 0}
BASE = {"openapi": "3.0.0", "info": {"title": "Shop", "version": "1"}}


def parameter(name, schema):
    return {"name": name, "in": "path", "required": True, "schema": schema}


ID = parameter("id", INTEGER)


def test_a_schema_describes_every_documented_method_of_every_path():
    assert SchemaGenerator(BASE).get_schema(ROUTES) == BASE | {
        "paths": {
            "/users/{id}": {"get": LISTED | {"parameters": [ID]}, "post": LISTED | {"parameters": [ID]}},
            "/organisations": {"get": {"responses": {200: {"description": "One."}}}},
            "/m/{x}/users": {"get": LISTED | {"parameters": [parameter("x", INTEGER)]}},
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
        "/in/three/{id}": {"get": {"summary": "Three", "parameters": [ID]}},
        "/four": {"get": {"summary": "of the docstring"}},
    }
    infos = SchemaGenerator(BASE).get_endpoints(routes)
    assert tuple(infos[0]) == ("/one", "get", endpoint)


def parameters_of(path, openapi=None, base=BASE, **options):
    operation = {"summary": "One"} if openapi is None else openapi
    paths = SchemaGenerator(base, **options).get_schema([Route(path, users, openapi=operation)])["paths"]
    ((_, item),) = paths.items()
    return item["get"].get("parameters")


@pytest.fixture
def _convertors_of_its_own(monkeypatch):
    class Year(Convertor[int]):
        regex = "[0-9]{4}"
        openapi = {"type": "string", "pattern": "^[0-9]{4}$"}

    class Code(Convertor[str]):
        regex = "[A-Z]{3}"

    class Signed(IntegerConvertor):
        regex = "-?[0-9]+"

    class UserId(IntegerConvertor):
        def convert(self, value):
            return super().convert(value) + 1

    class Sizes(Convertor[str]):
        regex = "small|large"

        @property
        def openapi(self):
            return {"type": "string", "enum": self.regex.split("|")}

    class Duck:
        regex = "[a-z]+"
        convert = to_string = str

    for kind in (Year, Code, Signed, UserId, Sizes, Duck):
        monkeypatch.setitem(CONVERTOR_TYPES, kind.__name__.lower(), None)
        register_url_convertor(kind.__name__.lower(), kind())


@pytest.mark.usefixtures("_convertors_of_its_own")
@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        ("str", {"type": "string"}),
        ("path", {"type": "string"}),
        ("int", INTEGER),
        ("float", {"type": "number", "minimum": 0}),
        ("uuid", {"type": "string", "format": "uuid"}),
        ("date", {"type": "string", "format": "date"}),
        ("datetime", {"type": "string", "format": "date-time"}),
        ("decimal", {"type": "string", "format": "decimal", "pattern": r"^-?[0-9]{1,64}(?:\.[0-9]{1,64})?$"}),
        ("year", {"type": "string", "pattern": "^[0-9]{4}$"}),
        ("code", {"type": "string"}),
        ("signed", {"type": "string"}),
        ("userid", INTEGER),
        ("sizes", {"type": "string", "enum": ["small", "large"]}),
        ("duck", {"type": "string"}),
    ],
)
def test_a_path_parameter_is_described_by_its_convertor(kind, schema):
    assert parameters_of(f"/items/{{value:{kind}}}") == [parameter("value", schema)]


def test_parameters_are_those_of_the_whole_template_in_its_order():
    inner = Route("/{name}.{ext}/{at:path}", users)
    app = Router([Mount("/shops/{shop:int}", routes=[Mount("/{day:date}", routes=[inner])])])
    (path, item), *_ = SchemaGenerator(BASE).get_schema([Host("{tenant}.example.org", app)])["paths"].items()
    assert path == "/shops/{shop}/{day}/{name}.{ext}/{at}"
    assert [declared["name"] for declared in item["get"]["parameters"]] == ["shop", "day", "name", "ext", "at"]
    assert item["get"]["parameters"][0]["schema"] == INTEGER


def test_of_two_parameters_of_one_name_the_inner_one_counts():
    routes = [Mount("/{id}", routes=[Route("/{id:int}", users)])]
    assert SchemaGenerator(BASE).get_schema(routes)["paths"]["/{id}/{id}"]["get"]["parameters"] == [ID]


def test_a_path_without_parameters_has_no_list_of_them():
    assert parameters_of("/") is None
    assert parameters_of("/", {"summary": "One", "parameters": []}) == []


@pytest.mark.parametrize(
    ("declared", "filled"),
    [
        ({"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}, None),
        ({"name": "id", "description": "Whose."}, ID | {"description": "Whose."}),
        ({"name": "id", "in": "path", "required": False}, ID | {"required": False}),
        (
            {"name": "id", "in": "path", "content": {"text/plain": {}}},
            {"name": "id", "in": "path", "required": True, "content": {"text/plain": {}}},
        ),
        (
            {"name": "id", "in": "path", "content": {}, "schema": {}},  # wrong, but declared so
            {"name": "id", "in": "path", "required": True, "content": {}, "schema": {}},
        ),
        ({"$ref": "#/components/parameters/an~1id"}, None),
        ({"$ref": "common.yaml#/id"}, None),
    ],
)
def test_what_is_declared_of_a_parameter_wins(declared, filled):
    base = BASE | {"components": {"parameters": {"an/id": ID}}}
    kept = {"name": "limit", "in": "query"}
    openapi = {"summary": "One", "parameters": [kept, declared]}
    assert parameters_of("/{id:int}", openapi, base) == [kept, filled or declared]
    assert openapi["parameters"] == [kept, declared]


@pytest.mark.parametrize(
    "declared",
    [
        {"name": "id", "in": "query"},
        {"$ref": "#/components/parameters/page"},
        {"$ref": "#/components/parameters/missing/further"},
        {"$ref": None},
        "id",
    ],
)
def test_another_parameter_than_that_of_the_path_stands_beside_it(declared):
    base = BASE | {"components": {"parameters": {"page": {"name": "id", "in": "query"}}}}
    assert parameters_of("/{id:int}", {"parameters": (declared,)}, base) == [ID, declared]


def test_parameters_that_the_base_schema_has_for_a_path_are_those_of_its_operations():
    base = BASE | {"paths": {"/{id}": {"parameters": [{**ID, "schema": {"type": "string"}}]}}}
    assert parameters_of("/{id:int}", base=base) is None


def test_parameters_are_declared_in_docstrings_too():
    async def item(scope, receive, send):
        """
        parameters:
        - name: id
          description: Its number.
        responses: {200: {description: An item.}}
        """

    routes = [Route("/{id:int}", item)]
    (item,) = SchemaGenerator(BASE).get_schema(routes)["paths"].values()
    assert item["get"]["parameters"] == [ID | {"description": "Its number."}]


def test_parameters_can_be_left_out():
    class Plain(SchemaGenerator):
        path_parameters = False

    assert parameters_of("/{id:int}", path_parameters=False) is None
    routes = [Route("/{id:int}", users)]
    assert Plain(BASE).get_schema(routes)["paths"] == {"/{id}": {"get": LISTED}}
    assert Plain(BASE, path_parameters=True).get_schema(routes)["paths"]["/{id}"]["get"]["parameters"] == [ID]


def test_swagger_2_has_other_parameters_and_gets_none():
    assert parameters_of("/{id:int}", base={"swagger": "2.0"}) is None


def test_a_generator_may_find_endpoints_of_its_own():
    class Listed(SchemaGenerator):
        def get_endpoints(self, routes):
            return [EndpointInfo("/{id}", "get", users)]

        def get_path_parameters(self, endpoint):
            return [*super().get_path_parameters(endpoint), parameter("more", {})]

    (item,) = Listed(BASE).get_schema([])["paths"].values()
    assert item["get"]["parameters"] == [parameter("id", {"type": "string"}), parameter("more", {})]


def test_no_two_operations_share_an_object():
    text = OpenAPIResponse(SchemaGenerator(BASE).get_schema(ROUTES)).body
    assert b"&id" not in text


@pytest.mark.parametrize("version", ["3.0.4", "3.1.1", "3.2.0"])
def test_a_schema_is_valid_openapi(version):
    validator = pytest.importorskip("openapi_spec_validator", reason="pip install openapi-spec-validator")
    routes = [
        Route("/all/" + "/".join(f"{{{kind}_value:{kind}}}" for kind in CONVERTOR_TYPES), users),
        Mount("/shops/{shop:int}", routes=[Route("/items/{id:uuid}", users, methods=["GET", "PUT"])]),
        Route("/one/{id:int}", users, openapi={"parameters": [{"name": "id"}], "responses": LISTED["responses"]}),
    ]
    schema = SchemaGenerator(BASE | {"openapi": version}).get_schema(routes)
    text = json.dumps(schema)  # whose keys are strings: 200 is "200", as in YAML that is read by others
    validator.validate(json.loads(text))
    assert text.count('"in": "path"') == len(CONVERTOR_TYPES) + 2 * 2 + 1
