"""Whatever a client or a program hands in: no exception but the documented ones, output bounded by input."""

from __future__ import annotations

import re
import warnings
from itertools import pairwise
from urllib.parse import quote, unquote

from hypothesis import given, settings
from hypothesis import strategies as st

from asgi_requests.cookies import cookie_parser
from asgi_requests.files import MalformedRangeHeader, RangeNotSatisfiable, content_disposition, parse_range_header
from asgi_requests.files.conditional import precondition, range_applies
from asgi_requests.responses import JSONResponse, RedirectResponse, Response

modest = settings(max_examples=80, deadline=None)
header = st.text(st.characters(max_codepoint=255), max_size=60)
range_text = st.one_of(header, st.from_regex(r"(?i:bytes) ?=( ?[0-9]{0,4} ?-? ?[0-9]{0,4} ?,?){0,12}", fullmatch=True))
tags = st.one_of(header, st.lists(st.sampled_from(['"a"', 'W/"a"', '"b"', "*", "a", '"', "W/"])).map(",".join))
names = ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"]


@modest
@given(range_text, st.integers(0, 2000))
def test_any_range_header_is_ranges_within_the_file_or_a_documented_error(value, size):
    try:
        ranges = parse_range_header(value, size)
    except (MalformedRangeHeader, RangeNotSatisfiable):
        return
    assert len(ranges) <= min(100, value.count(",") + 1)
    assert all(0 <= start < end <= size for start, end in ranges)
    assert all(before[1] < after[0] for before, after in pairwise(ranges))


@modest
@given(st.dictionaries(st.sampled_from(names), tags), st.sampled_from(["GET", "HEAD", "PUT"]), tags)
def test_any_conditions_are_a_status_or_none(conditions, method, etag):
    assert precondition(method, conditions, etag, "Sun, 06 Nov 1994 08:49:37 GMT") in (None, 304, 412)
    assert range_applies(conditions, etag, etag) in (True, False)


@modest
@given(tags)
def test_what_matches_strongly_matches_weakly(value):
    strong = precondition("GET", {"if-match": value}, '"a"', None) is None
    weak = precondition("GET", {"if-none-match": value}, '"a"', None) == 304
    assert weak or not strong


@modest
@given(st.text(max_size=40), st.text(max_size=80))
def test_any_cookie_is_one_cookie_or_refused(name, value):
    response = Response()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names like __HOST-, whose rules a browser enforces
            response.set_cookie(name, value)
    except ValueError:
        assert re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", name) is None or name.startswith("__")
        return
    sent = response.headers["set-cookie"]
    assert sent.isascii()
    assert sent.isprintable()
    assert sent.count(";") == 2
    assert len(sent) < len(name) + 16 * len(value) + 40
    read = cookie_parser(sent.partition(";")[0])
    assert list(read) == [name]
    if all(ord(character) < 256 for character in value):
        assert read[name] == value


@modest
@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_any_attribute_is_itself_or_refused(path, domain, expires):
    response = Response()
    try:
        response.set_cookie("a", "b", path=path, domain=domain, expires=expires)
    except ValueError:
        return
    domain = domain if domain.isascii() else domain.encode("idna").decode()
    path = "".join(c if c.isascii() else quote(c, errors="replace") for c in path)
    given_ones = (("Domain", domain), ("expires", expires), ("Path", path))
    expected = ["a=b", *(f"{label}={value}" for label, value in given_ones if value), "SameSite=lax"]
    assert response.headers["set-cookie"] == "; ".join(expected)


@modest
@given(st.text(max_size=60))
def test_any_redirect_is_one_header(url):
    location = RedirectResponse(url).headers["location"]
    assert location.isascii()
    assert location.isprintable()
    assert unquote(location) == unquote(url)


@modest
@given(st.text(max_size=60))
def test_any_file_name_stays_in_its_parameter(filename):
    value = content_disposition(filename)
    found = re.fullmatch(r"""attachment; filename="([^"\\]*)"(?:; filename\*=utf-8''([\w.~%-]*))?""", value, re.ASCII)
    assert found is not None
    assert value.isprintable()
    assert unquote(found[2] or found[1]) == filename


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@modest
@given(json_values)
def test_any_json_value_is_encoded_or_a_value_error(content):
    try:
        body = JSONResponse(content).body
    except ValueError:
        return
    body.decode("utf-8")
