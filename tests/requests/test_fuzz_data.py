"""Whatever a client sends, the parsers of its data raise what they document, grow no more than it and stay linear."""

from __future__ import annotations

import string
import sys
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgi_requests.cookies import cookie_parser
from asgi_requests.exceptions import HTTPException
from asgi_requests.headers import Headers, MutableHeaders
from asgi_requests.multidict import QueryParams
from asgi_requests.requests import Request
from asgi_requests.urls import URL
from raw_asgi import http_scope

few = settings(max_examples=60, deadline=None)
many = settings(max_examples=150, deadline=None)
latin_1 = st.text(st.characters(max_codepoint=255))
query_text = st.text(st.sampled_from("ab&=+%;é4C3A9f \x00\ufffd") | st.characters(codec="utf-8"))
query_bytes = st.text(st.sampled_from("ab&=+%;4C3A9f\xff\xc3\xa9")).map(lambda text: text.encode("latin-1"))


@many
@given(query_text)
def test_a_query_string_is_read_as_the_standard_library_reads_it(query):
    assert QueryParams(query).multi_items() == parse_qsl(query, keep_blank_values=True)


@many
@given(query_bytes)
def test_no_bytes_of_a_query_fail_and_none_are_added(query):
    params = Request(http_scope(query=query)).query_params
    assert params.multi_items() == parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    assert sum(len(name) + len(value) for name, value in params.multi_items()) <= len(query)


@few
@given(st.lists(st.tuples(st.text(), st.text()), max_size=20))
def test_a_query_string_says_what_it_was_made_of(pairs):
    assert QueryParams(str(QueryParams(pairs))).multi_items() == pairs


@many
@given(latin_1 | st.text(st.sampled_from('ab=;" \t\\07\xa0,')))
def test_no_cookie_header_fails_and_nothing_is_added(header):
    cookies = cookie_parser(header)
    assert sum(len(name) + len(value) for name, value in cookies.items()) <= len(header)
    assert all(not name.startswith((" ", "\t")) and ";" not in name for name in cookies)


cookie_text = st.text(string.ascii_letters + string.digits + "!#$&'*+-.^_`|~", min_size=1)


@few
@given(st.dictionaries(cookie_text, cookie_text, max_size=10), st.sampled_from(["; ", ";", " ;\t", ";;  "]))
def test_well_formed_cookies_are_read_whole(cookies, separator):
    assert cookie_parser(separator.join(f"{name}={value}" for name, value in cookies.items())) == cookies


@few
@given(st.lists(st.tuples(st.binary(max_size=12), st.binary(max_size=12)), max_size=8), latin_1)
def test_no_headers_fail_to_be_read(pairs, name):
    headers = Headers(raw=pairs)
    assert headers.getlist(name) == [
        v.decode("latin-1") for k, v in pairs if k.lower() == name.lower().encode("latin-1", "replace")
    ]
    assert headers.get(name) == next(iter(headers.getlist(name)), None)
    assert (name in headers) == bool(headers.getlist(name))
    assert len(headers.items()) == len(pairs)
    assert repr(headers)


@many
@given(latin_1, latin_1 | st.text())
def test_what_is_set_is_one_header_or_a_value_error(name, value):
    headers = MutableHeaders()
    try:
        headers[name] = value
    except ValueError:
        return
    ((encoded_name, encoded_value),) = headers.raw
    assert not set(encoded_name) & set(b" \t\r\n\0:")
    assert not set(encoded_value) & set(b"\r\n\0")
    assert headers[name] == value


host_text = st.text(st.sampled_from("ab.:[]01@/?#\\%- \r\n\xe9"))


@many
@given(
    host_text.map(lambda text: text.encode("latin-1")) | st.binary(max_size=20), st.sampled_from([None, ("srv", 80)])
)
def test_no_host_moves_the_path_or_the_query(host, server):
    url = URL(scope=http_scope(path="/admin", query=b"q=1", headers=[(b"host", host)], server=server))
    again = URL(str(url))
    for read in (url, again):
        assert (read.path, read.query, read.fragment, read.username) == ("/admin", "q=1", "", None)
    assert url.netloc in (host.decode("latin-1").removesuffix(":"), "srv" if server else "")
    assert (url.port, url.hostname) == (again.port, again.hostname)
    assert url.replace(port=81).path == "/admin"


path_text = st.text(st.sampled_from("/ab.:@?#\\%é \r\n\t\x00;[]")) | st.text()


@many
@given(path_text, st.binary(max_size=12), st.sampled_from([None, ("srv", 80)]))
def test_no_path_or_query_moves_another_part(path, query, server):
    url = URL(scope=http_scope(path=path, query=query, server=server, raw_path=None))
    again = URL(str(url))
    assert url.hostname == again.hostname == ("srv" if server else None)
    assert url.fragment == again.fragment == ""
    assert (again.path, again.query) == (url.path, url.query)
    assert str(url).isascii()
    assert unquote(url.path) == (path if path[:1] == "/" else f"/{path}" if path else "")
    assert url.include_query_params(b="%é ").path == url.path


PARSERS: dict[str, tuple[Callable[[str], object], list[str]]] = {
    "query": (QueryParams, ["a=1&", "&", "=", "%", "%41", "+", "a=%C3%A9&", ";"]),
    "cookies": (cookie_parser, ["a=1; ", ";", "=", '"', "\\", '"\\', " \t", 'a="\\073";']),
    "host": (
        lambda text: URL(scope=http_scope(headers=[(b"host", text.encode())])).netloc,
        [":", "[", "1", "a.", "%", "[:"],
    ),
    "path": (lambda text: str(URL(scope=http_scope(path=text))), ["/", "?", "#", "\\", "//", "%"]),
}


@pytest.mark.parametrize(("parser", "unit"), [(parser, unit) for parser, units in PARSERS.values() for unit in units])
def test_work_grows_as_the_input_does(parser, unit):
    small, large = (_steps(parser, unit * (size // len(unit))) for size in (400, 3200))
    assert large <= 9 * small + 200


def _steps(parser: Callable[[str], object], text: str) -> int:
    """Lines and calls that the interpreter runs for one parse, C functions included."""
    steps = 0

    def trace(frame, event, argument):
        nonlocal steps
        steps += 1
        return trace

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(trace)
    sys.setprofile(trace)
    try:
        parser(text)
    except HTTPException:
        pass
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    return steps


def test_a_million_parameters_are_refused_before_they_are_split():
    query = b"a&" * 1_000_000
    small = _steps(QueryParams, "a&" * 2000)
    assert _steps(QueryParams, query.decode()) == small
