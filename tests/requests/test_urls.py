"""URL and Address: what they read, what they derive, and what no request can make them say."""

from __future__ import annotations

import copy
import pickle
from urllib.parse import SplitResult, unquote, urlsplit

import pytest

from asgi_requests.requests import Request
from asgi_requests.responses import PlainTextResponse, RedirectResponse
from asgi_requests.urls import URL, Address
from raw_asgi import http_scope, request

FULL = "http://u:p@h:80/p?q=1#f"


def url(**scope):
    return URL(scope=http_scope(**scope))


def test_an_address_is_a_pair_with_names():
    assert Address("a", 1) == ("a", 1)
    assert repr(Address("a", 1)) == "Address(host='a', port=1)"


def test_a_url_has_parts():
    parsed = URL("https://ada:secret@Example.org:8443/a/b?x=1#top")
    assert parsed.components == SplitResult("https", "ada:secret@Example.org:8443", "/a/b", "x=1", "top")
    assert (parsed.scheme, parsed.netloc, parsed.path) == ("https", "ada:secret@Example.org:8443", "/a/b")
    assert (parsed.query, parsed.fragment) == ("x=1", "top")
    assert (parsed.username, parsed.password, parsed.hostname, parsed.port) == ("ada", "secret", "example.org", 8443)


@pytest.mark.parametrize(
    ("text", "secure"), [("https://a", True), ("wss://a", True), ("http://a", False), ("/", False)]
)
def test_https_and_wss_are_secure(text, secure):
    assert URL(text).is_secure is secure


def test_a_url_equals_a_url_or_a_string_that_reads_the_same():
    assert URL("http://a/") == URL("http://a/") == "http://a/"
    assert URL("http://a/") != 3
    with pytest.raises(TypeError):
        hash(URL("http://a/"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (FULL, "URL('http://u:********@h:80/p?q=1#f')"),
        ("http://:pw@h", "URL('http://:********@h')"),
        ("http://u:@h", "URL('http://u:@h')"),
        ("", "URL('')"),
    ],
)
def test_repr_hides_the_password(text, shown):
    assert repr(URL(text)) == shown
    assert str(URL(text)) == text


@pytest.mark.parametrize(
    ("text", "changes", "result"),
    [
        (FULL, {"port": None}, "http://u:p@h/p?q=1#f"),
        (FULL, {"hostname": "x"}, "http://u:p@x:80/p?q=1#f"),
        (FULL, {"hostname": None, "port": 3}, "http://u:p@h:3/p?q=1#f"),
        (FULL, {"username": "x"}, "http://x:p@h:80/p?q=1#f"),
        (FULL, {"username": None}, "http://h:80/p?q=1#f"),
        (FULL, {"password": None}, "http://u@h:80/p?q=1#f"),
        (FULL, {"password": "zz"}, "http://u:zz@h:80/p?q=1#f"),
        ("http://h/x", {"password": "x"}, "http://h/x"),
        ("postgres://u@h/db", {"password": "p/w@1:#?[é]%"}, "postgres://u:p%2Fw%401%3A%23%3F%5B%C3%A9%5D%25@h/db"),
        ("http://h", {"username": "a:b@c", "password": ""}, "http://a%3Ab%40c:@h"),
        ("http://u:p%40@h", {"password": "x%40%"}, "http://u:x%40%25@h"),
        ("http://u:p%40@h", {"username": "v"}, "http://v:p%40@h"),
        ("http://foo/p", {"username": "a"}, "http://a@foo/p"),
        ("http://[::1]:80/p", {"port": 99}, "http://[::1]:99/p"),
        ("http://[::1]/p", {"port": 99}, "http://[::1]:99/p"),
        ("http://[::1]:80/p", {"hostname": "foo"}, "http://foo:80/p"),
        ("http://foo:80/p", {"hostname": "::2"}, "http://[::2]:80/p"),
        ("http://foo:80/p", {"hostname": "[::2]"}, "http://[::2]:80/p"),
        ("/p", {"port": 90}, "//:90/p"),
        ("http://h:1/x", {"netloc": "k", "port": 3}, "http://h:3/x"),
        (
            "http://a/p",
            {"scheme": "https", "netloc": "b", "path": "/x", "query": "a=1", "fragment": "z"},
            "https://b/x?a=1#z",
        ),
    ],
)
def test_replace_changes_the_named_parts(text, changes, result):
    assert URL(text).replace(**changes) == result


def test_replace_refuses_a_part_there_is_not():
    with pytest.raises(ValueError, match=r"Got unexpected field names: \[.bogus.\]"):
        URL("http://a").replace(bogus=1)


