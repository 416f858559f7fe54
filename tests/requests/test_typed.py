"""Bodies, forms and queries read as types: what fits is there, what does not is a 422 that says where."""

from __future__ import annotations

import dataclasses
import datetime
import json
import sys
import tracemalloc
import typing
from types import ModuleType
from typing import Annotated, Any, Generic, Literal, NotRequired, Optional, TypeVar
from urllib.parse import quote

import msgspec
import pydantic
import pytest
from tests.raw_asgi import body_messages, http_scope, run, websocket_scope
from typing_extensions import TypedDict

from asgi_requests import _converters, typed
from asgi_requests.exceptions import HTTPException
from asgi_requests.jsoncodec import msgspec_codec, serve_with_codec
from asgi_requests.multidict import QueryParams
from asgi_requests.requests import InvalidJSON, Request
from asgi_requests.typed import UnprocessableContent
from asgi_requests.uploads import UploadFile


class PydanticItem(pydantic.BaseModel):
    id: int
    day: datetime.date | None = None


class PydanticOrder(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    item_list: list[PydanticItem] = pydantic.Field(alias="itemList")
    kind: Literal["a", "b"] = "a"
    counts: dict[str, int] = {}


class StrictDay(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)
    day: datetime.date


class MsgspecItem(msgspec.Struct):
    id: int
    day: datetime.date | None = None


class MsgspecOrder(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    item_list: list[MsgspecItem]
    kind: Literal["a", "b"] = "a"
    counts: dict[str, int] = {}


@dataclasses.dataclass
class Point:
    x: int
    tags: list[str] = dataclasses.field(default_factory=list)


class Plain(typing.TypedDict):
    x: int
    ids: typing.NotRequired[list[int]]


class Named(TypedDict):
    name: str
    tags: NotRequired[list[str]]


ORDERS = pytest.mark.parametrize("order", [PydanticOrder, MsgspecOrder])


def a_request(body=b"", content_type="application/json", **scope):
    messages = iter(body_messages([body]))

    async def receive():
        return next(messages)

    headers = [(b"content-type", content_type.encode())] if content_type else []
    return Request(http_scope("POST", headers=headers, **scope), receive)


async def read(kind, text, codec=None):
    request = a_request(text.encode() if isinstance(text, str) else text)
    read = []

    async def app(scope, receive, send):
        read.append(await Request(scope, receive).json(type=kind))

    await serve_with_codec(codec, app, request.scope, request._receive, None)
    return read[0]


async def errors_of(kind, text):
    with pytest.raises(UnprocessableContent) as caught:
        await read(kind, text)
    return caught.value.errors


# JSON


@ORDERS
async def test_a_body_is_read_as_its_type(order):
    found = await read(order, '{"itemList": [{"id": 1, "day": "2027-01-01"}], "counts": {"a": 2}}')
    assert isinstance(found, order)
    assert found.item_list[0].day == datetime.date(2027, 1, 1)
    assert found.counts == {"a": 2}


@pytest.mark.parametrize(
    "kind", [list[PydanticItem], list[MsgspecItem], list[Point], pydantic.TypeAdapter(list[Point])]
)
async def test_a_list_of_a_type_is_read(kind):
    (found,) = await read(kind, '[{"id": 1, "x": 1}]')
    assert getattr(found, "id", None) or found.x == 1


async def test_types_of_the_standard_library_are_read():
    assert await read(Point, '{"x": 1}') == Point(1)
    assert await read(Named, '{"name": "a"}') == {"name": "a"}
    assert await read(dict[str, int], '{"a": 1}') == {"a": 1}
    assert await read(int, "1") == 1


async def test_a_library_is_found_by_what_a_type_holds():
    @dataclasses.dataclass
    class Held:
        item: MsgspecItem
        again: Optional[Held] = None  # noqa: UP045

    Held.__annotations__["item"], Held.__annotations__["again"] = MsgspecItem, Held | None
    found = await read(Held, '{"item": {"id": 1}}')
    assert isinstance(found.item, MsgspecItem)
    assert (await errors_of(Annotated[int, msgspec.Meta(gt=3)], "1"))[0]["detail"] == "Expected `int` >= 4"
    assert "greater than 3" in (await errors_of(Annotated[int, pydantic.Field(gt=3)], "1"))[0]["detail"]


async def test_a_type_without_a_hash_is_read():
    assert await read(Annotated[int, []], "1") == 1


async def test_unions_of_the_same_types_are_read_in_their_own_order():
    class Cat(pydantic.BaseModel):
        name: str

    class Dog(pydantic.BaseModel):
        name: str

    assert type(await read(Cat | Dog, '{"name": "a"}')) is Cat
    assert type(await read(Dog | Cat, '{"name": "a"}')) is Dog


async def test_json_has_dates_in_strict_models():
    assert (await read(StrictDay, '{"day": "2027-01-01"}')).day == datetime.date(2027, 1, 1)


@pytest.mark.parametrize("coding", ["utf-16", "utf-8-sig"])
@ORDERS
async def test_what_json_reads_is_read_in_other_codings(order, coding):
    assert (await read(order, '{"itemList": []}'.encode(coding))).item_list == []


@ORDERS
@pytest.mark.parametrize("text", ["{", "", '{"itemList": NaN}', '{"itemList": [{"id": 1e400}]}'])
async def test_what_is_not_json_stays_a_400(order, text):
    with pytest.raises(InvalidJSON) as caught:
        await read(order, text)
    assert caught.value.status_code == 400


@ORDERS
async def test_an_engine_of_the_application_reads_types_too(order):
    assert (await read(order, '{"itemList": [{"id": 7}]}', msgspec_codec())).item_list[0].id == 7


@ORDERS
async def test_what_a_codec_of_the_program_makes_of_json_is_what_is_read(order):
    class Wrapping:
        def dumps(self, content):
            return b"null"

        def loads(self, text):
            return {"itemList": json.loads(text)}

    assert (await read(order, '[{"id": 7}]', Wrapping())).item_list[0].id == 7


@ORDERS
@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b'{"itemList": [{"id": "x"}], "kind"', 400),  # what does not fit comes before what is not JSON
        (b'{"itemList": [{"id": 1, "other": "\xff"}]}', 400),
        (b'{"itemList": [{"id": 1, "other": ' + b"[" * 99999 + b"]" * 99999 + b"}]}", 400),
        (b'{"itemList": [{"id": 1, "other": NaN}]}', 400),
        (b'{"itemList": [{"id": 1, "id": "x"}]}', 422),
        (b'{"itemList": [{"id": ' + b"1" * 5000 + b"}]}", 400),
    ],
)
async def test_a_library_refuses_what_the_plain_reader_does(order, text, status):
    if order is MsgspecOrder and len(text) > 100_000 and sys.version_info >= (3, 14):
        pytest.skip("msgspec 0.22 has no limit of its own, and Python's depends on the size of the stack since 3.14")
    with pytest.raises(HTTPException) as caught:
        await read(order, text)
    assert caught.value.status_code == status


