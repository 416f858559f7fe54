"""From a name and parameters to a path that leads back."""

from __future__ import annotations

import copy
import pickle
from urllib.parse import unquote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from asgi_routing import (
    CONVERTOR_TYPES,
    Convertor,
    Host,
    InvalidParameter,
    Mount,
    NoMatchFound,
    Route,
    Router,
    URLPath,
    WebSocketRoute,
)
from raw_asgi import http_scope


async def app(scope, receive, send):
    raise NotImplementedError


ROUTER = Router(
    [
        Route("/", app, name="home"),
        Route("/users/{id:int}", app, name="user"),
        Route("/users/{slug}", app, name="user"),
        Route("/files/{path:path}", app, name="file"),
        Route("/any{rest:path}", app, name="any"),
        Route("/{rest:path}", app, name="all"),
        Route("/x/{a}.{b}", app, name="x:y:z"),
        WebSocketRoute("/chat/{room}", app, name="chat"),
        Mount("/m/{tenant}", Router([Route("/b/{c}", app, name="b"), Route("/", app, name="r:s")]), name="m"),
        Mount("/deep", routes=[Mount("/er", routes=[Route("/x", app, name="x")], name="er")], name="deep:ly"),
        Mount("/nameless", routes=[Route("/inside", app, name="inside"), WebSocketRoute("/ws", app, name="ws")]),
        Mount("/foreign", app, name="foreign"),
        Mount("", routes=[Route("/bare", app, name="bare")]),
        Mount("/p/{path_of:path}", routes=[Route("/end", app, name="end")], name="p"),
        Mount("/{rest:path}", routes=[Route("/end", app, name="end")], name="whole"),
        Host("{sub}.example.org:8000", Router([Route("/h/{i:int}", app, name="h")]), name="host"),
        Host("plain.example.org", Router([Route("/plain", app, name="plain")])),
    ]
)


@pytest.mark.parametrize(
    ("name", "params", "path"),
    [
        ("home", {}, "/"),
        ("user", {"id": 7}, "/users/7"),
        ("user", {"slug": "me"}, "/users/me"),
        ("user", {"slug": "a b?c=d#e%/".rstrip("/")}, "/users/a%20b%3Fc=d%23e%25"),
        ("user", {"slug": "a%20b%C3%A9%2"}, "/users/a%20b%C3%A9%252"),
        ("user", {"slug": "{id}"}, "/users/{id}"),
        ("user", {"slug": '<"|^`>'}, "/users/%3C%22%7C%5E%60%3E"),
        ("user", {"slug": "\udcff"}, "/users/%FF"),
        ("user", {"slug": "é\n"}, "/users/%C3%A9%0A"),
        ("user", {"slug": "a.."}, "/users/a.."),
        ("user", {"slug": "\\"}, "/users/%5C"),
        ("file", {"path": "a/b c"}, "/files/a/b%20c"),
        ("file", {"path": ""}, "/files/"),
        ("any", {"rest": "/x"}, "/any/x"),
        ("all", {"rest": "/evil.org"}, "/%2Fevil.org"),
        ("x:y:z", {"a": "{b}", "b": "{a}"}, "/x/{b}.{a}"),
        ("x:y:z", {"a": ".", "b": "."}, "/x/..."),
        ("chat", {"room": "r"}, "/chat/r"),
        ("m:b", {"tenant": "t/".rstrip("/"), "c": "{tenant}"}, "/m/t/b/{tenant}"),
        ("m:b", {"c": "c"}, "/m/{tenant}/b/c"),
        ("m:r:s", {"tenant": "t"}, "/m/t/"),
        ("m:r:s", {}, "/m/{tenant}/"),
        ("m", {"path": "x"}, "/m/{tenant}/x"),
        ("m", {"tenant": "t", "path": "/x/y z"}, "/m/t/x/y%20z"),
        ("deep:ly:er:x", {}, "/deep/er/x"),
        ("inside", {}, "/nameless/inside"),
        ("foreign", {"path": "img.png"}, "/foreign/img.png"),
        ("bare", {}, "/bare"),
        ("p:end", {"path_of": "a/b"}, "/p/a/b/end"),
        ("whole:end", {"rest": ""}, "/%2Fend"),
        ("host:h", {"sub": "s", "i": 1}, "/h/1"),
        ("host:h", {"i": 1}, "/h/1"),
        ("host", {"sub": "s", "path": "/anything"}, "/anything"),
        ("host", {"path": "/a b?"}, "/a%20b%3F"),
        ("host", {"path": URLPath("/a%20b")}, "/a%20b"),
        ("plain", {}, "/plain"),
    ],
)
def test_a_name_and_its_parameters_make_a_path(name, params, path):
    assert ROUTER.url_path_for(name, **params) == path


