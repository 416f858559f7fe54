"""Cache-Control: what is built is a valid header without contradictions, what is read is read whatever it says."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_requests import CacheControl, Response


@pytest.mark.parametrize(
    ("control", "value"),
    [
        (CacheControl(), ""),
        (CacheControl(no_store=True), "no-store"),
        (CacheControl(no_store=True, max_age=0), "no-store, max-age=0"),
        (CacheControl(no_store=True, no_cache=True, must_revalidate=True), "no-cache, no-store, must-revalidate"),
        (CacheControl(max_age=31536000, public=True, immutable=True), "public, max-age=31536000, immutable"),
        (CacheControl(private=True, max_age=timedelta(minutes=5)), "private, max-age=300"),
        (CacheControl(max_age=0, s_maxage=60, proxy_revalidate=True), "proxy-revalidate, max-age=0, s-maxage=60"),
        (CacheControl(stale_while_revalidate=5, stale_if_error=timedelta(days=1)),
         "stale-while-revalidate=5, stale-if-error=86400"),
        (CacheControl(no_transform=True), "no-transform"),
        (CacheControl(must_understand=True, no_store=True, max_age=5), "no-store, must-understand, max-age=5"),
        (CacheControl(private="Set-Cookie", public=True), 'public, private="set-cookie"'),
        (CacheControl(no_cache=iter(["set-cookie", "X-User"]), immutable=True),
         'no-cache="set-cookie, x-user", immutable'),
        (CacheControl(private="a, b"), 'private="a, b"'),
        (CacheControl(extensions={"Ext": None, "community": "UCI", "text": 'a "b"', "none": ""}),
         r'ext, community=UCI, text="a \"b\"", none=""'),
    ],
)  # fmt: skip
def test_directives_are_written(control, value):
    assert str(control) == value
    assert CacheControl.parse(value) == control
    response = Response(headers={"cache-control": str(control)})
    assert response.headers["Cache-Control"] == value


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"public": True, "private": True}, "private contradicts public"),
        ({"private": True, "s_maxage": 5}, "private contradicts s_maxage"),
        ({"private": True, "proxy_revalidate": True}, "private contradicts proxy_revalidate"),
        ({"no_store": True, "max_age": 5}, "no_store contradicts max_age: .* must_understand"),
        ({"no_store": True, "public": True}, "no_store contradicts public"),
        ({"no_store": True, "immutable": True}, "no_store contradicts immutable"),
        ({"no_cache": True, "immutable": True}, "no_cache contradicts immutable"),
        ({"no_cache": True, "stale_if_error": 5}, "no_cache contradicts stale_if_error"),
        ({"must_revalidate": True, "stale_while_revalidate": 5}, "must_revalidate contradicts stale_while_revalidate"),
        *[({"max_age": age}, f"max_age is a whole number of seconds.*{age}") for age in (-1, 1.5, 60.0, "60", True)],
        ({"s_maxage": timedelta(milliseconds=1500)}, "s_maxage is a whole number of seconds"),
        ({"stale_if_error": timedelta(seconds=-1)}, "stale_if_error is a whole number of seconds"),
        *[({"private": names}, "private is True, or names of headers") for names in ("", "a b", ["a", "b,"], [], [1])],
        ({"no_cache": "a\r\nb"}, "no_cache is True, or names of headers"),
        ({"extensions": {"a b": None}}, "Invalid directive: 'a b'"),
        ({"extensions": {"Max-Age": "5"}}, "Write max_age=... instead of 'Max-Age'"),
        ({"extensions": {"a": "b\r\nset-cookie: c"}}, "control character"),
        ({"extensions": {"a": "\N{SNOWMAN}"}}, "latin-1"),
    ],
)
def test_what_has_no_meaning_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CacheControl(**options)


def test_directives_are_a_value():
    control = CacheControl(max_age=60, extensions={"a": None})
    assert control == CacheControl(max_age=timedelta(minutes=1), extensions={"A": None})
    assert len({control, CacheControl(max_age=60), dataclasses.replace(control, extensions={})}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        control.max_age = 5  # type: ignore[misc]
    with pytest.raises(ValueError, match="contradicts"):
        dataclasses.replace(control, no_store=True)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("Max-Age=60 , NO-CACHE", {"max_age": 60, "no_cache": True}),
        ('max-age="60"', {"max_age": 60}),
        ("max-age=60, max-age=5, ext=1, ext=2", {"max_age": 60, "extensions": {"ext": "1"}}),
        # A time that cannot be read is none; one that is too long is long.
        *[(f"max-age={age}", {"max_age": 0}) for age in ("-1", "1.5", "x", "", "+5", "\u00b2", "5 6")],
        ("max-age", {"max_age": 0}),
        ("s-maxage=" + "9" * 9999, {"s_maxage": 2**31}),
        ("stale-if-error=00000000000000000060", {"stale_if_error": 60}),
        ("max-age=000", {"max_age": 0}),
        ('private="Set-Cookie, X-User"', {"private": ("set-cookie", "x-user")}),
        ("private=set-cookie", {"private": ("set-cookie",)}),
        ('private="a b", no-cache=""', {"private": True, "no_cache": True}),
        ('no-cache="a b, c"', {"no_cache": ("c",)}),
        ("no-store=1", {"no_store": True}),
        ("max-stale, min-fresh=5, only-if-cached", {"extensions": {"max-stale": None, "min-fresh": "5",
                                                                   "only-if-cached": None}}),
        ('ext="a, b=c", other="\\"", broken="', {"extensions": {"ext": "a, b=c", "other": '"', "broken": None}}),
        ('a="b\x7fc", d="\te", f="g\\"', {"extensions": {"a": None, "d": "\te", "f": None}}),
        (",, =1, a b, ;", {}),
    ],
)  # fmt: skip
def test_directives_are_read(value, read):
    found = CacheControl.parse(value)
    given: dict[str, Any] = {each.name: getattr(found, each.name) for each in dataclasses.fields(found)}
    assert given == {**{each.name: getattr(CacheControl(), each.name) for each in dataclasses.fields(found)}, **read}


def test_contradictions_are_read_as_they_are():
    found = CacheControl.parse("public, private, no-store, max-age=5")
    assert str(found) == "public, private, no-store, max-age=5"


@given(st.text(alphabet=st.characters(max_codepoint=255)) | st.text(alphabet='no-cache,private="x\\ =;'))
def test_anything_is_read_and_written_again(value):
    found = CacheControl.parse(value)
    assert CacheControl.parse(str(found)) == found
