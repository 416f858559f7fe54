"""Set-Cookie, attribute by attribute."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta, timezone
from http.cookies import SimpleCookie

import pytest

from asgi_requests.cookies import cookie_parser
from asgi_requests.responses import Response


def cookie(*args, **kwargs) -> str:
    response = Response()
    response.set_cookie(*args, **kwargs)
    return response.headers["set-cookie"]


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({"value": "b"}, "a=b; Path=/; SameSite=lax"),
        ({}, 'a=""; Path=/; SameSite=lax'),
        ({"value": 5}, "a=5; Path=/; SameSite=lax"),
        ({"value": "b c"}, 'a="b c"; Path=/; SameSite=lax'),
        ({"value": 'é"; x,\\'}, r'a="\351\"\073 x\054\\"; Path=/; SameSite=lax'),
        ({"value": "x\0\r\n"}, r'a="x\000\015\012"; Path=/; SameSite=lax'),
        ({"value": "b", "path": None, "samesite": None}, "a=b"),
        ({"value": "b", "path": "", "domain": "", "expires": "", "samesite": None}, "a=b"),
        ({"value": "b", "max_age": 0}, "a=b; Max-Age=0; Path=/; SameSite=lax"),
        ({"value": "b", "expires": "Tue, 01 Jan 2030 00:00:00 GMT"},
         "a=b; expires=Tue, 01 Jan 2030 00:00:00 GMT; Path=/; SameSite=lax"),
        (
            {"value": "b", "max_age": 10, "domain": "d.example", "path": "/x", "secure": True, "httponly": True,
             "samesite": "none", "partitioned": True},
            "a=b; Domain=d.example; HttpOnly; Max-Age=10; Partitioned; Path=/x; SameSite=none; Secure",
        ),
        ({"value": "b", "samesite": "Strict"}, "a=b; Path=/; SameSite=Strict"),
    ],
)  # fmt: skip
def test_a_cookie_reads_as_the_standard_library_writes_it(kwargs, expected):
    assert cookie("a", **kwargs) == expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2030, 1, 1, tzinfo=UTC), "Tue, 01 Jan 2030 00:00:00 GMT"),
        (datetime(2030, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), "Tue, 01 Jan 2030 00:00:00 GMT"),
    ],
)
def test_expires_takes_a_moment_of_any_zone(moment, expected):
    assert f"expires={expected};" in cookie("a", expires=moment)


def test_expires_takes_seconds_from_now():
    assert re.search(r"expires=\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT;", cookie("a", expires=3600))


def test_expires_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        cookie("a", expires=datetime(2030, 1, 1))


@pytest.mark.parametrize(
    ("max_age", "seconds"),
    [(timedelta(days=1), 86400), (timedelta(seconds=1.9), 1), (1.5, 1), (-1, -1), (True, 1), ("3600", 3600)],
)
def test_max_age_is_whole_seconds(max_age, seconds):
    assert f"Max-Age={seconds};" in cookie("a", max_age=max_age)


@pytest.mark.parametrize("max_age", ["1 day", "1.5", "", [], datetime(2030, 1, 1, tzinfo=UTC), "9" * 5000, "²"])
def test_max_age_of_another_kind_is_refused(max_age):
    with pytest.raises(TypeError, match="max_age is seconds or a timedelta"):
        cookie("a", max_age=max_age)


def test_a_patched_clock_is_honoured(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: datetime(2030, 1, 1, tzinfo=UTC).timestamp())
    assert "expires=Tue, 01 Jan 2030 00:00:10 GMT;" in cookie("a", expires=10)


def test_a_path_is_encoded_as_browsers_request_it():
    assert "Path=/caf%C3%A9/%E2%82%AC%2F;" in cookie("a", path="/café/€%2F")


def test_a_domain_of_other_letters_is_sent_in_ascii():
    assert "Domain=xn--mnchen-3ya.example;" in cookie("a", domain="münchen.example")
    with pytest.raises(ValueError, match="Invalid cookie domain"):
        cookie("a", domain="é..example")


@pytest.mark.parametrize("bad", ["\r\nX: y", "\n", "\0", "; Secure", "\x7f", "\t", "é;", "é\r\n"])
@pytest.mark.parametrize("attribute", ["path", "domain", "expires"])
def test_no_attribute_starts_another(attribute, bad):
    with pytest.raises(ValueError, match=attribute):
        cookie("a", **{attribute: f"x{bad}"})


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a=b", "a\r\n", "é", "a,b", '"a"'])
def test_a_name_must_be_a_token(name):
    with pytest.raises(ValueError, match="Illegal key"):
        cookie(name, "x")


def test_samesite_is_one_of_three():
    with pytest.raises(ValueError, match="samesite must be either 'strict', 'lax' or 'none'"):
        cookie("a", samesite="x; HttpOnly")


@pytest.mark.parametrize(
    ("name", "attributes", "missing"),
    [
        ("__Secure-a", {}, "secure=True"),
        ("__secure-a", {}, "secure=True"),
        ("__Host-a", {}, "secure=True"),
        ("__Host-a", {"secure": True, "path": "/x"}, "path='/'"),
        ("__Host-a", {"secure": True, "path": None}, "path='/'"),
        ("__Host-a", {"secure": True, "domain": "d.example"}, "no domain"),
        ("__Http-a", {"secure": True}, "httponly=True"),
        ("__Host-Http-a", {"secure": True}, "httponly=True"),
    ],
)
def test_a_prefix_is_a_promise(name, attributes, missing):
    with pytest.warns(UserWarning, match=f"Browsers drop the cookie {name!r}.*{missing}") as warned:
        assert cookie(name, "v", **attributes).startswith(f"{name}=v; ")
    assert warned[0].filename == __file__


@pytest.mark.parametrize("samesite", ["none", "None"])
def test_a_cookie_for_other_sites_that_is_not_secure_is_warned_of(samesite):
    with pytest.warns(UserWarning, match="needs secure=True, as samesite='none' does"):
        assert cookie("a", "v", samesite=samesite) == f"a=v; Path=/; SameSite={samesite}"


def test_a_partitioned_cookie_that_is_not_secure_is_refused():
    with pytest.raises(ValueError, match="needs secure=True, as browsers drop a partitioned one without"):
        cookie("a", "v", partitioned=True)


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("__Secure-a", {"secure": True, "domain": "d.example", "path": "/x"}),
        ("__Host-a", {"secure": True}),
        ("__Host-Http-a", {"secure": True, "httponly": True}),
        ("__other", {}),
    ],
)
def test_a_kept_promise_is_sent(name, attributes):
    assert cookie(name, "v", **attributes).startswith(f"{name}=v; ")


def test_deleting_keeps_the_attributes_and_ends_the_cookie():
    response = Response()
    response.delete_cookie("__Host-a", secure=True, httponly=True, samesite="none", partitioned=True)
    value = response.headers["set-cookie"]
    assert value.startswith('__Host-a=""; expires=')
    assert value.endswith("; HttpOnly; Max-Age=0; Partitioned; Path=/; SameSite=none; Secure")


def test_every_cookie_is_a_header_of_its_own():
    response = Response()
    response.set_cookie("a", "1")
    response.set_cookie("a", "2")
    response.delete_cookie("b")
    assert len(response.headers.getlist("set-cookie")) == 3


@pytest.mark.parametrize("value", ["plain", "b c", 'q"uo;te,\\', "é", "\x01\x7f", "a=b", "{}"])
def test_a_latin_1_value_comes_back_as_it_was(value):
    sent = cookie("a", value, path=None, samesite=None)
    assert cookie_parser(sent) == {"a": value}
    if value.isprintable():
        read = SimpleCookie(sent)
        assert read["a"].value == value


@pytest.mark.parametrize("value", ["€", "日本語", "😀 é", "\ud800"])
def test_a_value_beyond_latin_1_is_sent_as_its_utf8(value):
    sent = cookie("a", value, path=None, samesite=None)
    assert sent.isascii()
    assert cookie_parser(sent)["a"].encode("latin-1").decode("utf-8", "surrogatepass") == value