@pytest.mark.parametrize(
    ("name", "params", "protocol", "host"),
    [
        ("home", {}, "http", ""),
        ("chat", {"room": "r"}, "websocket", ""),
        ("ws", {}, "websocket", ""),
        ("foreign", {"path": ""}, "", ""),
        ("host:h", {"sub": "s", "i": 1}, "http", "s.example.org:8000"),
        ("host", {"sub": "s", "path": "/"}, "", "s.example.org:8000"),
        ("plain", {}, "http", "plain.example.org"),
        ("host:h", {"i": 1}, "http", "{sub}.example.org:8000"),
        ("host", {"path": "/"}, "", "{sub}.example.org:8000"),
    ],
)
def test_a_path_knows_its_protocol_and_host(name, params, protocol, host):
    url = ROUTER.url_path_for(name, **params)
    assert (url.protocol, url.host) == (protocol, host)


class TheirNoMatchFound(Exception):
    pass


TheirNoMatchFound.__name__ = "NoMatchFound"  # as the class of Starlette is called


class TheirRoute:
    """A route of a mounted application of Starlette or FastAPI."""

    def __init__(self, name, path, fails=TheirNoMatchFound):
        self.name = name
        self.path = path
        self.fails = fails

    def url_path_for(self, name, /, **path_params):
        if name != self.name:
            raise self.fails(name)
        return URLPath(self.path.format(**path_params))


class TheirApplication:
    def __init__(self, *routes):
        self.routes = list(routes)


def test_the_routes_of_a_mounted_application_of_another_framework_have_names_too():
    theirs = TheirApplication(TheirRoute("docs", "/docs"), TheirRoute("item", "/items/{id}"))
    router = Router([Mount("/api", theirs, name="api"), Route("/last", app, name="last")])
    assert router.url_path_for("api:item", id=7) == "/api/items/7"
    assert router.url_path_for("last") == "/last"
    with pytest.raises(NoMatchFound, match='"api:unknown"'):
        router.url_path_for("api:unknown")


def test_an_error_of_a_route_of_another_framework_passes():
    router = Router([Mount("/api", TheirApplication(TheirRoute("docs", "/docs", fails=LookupError)), name="api")])
    with pytest.raises(LookupError):
        router.url_path_for("api:item")


@pytest.mark.parametrize(
    ("name", "params", "missing", "unexpected"),
    [
        ("unknown", {"a": 1}, (), ()),
        ("user", {}, ("id",), ()),
        ("home", {"a": 1}, (), ("a",)),
        ("chat", {"rome": "r"}, ("room",), ("rome",)),
        ("m:b", {"tenant": "t"}, ("c",), ()),
        ("m:b", {"tenant": "t", "c": "c", "d": "d"}, (), ("d",)),
        ("m:unknown", {"tenant": "t"}, (), ()),
        ("m", {"tenant": "t"}, ("path",), ()),
        ("foreign:x", {}, (), ()),
        ("host", {"sub": "s"}, ("path",), ()),
        ("host:h", {"sub": "s"}, ("i",), ()),
        ("host", {"sub": "s", "path": "/", "x": 1}, (), ("x",)),
        (":inside", {}, (), ()),
    ],
)
def test_what_is_missing_or_unexpected_is_named(name, params, missing, unexpected):
    with pytest.raises(NoMatchFound) as caught:
        ROUTER.url_path_for(name, **params)
    error = caught.value
    assert (error.name, error.path_params) == (name, params)
    assert (error.missing, error.unexpected) == (missing, unexpected)
    assert str(error).startswith(f'No route exists for name "{name}" and params "{", ".join(params)}".')
    assert all(f'"{key}"' in str(error) for key in missing + unexpected)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("user", {"slug": ".."}),
        ("user", {"slug": "."}),
        ("file", {"path": "a/../b"}),
        ("file", {"path": "./b"}),
        ("user", {"slug": "%2E%2e"}),
        ("user", {"slug": ".%2e"}),
        ("file", {"path": "a/%2e/b"}),
        ("m:b", {"tenant": "..", "c": "c"}),
        ("m", {"tenant": "t", "path": "/../x"}),
    ],
)
def test_a_value_that_a_client_would_resolve_away_is_refused(name, params):
    with pytest.raises(NoMatchFound, match=r'No parameter may make a segment "\." or "\.\."'):
        ROUTER.url_path_for(name, **params)