async def test_keys_and_dates_of_json_are_read_from_text():
    assert await read(dict[int, set[datetime.date]] | list[MsgspecItem], '{"1": ["2027-01-01"]}') == {
        1: {datetime.date(2027, 1, 1)}
    }


async def test_a_request_has_the_plain_value_beside_the_typed_one():
    request = a_request(b'{"x": 1}')
    assert await request.json(type=Point) == Point(1)
    assert await request.json() == {"x": 1}


# What does not fit


@ORDERS
@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ('{"itemList": [{"id": 1}, {"id": "secret"}]}', "#/itemList/1/id"),
        ('{"itemList": [{"id": 1, "day": "2027-13-01"}]}', "#/itemList/0/day"),
        ('{"itemList": [], "kind": "secret"}', "#/kind"),
        ("5", "#"),
        ('"secret"', "#"),
    ],
)
async def test_a_mistake_has_a_pointer_and_no_value(order, text, pointer):
    (error,) = await errors_of(order, text)
    assert error["pointer"] == pointer
    assert error["detail"]
    assert "secret" not in json.dumps(error)


async def test_each_library_names_what_is_missing_and_what_is_too_much():
    assert await errors_of(PydanticOrder, '{"no": 1}') == [
        {"detail": "Field required", "pointer": "#/itemList"},
        {"detail": "Extra inputs are not permitted", "pointer": "#/no"},
    ]
    assert await errors_of(MsgspecOrder, "{}") == [
        {"detail": "Object missing required field `itemList`", "pointer": "#"}
    ]


