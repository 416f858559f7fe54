"""Reverse URLs with a query and a fragment."""

from __future__ import annotations

import enum
import pickle
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_routing import Host, InvalidParameter, Mount, NoMatchFound, Route, Router, URLPath, WebSocketRoute


async def app(scope, receive, send):
    raise NotImplementedError


ROUTER = Router(
    [
        Route("/users/{id:int}", app, name="user"),
        Route("/search/{query}/{fragment}", app, name="search"),
        WebSocketRoute("/chat", app, name="chat"),
        Mount("/m/{tenant}", routes=[Route("/a", app, name="a")], name="m"),
        Mount("/q/{query}", routes=[Route("/a", app, name="a")], name="q"),
        Mount("/static", app, name="static"),
        Host("{sub}.example.org", Router([Route("/a", app, name="a")]), name="host"),
    ]
)


class Colour(str, enum.Enum):
    RED = "red & blue"


@pytest.mark.parametrize(
    ("name", "params", "url"),
    [
        ("user", {"id": 7, "query": {"b": 1, "a": "x y&z=#?/+%"}}, "/users/7?b=1&a=x%20y%26z%3D%23?/%2B%25"),
        ("user", {"id": 7, "query": {"tag": ["a", "b", None], "page": None}}, "/users/7?tag=a&tag=b"),
        ("user", {"id": 7, "query": [("a", 1), ("b", (2, 3)), ("a", "é")]}, "/users/7?a=1&b=2&b=3&a=%C3%A9"),
        ("user", {"id": 7, "query": {"on": True, "off": False, "empty": ""}}, "/users/7?on=true&off=false&empty="),
        ("user", {"id": 7, "query": {"c": Colour.RED, "d": Decimal("1.50")}}, "/users/7?c=red%20%26%20blue&d=1.50"),
        ("user", {"id": 7, "query": {"day": date(2026, 2, 1)}}, "/users/7?day=2026-02-01"),
        ("user", {"id": 7, "query": {"t": datetime(2026, 2, 1, tzinfo=UTC)}}, "/users/7?t=2026-02-01T00:00:00%2B00:00"),
        ("user", {"id": 7, "query": {}, "fragment": ""}, "/users/7"),
        ("user", {"id": 7, "query": None, "fragment": None}, "/users/7"),
        ("user", {"id": 7, "query": {"\\": "\\"}, "fragment": "a b#c%/?&\\"}, "/users/7?%5C=%5C#a%20b%23c%25/?&%5C"),
        ("search", {"query": "x", "fragment": "y"}, "/search/x/y"),
        ("chat", {"query": {"room": 1}}, "/chat?room=1"),
        ("m:a", {"tenant": "t", "query": {"x": 1}, "fragment": "f"}, "/m/t/a?x=1#f"),
        ("q:a", {"query": "x", "fragment": "f"}, "/q/x/a#f"),
        ("static", {"path": "a.css", "query": {"v": 2}}, "/static/a.css?v=2"),
        ("host:a", {"sub": "s", "query": {"x": 1}, "fragment": "f"}, "/a?x=1#f"),
        ("host", {"sub": "s", "path": "/b?", "query": {"x": 1}}, "/b%3F?x=1"),
    ],
)
def test_a_query_and_a_fragment_follow_the_path(name, params, url):
    assert ROUTER.url_path_for(name, **params) == url


def test_absolute_urls_keep_them_at_their_host():
    path = ROUTER.url_path_for("host:a", sub="s", query={"x": 1}, fragment="f")
    assert path.make_absolute_url("https://other/root/") == "https://s.example.org/root/a?x=1#f"
    chat = ROUTER.url_path_for("chat", query={"x": 1})
    assert chat.make_absolute_url("https://other") == "wss://other/chat?x=1"
    assert pickle.loads(pickle.dumps(chat)).make_absolute_url("http://o") == "ws://o/chat?x=1"


@pytest.mark.parametrize("params", [{"query": "x"}, {"query": 7}, {"fragment": 7}, {"query": {}, "other": 1}])
def test_what_is_neither_query_nor_fragment_is_a_parameter_that_the_path_lacks(params):
    with pytest.raises(NoMatchFound) as caught:
        ROUTER.url_path_for("chat", **params)
    assert not isinstance(caught.value, InvalidParameter)


@pytest.mark.parametrize("value", [{"a": 1}, {1}, b"x", [["x"]]])
def test_a_value_without_a_text_is_refused_by_name(value):
    with pytest.raises(TypeError, match="'deep' has no text form"):
        ROUTER.url_path_for("chat", query={"deep": value})


def test_a_url_path_takes_a_query_itself_and_refuses_a_text():
    class Own(URLPath):
        __slots__ = ()

    url = Own("/a", "http", "h").with_query({"x": 1}, "f")
    assert (url, type(url), url.protocol, url.host) == ("/a?x=1#f", Own, "http", "h")
    with pytest.raises(TypeError, match="pairs of a name and a value"):
        URLPath("/a").with_query("x=1")


@given(
    st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))),
    st.text("ab /?#%&"),
)
def test_any_query_is_read_back(pairs, fragment):
    url = ROUTER.url_path_for("chat", query=pairs, fragment=fragment)
    assert url.isascii()
    assert " " not in url
    assert parse_qsl(urlsplit(url).query, keep_blank_values=True) == pairs