def test_query_parameters_are_included_replaced_and_removed():
    start = URL("http://a/?a=1&b=2&a=3&c")
    assert start.include_query_params(a=5, d="x y") == "http://a/?b=2&c=&a=5&d=x+y"
    assert start.include_query_params(d=[1, 2]) == "http://a/?a=1&b=2&a=3&c=&d=%5B1%2C+2%5D"
    assert start.replace_query_params(a=3) == "http://a/?a=3"
    assert start.remove_query_params("a") == "http://a/?b=2&c="
    assert start.remove_query_params(["a", "b", "c", "z"]) == "http://a/"


def test_a_url_is_built_of_components():
    built = URL(scheme="http", hostname="h", port=8, username="u", password="p", path="/x", query="a=1")
    assert built == "http://u:p@h:8/x?a=1"
    assert URL() == ""


def test_the_text_is_there_for_code_that_looks_for_it():
    read = url(path="/x")
    assert read._url == "http://testserver/x"
    read._url = "http://other/"
    assert str(read) == "http://other/"
    assert URL("http://a/")._url == "http://a/"
    assert not hasattr(read, "other")
    for twin in (copy.copy(url(path="/x")), copy.deepcopy(url(path="/x")), pickle.loads(pickle.dumps(url(path="/x")))):
        assert twin == "http://testserver/x"


def test_a_url_has_one_source():
    with pytest.raises(AssertionError, match=r'Cannot set both "url" and "scope"\.'):
        URL("x", scope={})
    with pytest.raises(AssertionError, match=r'Cannot set both "url" and "\*\*components"\.'):
        URL("x", scheme="http")
    with pytest.raises(AssertionError, match=r'Cannot set both "scope" and "\*\*components"\.'):
        URL(scope=http_scope(), scheme="http")


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"server": ("h", 80)}, "http://h/x"),
        ({"server": ("H", 80)}, "http://H/x"),
        ({"server": ["h", 8080]}, "http://h:8080/x"),
        ({"server": ("h", 443), "scheme": "https"}, "https://h/x"),
        ({"server": ("h", 443), "scheme": "wss"}, "wss://h/x"),
        ({"server": ("h", 443)}, "http://h:443/x"),
        ({"server": ("::1", 80)}, "http://[::1]/x"),
        ({"server": ("::1", 8000)}, "http://[::1]:8000/x"),
        ({"server": ("h", 80), "scheme": "ftp"}, "ftp://h:80/x"),
        ({"server": None}, "/x"),
        ({"server": ("/run/app.sock", None)}, "/x"),
        ({"query": b"a=1&b"}, "http://testserver/x?a=1&b"),
        ({"headers": [(b"host", b"EXAMPLE.org:8000")]}, "http://EXAMPLE.org:8000/x"),
        ({"headers": [(b"Host", b"example.org")]}, "http://example.org/x"),
        ({"headers": [(b"host", b"[::1]:80")]}, "http://[::1]:80/x"),
        ({"headers": [(b"host", b"[::ffff:1.2.3.4]")], "server": None}, "http://[::ffff:1.2.3.4]/x"),
        ({"headers": [(b"host", b"a.com"), (b"host", b"b.com")]}, "http://a.com/x"),
        ({"headers": [(b"accept", b"*/*"), (b"host", b"a_b.com.")]}, "http://a_b.com./x"),
        ({"headers": [(b"host", b"example.com:000080")]}, "http://example.com:000080/x"),
        ({"headers": [(b"host", b"shop.example:")]}, "http://shop.example/x"),
        ({"headers": [(b"host", b"[v1.foo]:8000")]}, "http://[v1.foo]:8000/x"),
        ({"server": ("[::1]", 8000)}, "http://[::1]:8000/x"),
    ],
)
def test_a_scope_says_the_url(scope, expected):
    assert url(path="/x", **scope) == expected


def test_a_scope_may_leave_out_what_is_optional():
    assert URL(scope={"type": "http", "path": "/x"}) == "/x"
    assert URL(scope={"type": "http", "path": "", "server": ("h", 80)}) == "http://h"


MALFORMED_HOSTS = [
    b"example.com/?",
    b"example.com/",
    b"example.com?x",
    b"example.com#x",
    b"u@example.com",
    b"example.com\\x",
    b"a b",
    b"a\r\nb",
    b"a.com:x",
    b"a.com:65536",
    b"a.com:-1",
    b"[::1",
    b"[::1]x",
    b"[:::::]",
    b"[1.2.3.4]",
    b"[zz]",
    b"[V1.foo]",
    b"::1",
    b"\xe9.com",
    b"",
]