async def test_a_pointer_is_escaped_and_cut():
    (error,) = await errors_of(dict[str, int], '{"a/b~c é": "x"}')
    assert error["pointer"] == "#/a~1b~0c%20%C3%A9"
    (error,) = await errors_of(dict[str, int], json.dumps({"k" * 9999: "x"}))
    assert len(error["pointer"]) < 600
    assert error["pointer"] == "#/" + "k" * 499
    assert (await errors_of(MsgspecOrder, '{"itemList": [], "counts": {"a": "x"}}'))[0]["pointer"] == "#/counts"


async def test_names_that_only_a_validator_has_are_not_part_of_a_pointer():
    class Cat(pydantic.BaseModel):
        kind: Literal["cat"]
        lives: int

    class Dog(pydantic.BaseModel):
        kind: Literal["dog"]

    class Pet(pydantic.BaseModel):
        pet: Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]

    assert (await errors_of(Pet, '{"pet": {"kind": "cat", "lives": "x"}}'))[0]["pointer"] == "#/pet/lives"
    (error,) = await errors_of(Pet, '{"pet": {"kind": "secret"}}')
    assert error == {"detail": "Input has an unknown tag", "pointer": "#/pet"}


async def test_a_tag_of_msgspec_is_not_quoted():
    class One(msgspec.Struct, tag=True):
        pass

    class Two(msgspec.Struct, tag=True):
        pass

    (error,) = await errors_of(One | Two, '{"type": "secret"}')
    assert error == {"detail": "Invalid value", "pointer": "#/type"}


async def test_a_text_of_the_client_is_not_taken_for_a_place():
    for kind in ("x - at `$.id`", " - at `key` in `$.id`"):
        assert await errors_of(MsgspecOrder, json.dumps({"itemList": [], "kind": kind})) == [
            {"detail": "Invalid enum value", "pointer": "#/kind"}
        ]
    kind = Annotated[Literal["a"], msgspec.Meta(title="a")]
    assert await errors_of(kind, '"x - at `$.id`"') == [{"detail": "Invalid enum value", "pointer": "#"}]


async def test_a_long_name_is_escaped_once_it_is_cut(monkeypatch):
    escaped = []
    monkeypatch.setattr(typed, "quote", lambda name, **options: escaped.append(len(name)) or quote(name, **options))
    errors = await errors_of(dict[str, list[int]], json.dumps({"~ " * 9999: ["x"] * 9}))
    assert len(errors) == 9
    assert max(escaped) <= 1000
    assert {error["pointer"] for error in errors} == {("#/" + "~0%20" * 200)[:501]}


async def test_an_unknown_name_is_cut():
    (error,) = await errors_of(MsgspecOrder, json.dumps({"itemList": [], "k" * 9999: 1}))
    assert error["detail"].startswith("Object contains unknown field `kkk")
    assert len(error["detail"]) == 500


@pytest.mark.parametrize("text", [r'{"itemList": [], "\ud800": 1}', r'{"itemList": [], "kind": "\ud800"}'])
@ORDERS
async def test_a_lone_surrogate_is_a_mistake_of_the_client(order, text):
    (error,) = await errors_of(order, text)
    assert error["detail"].encode()


async def test_errors_are_bounded():
    assert len(await errors_of(list[int], json.dumps(["x"] * 1000))) == 100
    # pydantic makes the details of all mistakes or of none: here 180 MB of them.
    tracemalloc.start()
    try:
        errors = await errors_of(list[int], "[" + ",".join(['""'] * 300_000) + "]")
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
    assert errors == [{"detail": "Input has 300000 mistakes", "pointer": "#"}]


@pytest.mark.parametrize("method", ["POST", "HEAD"])
async def test_the_answer_is_problem_details(method):
    async def app(scope, receive, send):
        try:
            await Request(scope, receive).json(type=PydanticItem)
        except UnprocessableContent as exc:
            await exc(scope, receive, send)

    reply = await run(app, http_scope(method), body_messages([b'{"id": "x"}']))
    assert reply.status == 422
    assert reply.header("content-type") == "application/problem+json"
    if method == "HEAD":
        assert reply.body == b""
        return
    assert reply.header("content-length") == str(len(reply.body))
    detail = "Input should be a valid integer, unable to parse string as an integer"
    assert json.loads(reply.body) == {
        "title": "Unprocessable Content",
        "status": 422,
        "detail": f"/id: {detail}",
        "errors": [{"detail": detail, "pointer": "#/id"}],
    }


