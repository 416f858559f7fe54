"""Path templates and convertors."""

from __future__ import annotations

import re
import sys
import uuid

import pytest

from asgi_routing import (
    CONVERTOR_TYPES,
    PARAM_REGEX,
    Convertor,
    NoMatchFound,
    Route,
    Router,
    URLPath,
    compile_path,
    register_url_convertor,
    replace_params,
)
from raw_asgi import request


async def app(scope, receive, send):
    raise NotImplementedError


def test_a_path_is_compiled_to_pattern_format_and_convertors():
    pattern, path_format, convertors = compile_path("/a.b/{id:int}/{rest:path}")
    assert path_format == "/a.b/{id}/{rest}"
    assert convertors == {"id": CONVERTOR_TYPES["int"], "rest": CONVERTOR_TYPES["path"]}
    assert pattern.match("/a.b/7/x/y").groupdict() == {"id": "7", "rest": "x/y"}
    assert pattern.match("/aXb/7/x") is None
    assert PARAM_REGEX.findall("/{id:int}") == [("id", ":int")]


def test_a_host_is_compiled_without_case_and_port():
    pattern, path_format, _ = compile_path("{sub}.Example.org:80")
    assert path_format == "{sub}.Example.org:80"
    assert pattern.match("x.eXample.org")
    assert pattern.match("x.example.org:80") is None


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/{a}/{a}", "Duplicated param name a at path /{a}/{a}"),
        ("/{b}/{b}/{a}/{a}", "Duplicated param names a, b at path /{b}/{b}/{a}/{a}"),
    ],
)
def test_a_parameter_occurs_once(path, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Route(path, app)


def test_an_unknown_convertor_is_refused():
    with pytest.raises(AssertionError, match="Unknown path convertor 'nope'"):
        Route("/{a:nope}", app)


@pytest.mark.parametrize(
    ("path", "sent", "params"),
    [
        ("/admin", "/admin", {}),
        ("/admin", "/admin\n", None),
        ("/{a}", "/x\n", {"a": "x\n"}),
        ("/{a}", "/", None),
        ("/{a}", "/x/y", None),
        ("/{a:path}", "/", {"a": ""}),
        ("/{a:path}", "/x/\ny\n", {"a": "x/\ny\n"}),
        ("/{a:path}/z", "/x/y/z", {"a": "x/y"}),
        ("/{a:path}.js", "/x/y.js", {"a": "x/y"}),
        ("/{a}.{b}", "/x.y.z", {"a": "x.y", "b": "z"}),
        ("/{a:int}", "/007", {"a": 7}),
        ("/{a:int}", "/-7", None),
        ("/{a:int}", "/7\n", None),
        ("/{a:int}", "/٣", None),
        ("/{a:int}", "/" + "9" * 10_000, None),
        ("/v{a:int}", "/v" + "9" * 10_000, None),
        ("/{a:int}/{b}", "/" + "9" * 10_000 + "/x", None),
        ("/{a:float}", "/1.50", {"a": 1.5}),
        ("/{a:float}", "/1.", None),
        ("/{a:float}", "/1.5\n", None),
        ("/{a:uuid}", "/12345678123456781234567812345678", {"a": uuid.UUID("12345678" * 4)}),
        ("/{a:uuid}", "/x", None),
        ("/{a}/{b:int}/", "/x/1/", {"a": "x", "b": 1}),
        ("/{a}/{b:int}/", "/x/1", None),
        ("/{a}/{b:int}", "/x/y", None),
        ("/{a}/{b:int}", "//1", None),
    ],
)
async def test_a_route_matches_the_whole_path_and_converts_its_parameters(path, sent, params, endpoint):
    last = endpoint("last")
    reply = await request(Router([Route(path, last)], redirect_slashes=False), "GET", sent)
    assert (reply.status, last.seen[0]["path_params"] if last.seen else None) == (
        404 if params is None else 200,
        params,
    )
    alone = endpoint("alone")
    reply = await request(Route(path, alone), "GET", sent)
    assert (reply.status, alone.seen[0]["path_params"] if alone.seen else None) == (
        404 if params is None else 200,
        params,
    )


class Year(Convertor[int]):
    regex = "[0-9]{4}"

    def convert(self, value):
        return {"2020": 20, "2021": 21}[value]

    def to_string(self, value):
        return str(2000 + value)


class Tagged(Convertor[str]):
    regex = "(?P<tag>[a-z])[0-9]"

    def convert(self, value):
        return value

    def to_string(self, value):
        return value


class Broken(Convertor[str]):
    regex = "[a-z]+"

    def convert(self, value):
        raise TypeError("a bug")


@pytest.fixture
def convertors():
    register_url_convertor("year", Year())
    register_url_convertor("broken", Broken())
    register_url_convertor("tagged", Tagged())
    yield
    del CONVERTOR_TYPES["year"], CONVERTOR_TYPES["broken"], CONVERTOR_TYPES["tagged"]


@pytest.mark.usefixtures("convertors")
async def test_a_registered_convertor_that_refuses_its_text_is_not_a_match(endpoint):
    router = Router([Route("/{y:year}", endpoint("year")), Route("/{s}", endpoint("other"))])
    assert (await request(router, "GET", "/2021")).text == "year"
    assert (await request(router, "GET", "/2022")).text == "other"
    assert (await request(router, "GET", "/x")).text == "other"


@pytest.mark.usefixtures("convertors")
async def test_a_group_in_the_pattern_of_a_convertor_is_not_a_parameter(endpoint):
    last = endpoint("last")
    assert (await request(Router([Route("/{t:tagged}", last)]), "GET", "/a1")).text == "last"
    assert last.seen[0]["path_params"] == {"t": "a1"}


@pytest.mark.usefixtures("convertors")
async def test_a_bug_in_a_convertor_is_not_hidden(endpoint):
    with pytest.raises(TypeError, match="a bug"):
        await request(Router([Route("/{s:broken}", endpoint("x"))]), "GET", "/x")


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("str", "a b", "a b"),
        ("path", "a/b", "a/b"),
        ("int", 7, "7"),
        ("int", "7", "7"),
        ("float", 1.5, "1.5"),
        ("float", 2, "2"),
        ("float", 1e20, "100000000000000000000"),
        ("float", 1e-9, "0.000000001"),
        ("float", 0.1, "0.1"),
        ("uuid", uuid.UUID("12345678" * 4), "12345678-1234-5678-1234-567812345678"),
    ],
)
def test_a_value_has_a_text_that_converts_back(kind, value, text):
    convertor = CONVERTOR_TYPES[kind]
    assert convertor.to_string(value) == text
    assert convertor.convert(text) == type(convertor.convert(text))(value) if kind != "uuid" else value
    assert re.fullmatch(convertor.regex, text)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("str", "a/b", "May not contain path separators"),
        ("str", "", "Must not be empty"),
        ("int", -1, "Negative integers are not supported"),
        ("float", -1.0, "Negative floats are not supported"),
        ("float", float("nan"), "NaN values are not supported"),
        ("float", float("inf"), "Infinite values are not supported"),
    ],
)
def test_a_value_without_a_text_is_refused(kind, value, message):
    with pytest.raises(AssertionError, match=message):
        CONVERTOR_TYPES[kind].to_string(value)
    with pytest.raises(AssertionError, match=message):
        Route(f"/{{a:{kind}}}", app, name="n").url_path_for("n", a=value)


