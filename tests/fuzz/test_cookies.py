"""Cookies: read as RFC 6265 §5.2 says, and written so that a browser, here http.cookies, reads the same."""

from __future__ import annotations

from http.cookies import SimpleCookie
from random import Random

import pytest

from asgi_requests import Request, Response
from asgi_requests.cookies import cookie_parser
from fuzz.harness import fuzz, mutated
from raw_asgi import http_scope

COOKIES = [
    b"a=1; b=2",
    b"session=abc; session=def",
    b'q="quoted \\"value\\101"; x',
    b" = ; =a;b=;;",
    b"a=b=c;\td= e \t",
]
PIECES = [b";", b"=", b'"', b"\\", b" ", b"\xa0", b"\\073", b"\x00", b","]


def parsed(header: str) -> dict[str, str]:
    """RFC 6265 §5.2 as a server reads it: the first cookie of a name, blanks trimmed, quotes taken off."""
    found: dict[str, str] = {}
    for pair in header.split(";"):
        name, equals, value = pair.partition("=")
        name, value = (name.strip(" \t"), value.strip(" \t")) if equals else ("", name.strip(" \t"))
        if (name or value) and name not in found:
            found[name] = value
    return {name: unquoted(value) for name, value in found.items()}


def unquoted(value: str) -> str:
    if len(value) < 2 or not (value[0] == value[-1] == '"'):
        return value
    text, out = value[1:-1], ""
    while text:
        digits = text[1:4]
        if text[0] != "\\" or len(text) == 1:
            out, text = out + text[0], text[1:]
        elif len(digits) == 3 and digits[0] in "0123" and all(d in "01234567" for d in digits):
            out, text = out + chr(int(digits, 8)), text[4:]
        else:
            out, text = out + text[1], text[2:]
    return out


@fuzz(6000)
def test_a_cookie_header_is_read_as_the_standard_says(random: Random) -> None:
    header = mutated(random, COOKIES, PIECES).decode("latin-1")
    assert cookie_parser(header) == parsed(header)


@fuzz(2000)
def test_several_cookie_headers_are_one(random: Random) -> None:
    lines = [mutated(random, COOKIES, PIECES) for _ in range(random.randint(1, 3))]
    request = Request(http_scope(headers=[(b"cookie", line) for line in lines]))
    assert request.cookies == parsed(";".join(line.decode("latin-1") for line in lines))


@fuzz(4000)
def test_a_cookie_that_is_set_is_read_back(random: Random) -> None:
    alphabet = "aZ09 \"\\;,=%'()/äé\xff\t~"
    value = "".join(random.choices(alphabet, k=random.randint(0, 10)))
    response = Response()
    options = {
        "path": random.choice(["/", "/a", None]),
        "domain": random.choice([None, "example.org"]),
        "secure": random.random() < 0.5,
        "httponly": random.random() < 0.5,
        "max_age": random.choice([None, 0, 60]),
        "samesite": random.choice([None, "lax", "strict"]),
    }
    response.set_cookie("name", value, **options)
    line = response.headers["set-cookie"]
    assert line.isprintable()
    sent, *attributes = [part.strip() for part in line.split("; ")]
    assert cookie_parser(sent) == {"name": value}
    read = SimpleCookie()
    read.load(line)
    assert read["name"].value == value
    assert read["name"]["path"] == (options["path"] or "")
    assert bool(read["name"]["secure"]) is options["secure"]
    assert len(attributes) == sum(
        bool(options[name]) or options[name] == 0 for name in options if options[name] is not False
    )


@fuzz(3000)
def test_nothing_that_is_set_ends_the_header(random: Random) -> None:
    alphabet = "a;=\r\n\0 \x7f,é\ud800"
    text = "".join(random.choices(alphabet, k=random.randint(0, 5)))
    argument = random.choice(["key", "value", "path", "domain"])
    response = Response()
    arguments = {"key": "name", "value": "value"} | {argument: text}
    try:
        response.set_cookie(**arguments)  # type: ignore[arg-type]
    except ValueError:
        return
    value = dict(response.raw_headers)[b"set-cookie"]
    assert not set(value) & set(b"\r\n\0\x7f")
    if argument in ("path", "domain"):
        assert value.count(b";") <= 3


def test_the_model_knows_what_it_should() -> None:
    assert parsed('a="b\\073c"; a=d') == {"a": "b;c"}
    with pytest.raises(KeyError):
        parsed("")["a"]
