"""QueryParams: a query string as its parameters, within a limit."""

from __future__ import annotations

import pytest

from asgi_requests.exceptions import HTTPException
from asgi_requests.multidict import MultiDict, QueryParams
from asgi_requests.requests import Request
from raw_asgi import http_scope


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ("", []),
        ("a=1&a=2&b", [("a", "1"), ("a", "2"), ("b", "")]),
        ("a=&=b&=&&", [("a", ""), ("", "b"), ("", "")]),
        ("a=b=c", [("a", "b=c")]),
        ("a=1;b=2", [("a", "1;b=2")]),
        ("q=hello+world%2B%20x", [("q", "hello world+ x")]),
        ("caf%C3%A9=%e4%bd%a0", [("café", "你")]),
        ("a=%FF%", [("a", "\ufffd%")]),
        ("a%3D=%26=%C3%A9=%3D&%26=%25", [("a=", "&=é=="), ("&", "%")]),
        (r"a=\x41%41\\&b=\%41%5Cn", [("a", r"\x41A\\"), ("b", r"\A\n")]),
        ("a=%&b=%4&=%u0041%20", [("a", "%"), ("b", "%4"), ("", "%u0041 ")]),
        ("é=%C3%A9é%zz", [("é", "éé%zz")]),
        (b"a=%FF", [("a", "\ufffd")]),
        (b"a=\xff", [("a", "ÿ")]),
    ],
)
def test_a_query_string_is_read(query, pairs):
    assert QueryParams(query).multi_items() == pairs


def test_mappings_pairs_and_keywords_become_text():
    assert QueryParams({"a": 1}).multi_items() == [("a", "1")]
    assert QueryParams([("a", None), (1, 1.5)]).multi_items() == [("a", "None"), ("1", "1.5")]
    assert QueryParams(MultiDict([("a", 1), ("a", 2)])).multi_items() == [("a", "1"), ("a", "2")]
    assert QueryParams("a=1", b=2).multi_items() == [("a", "1"), ("b", "2")]
    assert QueryParams(QueryParams("a=1")) == QueryParams(a=1) == QueryParams("a=1")
    assert QueryParams(None).multi_items() == QueryParams().multi_items() == []
    with pytest.raises(AssertionError, match=r"Too many arguments\."):
        QueryParams("a", "b")


def test_str_is_a_query_string_and_repr_shows_it():
    params = QueryParams("a=1 2&b=&é=%26")
    assert str(params) == "a=1+2&b=&%C3%A9=%26"
    assert repr(params) == "QueryParams('a=1+2&b=&%C3%A9=%26')"
    assert params != "a=1+2&b=&%C3%A9=%26"
    assert QueryParams("a=1&b=2") == QueryParams("b=2&a=1")


def test_a_request_of_too_many_parameters_is_a_client_error():
    query = "&".join(["a=1"] * 1000)
    assert len(QueryParams(query).multi_items()) == 1000
    with pytest.raises(HTTPException) as caught:
        QueryParams(query + "&a=1")
    assert caught.value.status_code == 400
    assert "1000" in caught.value.detail
    with pytest.raises(HTTPException):
        Request(http_scope(query=b"&" * 100_000)).query_params


def test_the_limit_is_a_class_attribute():
    class Wide(QueryParams):
        max_fields = 1001

    assert len(Wide("&".join(["a"] * 1001)).getlist("a")) == 1001


def test_pairs_of_the_program_have_no_limit():
    assert len(QueryParams([("a", "1")] * 2000).getlist("a")) == 2000