def test_a_convertor_leaves_both_ways_to_its_subclasses():
    with pytest.raises(NotImplementedError):
        Convertor().convert("x")
    with pytest.raises(NotImplementedError):
        Convertor().to_string("x")


def test_parameters_are_replaced_and_the_rest_is_returned():
    _, path_format, convertors = compile_path("/{a}/{b:int}")
    assert replace_params(path_format, convertors, {"a": "x", "c": 1}) == ("/x/{b}", {"c": 1})
    assert replace_params(path_format, convertors, {"a": "{b}", "b": 2}) == ("/{b}/2", {})
    assert replace_params("/{a}/{b}", {"b": CONVERTOR_TYPES["path"]}, {"b": URLPath("a%20b")}) == ("/{a}/a%20b", {})
    with pytest.raises(KeyError, match="a"):
        replace_params("/{a}", {}, {"a": 1})


def test_a_brace_that_names_no_parameter_is_text():
    from asgi_routing.paths import pattern_source

    assert re.match(pattern_source("/{x}/{y}", {"y": CONVERTOR_TYPES["int"]}), "/{x}/1")


def test_no_match_found_says_what_was_asked_and_travels():
    import pickle

    error = NoMatchFound("n", {"b": 1, "c": 2}, missing=["a"], unexpected=["c"], reason="Why.")
    assert str(error) == 'No route exists for name "n" and params "b, c". Missing: "a". Unexpected: "c". Why.'
    twin = pickle.loads(pickle.dumps(error))
    assert (str(twin), twin.missing, twin.unexpected, twin.path_params) == (
        str(error),
        ("a",),
        ("c",),
        {"b": 1, "c": 2},
    )
    assert [NoMatchFound("n", {}).specificity, NoMatchFound("n", {}, missing="a").specificity, twin.specificity] == [
        0,
        1,
        2,
    ]


def test_ten_thousand_digits_are_more_than_int_takes():
    assert sys.get_int_max_str_digits() < 10_000
