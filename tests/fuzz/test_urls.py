"""URLs against urllib: taken apart, put together, and made of requests so that they lead back."""

from __future__ import annotations

from random import Random
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from asgi_requests import URL, HTTPConnection
from asgi_routing import Route, Router
from fuzz.harness import fuzz, mutated, some
from raw_asgi import http_scope

URLS = [
    b"https://user:pass@example.org:8000/a/b?c=d&e=f#g",
    b"http://[::1]:80/",
    b"//example.org/x",
    b"/path/only?q",
    b"?q=1",
    b"https://example.org",
    b"mailto:a@b",
]
PIECES = [b"/", b"?", b"#", b"@", b":", b"[", b"]", b"%41", b"%", b"&", b"="]


@fuzz(4000)
def test_a_url_has_the_parts_that_urllib_finds(random: Random) -> None:
    text = mutated(random, URLS, PIECES).decode("latin-1")
    try:
        parts = urlsplit(text)
        expected = parts.scheme, parts.netloc, parts.path, parts.query, parts.fragment, parts.hostname, parts.port
    except ValueError:
        return
    url = URL(text)
    assert (url.scheme, url.netloc, url.path, url.query, url.fragment, url.hostname, url.port) == expected
    assert (url.username, url.password) == (parts.username, parts.password)
    assert str(url) == text


@fuzz(3000)
def test_what_is_replaced_is_there_and_the_rest_stays(random: Random) -> None:
    url = URL(random.choice(["https://a.example:1/p?q=1#f", "http://u:p@[::1]/", "https://example.org"]))
    new = {
        "scheme": random.choice(["http", "https"]),
        "path": random.choice(["/", "/x/y", "/ü"]),
        "query": random.choice(["", "a=b", "a=b&a=c"]),
        "fragment": random.choice(["", "top"]),
        "hostname": random.choice(["b.example", "::2", "10.0.0.1"]),
        "port": random.choice([None, 8080]),
    }
    changes = dict(random.sample(sorted(new.items(), key=str), random.randint(0, 4)))
    replaced = url.replace(**changes)
    for name in new:
        expected = changes.get(name, getattr(url, name))
        assert getattr(replaced, name) == expected, (name, changes, str(replaced))


@fuzz(2000)
def test_query_parameters_are_added_replaced_and_removed(random: Random) -> None:
    names = ["a", "b", "ü c", "&", "="]
    url = URL("/p?" + "&".join(f"{quote(name)}={quote(name)}" for name in some(random, names, 4)))
    before = parse_qsl(url.query, keep_blank_values=True)
    name, value = random.choice(names), random.choice(["", "1", "ü &=#"])
    included = parse_qsl(url.include_query_params(**{name: value}).query, keep_blank_values=True)
    assert sorted(included) == sorted([pair for pair in before if pair[0] != name] + [(name, value)])
    removed = parse_qsl(url.remove_query_params(name).query, keep_blank_values=True)
    assert removed == [pair for pair in before if pair[0] != name]
    replaced = parse_qsl(url.replace_query_params(**{name: value}).query, keep_blank_values=True)
    assert replaced == [(name, value)]


CHARACTERS = "ab/ ?#%&=+;:@!$'()*,~._-\"<>\\^`{|}[]\x7fü中😀"


@fuzz(4000)
def test_the_url_of_a_request_leads_back_to_it(random: Random) -> None:
    path = "/" + "".join(random.choices(CHARACTERS, k=random.randint(0, 12)))
    query = quote("".join(random.choices(CHARACTERS, k=random.randint(0, 8))), safe="&=+%").encode()
    raw = random.choice([None, quote(path).encode(), quote(path, safe="/!$&'()*+,;=:@~").encode()])
    root = random.choice(["", "", "/root"])
    scope = http_scope(path=root + path, query=query, root_path=root, headers=[(b"host", b"example.org:8000")])
    scope["raw_path"] = raw and root.encode() + raw
    url = HTTPConnection(scope).url
    parts = urlsplit(str(url))
    assert unquote(parts.path) == root + path
    assert parts.query.encode() == query
    assert (parts.netloc, parts.fragment) == ("example.org:8000", "")
    assert str(url).isascii()
    assert not any(character in str(url) for character in ' \r\n"<>\\^`{|}')


@fuzz(3000)
def test_a_reversed_route_leads_to_itself(random: Random) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path_params"])

    value = "".join(random.choices(CHARACTERS.replace("/", "").replace("%", ""), k=random.randint(1, 8)))
    if value in (".", ".."):
        return  # browsers would walk it
    number = random.randrange(10**6)
    router = Router([Route("/a b/{number:int}/{value}", app, name="it")])
    path = unquote(str(router.url_path_for("it", value=value, number=number)))
    match = router.routes[0].matches(http_scope(path=path))
    assert match[1]["path_params"] == {"value": value, "number": number}