async def test_on_a_websocket_it_is_a_refusal():
    exc = UnprocessableContent([{"detail": "wrong"}])
    reply = await run(exc, websocket_scope(extensions={}), [{"type": "websocket.connect"}])
    assert reply.types == ["websocket.close"]
    assert exc.detail == "wrong"


class Unknown:
    pass


OldModel = type("OldModel", (), {"__module__": "pydantic.v1.main"})


@pytest.mark.parametrize("kind", [Unknown, list[Unknown], 5, "Order", OldModel])
async def test_a_type_that_cannot_be_read_is_a_mistake_of_the_program(kind):
    with pytest.raises(TypeError, match="does not read") as caught:
        await read(kind, "{}")
    assert repr(kind) in str(caught.value)


@pytest.mark.parametrize("kind", [Unknown, 5, dict[int, Unknown] | list[Unknown] | tuple[Unknown]])
async def test_a_type_that_msgspec_cannot_read_is_named_too(kind, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydantic", None)
    with pytest.raises(TypeError, match="msgspec does not read") as caught:
        await read(kind, "{}")
    assert repr(kind) in str(caught.value)


def test_the_typed_dictionaries_of_typing_are_read_wherever_a_library_can(monkeypatch):
    assert QueryParams("x=1&ids=1&ids=2").as_type(Plain) == {"x": 1, "ids": [1, 2]}
    monkeypatch.setattr(_converters, "_is_installed", lambda name: name == "pydantic")
    if sys.version_info < (3, 12):
        with pytest.raises(TypeError, match="typing_extensions.TypedDict"):
            _converters._make(Plain)


def test_what_to_install_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydantic", ModuleType("pydantic"))  # pydantic 1 has no TypeAdapter
    _converters._made.cache_clear()
    assert QueryParams("x=1").as_type(Plain) == {"x": 1}
    monkeypatch.setitem(sys.modules, "msgspec", None)
    _converters._made.cache_clear()
    with pytest.raises(RuntimeError, match="needs pydantic 2 or msgspec: pip install pydantic"):
        QueryParams("x=1").as_type(Plain)


# Queries


class PydanticPage(pydantic.BaseModel):
    page: int = 1
    tags: list[str] = pydantic.Field(default=[], alias="tag")
    ids: set[int] | None = pydantic.Field(default=None, validation_alias=pydantic.AliasChoices("id", "ids"))
    exact: bool = False
    pair: Annotated[tuple[int, int] | None, "two"] = None


class MsgspecPage(msgspec.Struct):
    page: int = 1
    tags: list[str] = msgspec.field(default_factory=list, name="tag")
    ids: set[int] | None = msgspec.field(default=None, name="id")
    exact: bool = False
    pair: Annotated[tuple[int, int] | None, "two"] = None


PAGES = pytest.mark.parametrize("kind", [PydanticPage, MsgspecPage])


@PAGES
def test_parameters_are_read_as_a_type(kind):
    found = QueryParams("page=1&page=3&tag=a&tag=b&id=1&id=2&exact=true&pair=1&pair=2&more=1").as_type(kind)
    assert (found.page, found.tags, found.ids, found.exact, found.pair) == (3, ["a", "b"], {1, 2}, True, (1, 2))
    assert QueryParams("tag=a").as_type(kind).tags == ["a"]
    assert QueryParams("").as_type(kind).tags == []


@PAGES
def test_a_parameter_that_does_not_fit_is_named(kind):
    for query, name in (("page=secret", "page"), ("id=1&id=secret", "id"), ("exact=secret", "exact")):
        with pytest.raises(UnprocessableContent) as caught:
            QueryParams(query).as_type(kind)
        assert caught.value.errors[0]["parameter"] == name
        assert caught.value.detail.startswith(f"{name}: ")
        assert "secret" not in caught.value.detail


def test_parameters_are_read_as_types_of_the_standard_library():
    query = QueryParams("x=1&tags=a&tags=b&name=c")
    assert query.as_type(Point) == Point(1, ["a", "b"])
    assert query.as_type(Named) == {"name": "c", "tags": ["a", "b"]}
    assert query.as_type(dict[str, list[str]]) == {"x": ["1"], "tags": ["a", "b"], "name": ["c"]}
    assert query.as_type(dict[str, str])["tags"] == "b"
    assert query.as_type(pydantic.TypeAdapter(Point)) == Point(1, ["a", "b"])


def test_strict_models_read_strings():
    class Strict(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(strict=True)
        x: int

    assert QueryParams("x=1").as_type(Strict).x == 1


def test_a_whole_that_does_not_fit_has_no_place():
    class Ends(pydantic.BaseModel):
        first: int
        last: int

        @pydantic.model_validator(mode="after")
        def in_order(self):
            if self.first > self.last:
                raise ValueError("first is after last")
            return self

    with pytest.raises(UnprocessableContent) as caught:
        QueryParams("first=2&last=1").as_type(Ends)
    assert caught.value.errors == [{"detail": "Value error, first is after last"}]


T = TypeVar("T")


class Many(msgspec.Struct, Generic[T]):
    values: list[T]


@PAGES
def test_a_union_takes_several_values_where_a_part_of_it_does(kind):
    assert QueryParams("id=1&id=2").as_type(kind | None).ids == {1, 2}
    assert QueryParams("id=1&id=2").as_type(Annotated[kind, "a page"]).ids == {1, 2}


def test_generic_types_are_read():
    assert QueryParams("values=1&values=2").as_type(Many[int]).values == [1, 2]


def test_names_that_only_type_checkers_see_are_named():
    @dataclasses.dataclass
    class Broken:
        x: Missing  # noqa: F821

    with pytest.raises(TypeError, match="'Missing' is not defined"):
        QueryParams("x=1").as_type(Broken)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type` statements came with 3.12")
def test_an_alias_of_a_list_is_a_list():
    names: dict[str, Any] = {"dataclass": dataclasses.dataclass}
    source = "type Ids = list[int]\n@dataclass\nclass Aliased:\n    ids: Ids"
    # Without the future import of this file, by which annotations would be names in a module that is not there.
    exec(compile(source, "aliased", "exec", dont_inherit=True), names)
    assert QueryParams("ids=1&ids=2").as_type(names["Aliased"]).ids == [1, 2]


# Forms


class PydanticForm(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    title: str
    tags: list[str] = []
    file: UploadFile | None = None


class MsgspecForm(msgspec.Struct):
    title: str
    tags: list[str] = []
    file: UploadFile | None = None


FORMS = pytest.mark.parametrize("kind", [PydanticForm, MsgspecForm])
URLENCODED = "Application/x-www-form-urlencoded; charset=utf-8"
MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nBerlin\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\ncontent\r\n--b--\r\n'
)


@FORMS
async def test_a_form_is_read_as_a_type(kind):
    form = await a_request(b"title=Berlin&tags=a&tags=b", URLENCODED).form(type=kind)
    assert (form.title, form.tags, form.file) == ("Berlin", ["a", "b"], None)


@FORMS
async def test_files_of_a_form_are_fields_and_are_closed_at_the_end(kind):
    pytest.importorskip("python_multipart")
    request = a_request(MULTIPART, "multipart/form-data; boundary=b")
    async with request.form(type=kind) as form:
        assert await form.file.read() == b"content"
    assert form.file.file.closed


@FORMS
async def test_files_of_a_form_that_does_not_fit_are_closed(kind):
    pytest.importorskip("python_multipart")
    request = a_request(MULTIPART.replace(b'"title"', b'"other"'), "multipart/form-data; boundary=b")
    with pytest.raises(UnprocessableContent, match="title|required"):
        await request.form(type=kind)
    assert request._form["file"].file.closed


@FORMS
async def test_a_field_that_does_not_fit_is_named(kind):
    class Amount(msgspec.Struct):
        amount: int

    with pytest.raises(UnprocessableContent) as caught:
        await a_request(b"amount=secret", URLENCODED).form(type=Amount)
    assert caught.value.errors == [{"detail": "Expected `int`, got `str`", "field": "amount"}]


@FORMS
async def test_another_media_type_is_not_a_form(kind):
    for content_type in ("application/json", "", "multipart/mixed"):
        with pytest.raises(HTTPException) as caught:
            await a_request(b"title=a", content_type).form(type=kind)
        assert caught.value.status_code == 415
    with pytest.raises(UnprocessableContent):
        await a_request(b"", URLENCODED).form(type=kind)