@pytest.mark.parametrize("route", [Route("/a", app, name="a"), WebSocketRoute("/a", app, name="a")])
def test_a_route_alone_knows_its_own_name_only(route):
    assert route.url_path_for("a") == "/a"
    with pytest.raises(NoMatchFound):
        route.url_path_for("b")


class Loose(Convertor[str]):
    regex = "[a-z]{2}"

    def convert(self, value):
        if value == "zz":
            raise ValueError(value)
        return value

    def to_string(self, value):
        return str(value)


@pytest.mark.parametrize("value", ["abc", "", "AB", "ab\n"])
def test_a_value_that_its_convertor_would_not_match_back_is_refused(value):
    CONVERTOR_TYPES["loose"] = Loose()
    try:
        router = Router([Route("/{a:loose}", app, name="loose")])
    finally:
        del CONVERTOR_TYPES["loose"]
    assert router.url_path_for("loose", a="ab") == "/ab"
    with pytest.raises(NoMatchFound, match='The convertor of "a" would not match'):
        router.url_path_for("loose", a=value)


class Dated(Convertor[object]):
    regex = "[a-z]+"

    def convert(self, value):
        raise LookupError

    def to_string(self, value):
        return value.isoformat()


CONVERTOR_TYPES["dated"], CONVERTOR_TYPES["loose"] = Dated(), Loose()
KINDS = Router([Route(f"/{kind}/{{v:{kind}}}", app, name=kind) for kind in CONVERTOR_TYPES])
del CONVERTOR_TYPES["dated"], CONVERTOR_TYPES["loose"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "abc"),
        ("int", -1),
        ("int", None),
        ("int", "1/2"),
        ("int", "9" * 5000),
        ("float", "x"),
        ("float", -0.5),
        ("float", float("nan")),
        ("str", "a/b"),
        ("str", ""),
        ("str", "\ud800"),
        ("uuid", "x"),
        ("dated", "2026-01-01"),
        ("loose", "zz"),
    ],
)
def test_a_value_that_a_convertor_refuses_does_not_match_and_says_why(kind, value):
    with pytest.raises(InvalidParameter) as caught:
        KINDS.url_path_for(kind, v=value)
    error = caught.value
    assert isinstance(error, NoMatchFound)
    assert isinstance(error, AssertionError)
    assert isinstance(error, ValueError)
    assert (error.name, error.path_params, error.specificity) == (kind, {"v": value}, 2)
    assert 'The convertor of "v"' in error.reason
    assert type(pickle.loads(pickle.dumps(error))) is InvalidParameter