@pytest.mark.parametrize("host", MALFORMED_HOSTS)
def test_a_malformed_host_gives_way_to_the_server(host):
    # CVE-2026-48710: the Host header moved the path, and checks of request.url.path with it.
    poisoned = url(path="/admin/x", headers=[(b"host", host)])
    assert poisoned.path == "/admin/x"
    assert poisoned == "http://testserver/admin/x"
    assert URL(str(poisoned)).components == poisoned.components
    assert url(path="/admin/x", headers=[(b"host", host)], server=None) == "/admin/x"


@pytest.mark.parametrize("path", ["@google.com", ".google.com", ":80@google.com/x", "google.com", "https://google.com"])
def test_a_path_without_a_slash_never_becomes_the_host(path):
    # CVE-2026-54282
    read = url(path=path, headers=[(b"host", b"example.org")])
    assert read.hostname == "example.org"
    assert URL(str(read)).hostname == "example.org"
    assert URL(scope=http_scope(path=path, server=None)) == "/" + path
    assert read.path == "/" + path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a?b", "/a%3Fb"),
        ("/a#b", "/a%23b"),
        ("/a\\b", "/a%5Cb"),
        ("/a\nb\t\x00\x7f", "/a%0Ab%09%00%7F"),
        ("/é x%", "/%C3%A9%20x%25"),
        ("/a%2Fb", "/a%252Fb"),
        ('/say "hi"<b>{c}|^`', "/say%20%22hi%22%3Cb%3E%7Bc%7D%7C%5E%60"),
        ("/a;b=c,d:e@f!$&'()*+~_.-[0]", "/a;b=c,d:e@f!$&'()*+~_.-[0]"),
        ("/\udcff", "/%FF"),
        ("/\ud800", "/%3F"),
        ("//a/b", "//a/b"),
    ],
)
def test_a_path_is_encoded_once(path, expected):
    read = URL(scope=http_scope(headers=[(b"host", b"h")], query=b"q=1") | {"path": path})
    assert read.path == expected
    assert URL(str(read)).components == read.components
    for derived in (read.replace(scheme="https"), read.include_query_params(a=1), read.remove_query_params("q")):
        assert derived.path == expected


@pytest.mark.parametrize("path", ["/a%2Fb/x y", "/€", '/"', "/%", "/a%25"])
async def test_a_url_of_a_request_leads_back_to_it(path):
    async def app(scope, receive, send):
        request = Request(scope)
        if request.query_params:
            await PlainTextResponse(scope["path"])(scope, receive, send)
        else:
            target = request.url.include_query_params(again=1)
            await RedirectResponse(target, headers={"link": str(request.url)})(scope, receive, send)

    location = urlsplit((await request(app, path=path, raw_path=None)).header("location"))
    again = await request(app, path=unquote(location.path), query=location.query.encode(), raw_path=None)
    assert again.text == path


def test_a_base_url_is_encoded_once():
    request = Request(http_scope(root_path="/é/a%2Fb", path="/é/a%2Fb/x"))
    assert str(request.base_url) == "http://testserver/%C3%A9/a%252Fb/"

    class Router:
        def url_path_for(self, name):
            return "/" + name

    request.scope["router"] = Router()
    assert request.url_for("x") == request.url == "http://testserver/%C3%A9/a%252Fb/x"


@pytest.mark.parametrize("path", ["//evil.com/x", "///evil.com"])
def test_a_path_of_two_slashes_is_not_a_host_where_none_is_known(path):
    read = url(path=path, server=None)
    assert read.path == "/%2F" + path[2:]
    assert URL(str(read)).hostname is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"a=\xff", "a=%FF"),
        ("a=é".encode(), "a=%C3%A9"),
        (b"a=%C3%A9%zz'\\[]", "a=%C3%A9%zz'\\[]"),
        (b'a= "<>', "a=%20%22%3C%3E"),
        ("a=é\udcff", "a=%C3%A9%FF"),
        (b"a=1#b", "a=1%23b"),
        (b"a=\r\n", "a=%0D%0A"),
        (b"a=\xc3", "a=%C3"),
    ],
)
def test_no_byte_of_a_query_can_fail_or_move_it(query, expected):
    read = url(query=query)
    assert read.query == expected
    assert URL(str(read)).query == expected
    assert read.include_query_params(b=1).path == "/"


def test_headers_that_can_be_read_once_are_not_used_up():
    headers = [(b"host", b"a.example"), (b"x-a", b"1")]
    scope = http_scope() | {"headers": iter(headers)}
    assert str(URL(scope=scope)) == "http://a.example/"
    assert list(scope["headers"]) == headers


def test_a_host_name_with_its_port_is_taken_as_it_is():
    url = URL("https://example.org/x").replace(hostname="localhost:8080")
    assert (repr(url), url.hostname, url.port) == ("URL('https://localhost:8080/x')", "localhost", 8080)
    assert str(url.replace(hostname="::1", port=None)) == "https://[::1]/x"
