"""The Cookie header, read as browsers write it."""

from __future__ import annotations

import pytest

from asgi_requests.cookies import cookie_parser
from asgi_requests.requests import Request
from raw_asgi import http_scope


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("", {}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2;", {"a": "1", "b": "2"}),
        (" a \t=\t 1 ;; ;", {"a": "1"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=1; a=2; b=; b=3", {"a": "1", "b": ""}),
        ("alone", {"": "alone"}),
        ("=", {}),
        ("=b", {"": "b"}),
        ("a=", {"a": ""}),
        ('a="x y"', {"a": "x y"}),
        (r'a="x\073y\"z\\"', {"a": 'x;y"z\\'}),
        (r'a="\9\400"', {"a": "9400"}),
        ('a="', {"a": '"'}),
        ('a=""', {"a": ""}),
        ('a="x; c=y"', {"a": '"x', "c": 'y"'}),
        ("a=\xe9", {"a": "\xe9"}),
    ],
)
def test_a_cookie_header_is_split(header, cookies):
    assert cookie_parser(header) == cookies


@pytest.mark.parametrize("space", ["\xa0", "\x85", "\x0b", "\x0c", "\x1c", "\r", "\n"])
def test_only_space_and_tab_are_trimmed(space):
    parsed = cookie_parser(f"__Host-session=good; {space}__Host-session=evil; a={space}b")
    assert parsed == {"__Host-session": "good", f"{space}__Host-session": "evil", "a": f"{space}b"}


def test_several_cookie_headers_are_one():
    headers = [(b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2; a=3")]
    assert Request(http_scope(headers=headers)).cookies == {"a": "1", "b": "2"}


def test_a_cookie_header_may_be_title_case_or_missing():
    assert Request(http_scope(headers=[(b"Cookie", b"a=1")])).cookies == {"a": "1"}
    assert Request(http_scope()).cookies == {}
    assert Request({"type": "http"}).cookies == {}


def test_cookies_are_parsed_once():
    request = Request(http_scope(headers=[(b"cookie", b"a=1")]))
    assert request.cookies is request.cookies