def test_a_value_that_one_route_refuses_may_be_another_one_s():
    assert ROUTER.url_path_for("user", slug="-1") == "/users/-1"
    router = Router([Route("/a/{v:int}", app, name="a"), Route("/b/{v}", app, name="a")])
    assert (router.url_path_for("a", v=1), router.url_path_for("a", v="x")) == ("/a/1", "/b/x")


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/задачи/{x}", "/%D0%B7%D0%B0%D0%B4%D0%B0%D1%87%D0%B8/1"),
        ("/a?b/{x}", "/a%3Fb/1"),
        ("/a b#/{x}", "/a%20b%23/1"),
        ("/a\\b/{x}", "/a%5Cb/1"),
        ("/a%20b/{x}", "/a%20b/1"),
        ("/100%/{x}", "/100%25/1"),
    ],
)
def test_a_template_is_encoded_as_its_parameters_are(template, path):
    for router in (
        Router([Route(template, app, name="n")]),
        Router([WebSocketRoute(template, app, name="n")]),
        Router([Mount(template, routes=[Route("/", app, name="n")])]),
    ):
        assert router.url_path_for("n", x="1").removesuffix("/") == path


def test_an_own_url_path_for_keeps_its_place():
    class Own(Route):
        def url_path_for(self, name, /, **params):
            return URLPath("/own") if name == "taken" else super().url_path_for(name, **params)

    router = Router([Own("/a", app, name="a"), Route("/b", app, name="taken")])
    assert router.url_path_for("taken") == "/own"
    assert router.url_path_for("a") == "/a"


@given(st.text(min_size=1).filter(lambda text: text.isprintable() or text.isascii()))
def test_a_path_leads_back_to_its_route_and_its_value(value):
    assume("/" not in value and value not in (".", "..") and unquote(value) == value)
    url = ROUTER.url_path_for("chat", room=value)
    assert url.isascii()
    assert " " not in url
    assert ROUTER.routes[7].path_regex.match(unquote(url)).groupdict() == {"room": value}
    whole = Route("/{rest:path}", app, name="all")
    _, keys = whole.matches(http_scope("GET", unquote(whole.url_path_for("all", rest=value))))
    assert keys["path_params"] == {"rest": value}


@pytest.mark.parametrize(
    ("path", "base", "url"),
    [
        (URLPath("/a"), "https://e.org/root/?x#y", "https://e.org/root/a"),
        (URLPath("/a", protocol="http"), "http://e.org", "http://e.org/a"),
        (URLPath("/a", protocol="http"), "wss://e.org", "https://e.org/a"),
        (URLPath("/a", protocol="websocket"), "https://e.org", "wss://e.org/a"),
        (URLPath("/a", protocol="websocket"), "http://e.org:81", "ws://e.org:81/a"),
        (URLPath("/a", host="h.org:80"), "http://e.org:81", "http://h.org:80/a"),
    ],
)
def test_a_path_becomes_a_whole_url(path, base, url):
    assert path.make_absolute_url(base) == url


@pytest.mark.parametrize(
    ("path", "written"),
    [("//evil.org/a", "/%2Fevil.org/a"), ("\\evil.org", "%5Cevil.org"), ("/\\evil.org", "/%5Cevil.org"), ("/a", "/a")],
)
def test_a_path_of_a_url_never_begins_with_a_host(path, written):
    assert URLPath(path) == written


def test_a_subclass_chooses_the_class_of_its_paths():
    class Own(URLPath):
        __slots__ = ()

    routers = [
        type("OwnRouter", (Router,), {"url_path_class": Own})([Route("/a", app, name="a")]),
        type("OwnMount", (Mount,), {"url_path_class": Own})("/m", routes=[Route("/a", app, name="a")]),
        type("OwnHost", (Host,), {"url_path_class": Own})("h", Router([Route("/a", app, name="a")])),
        type("OwnRoute", (Route,), {"url_path_class": Own})("/a", app, name="a"),
    ]
    for router in routers:
        url = router.url_path_for("a")
        assert (type(url), url.protocol) == (Own, "http")
        assert type(pickle.loads(pickle.dumps(URLPath(url)))) is URLPath
    assert Router(routers[1:]).url_path_for("a").host == ""


def test_a_path_keeps_what_it_knows_when_copied():
    url = URLPath("/a", protocol="websocket", host="h")
    for twin in (copy.copy(url), pickle.loads(pickle.dumps(url))):
        assert (twin, twin.protocol, twin.host) == ("/a", "websocket", "h")
    with pytest.raises(AssertionError):
        URLPath("/a", protocol="ftp")
