"""The offer that a client likes best: media types by specificity and weight, languages by lookup and filtering."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest
from tests.raw_asgi import http_scope, run, websocket_scope

from asgi_requests import PlainTextResponse, Request, WebSocket
from asgi_requests.negotiation import NotAcceptable, negotiate, negotiate_language

JSON, HTML, TEXT = "application/json", "text/html", "text/plain"


def accepting(*values: str, name: str = "accept") -> Any:
    return http_scope(headers=[(name.encode(), value.encode("latin-1")) for value in values])


def speaking(*values: str) -> Any:
    return accepting(*values, name="accept-language")


# Media types


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("text/html", HTML),
        ("TEXT/HTML", HTML),
        ("text/html, application/json", JSON),  # the server's order between equals
        ("application/json;q=0.8, text/html;q=0.9", HTML),
        ("text/html;q=0.9,application/json;q=0.90", JSON),
        ("*/*", JSON),
        ("text/*", HTML),
        ("text/*;q=0.5, */*;q=0.1", HTML),
        ("*/*, application/json;q=0.1", HTML),  # the most specific range counts, whatever the others say
        ("application/json;q=0, */*;q=0.1", HTML),
        ("application/*;q=0, text/html;q=0, */*", TEXT),
        ("text/plain;q=0.001", TEXT),
        ("text/html ; q=0.5 , text/plain\t;\tq=0.6", TEXT),
        ("text/html;Q=0.5,text/plain;q=0.6", TEXT),
        ("text/html;q=0.5;level=1,text/plain;q=0.4", TEXT),  # q counts wherever it stands, the rest is a parameter
        ("text/html;,text/plain;q=0.5", HTML),
        (",, text/plain ,", TEXT),
        ("text/html;q=0.2, text/html;q=0.7, text/plain;q=0.5", HTML),
        ("text/html;charset=utf-8", HTML),
        ('application/json; charset="UTF-8"', JSON),
        ("application/json;charset=ISO-8859-1, text/plain;q=0.1", TEXT),
        # Nothing valid is nothing said.
        ("", JSON),
        (" ,;q=1, ", JSON),
        *[(malformed, JSON) for malformed in ("text", "text/", "/html", "*/html", "te xt/html", "text/ht ml", "*")],
        *[(f"text/html;{malformed}", JSON) for malformed in ("q=2", "q=", "q=.5", "q=0.1234", "q=high", "q=-1")],
        *[(f"text/html;{malformed}", JSON) for malformed in ("level", "level=", "level= 1", 'level="1', "level=a b")],
        ("text/html;q=0.5;level, text/plain;q=0.1", TEXT),
        # Browsers: Firefox, and an image.
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", HTML),
        ("image/avif,image/webp,*/*", JSON),
        ("text/html" + ",a/b" * 100, HTML),
        ("text/html" + ",a/b" * 2000, JSON),  # too long to be read
    ],
)
def test_the_offer_of_the_most_weight_is_chosen(accept, chosen):
    assert negotiate(accepting(accept), [JSON, HTML, TEXT]) == chosen


def test_without_accept_the_first_offer_is_chosen():
    assert negotiate({"type": "http"}, [HTML, JSON]) == HTML
    assert negotiate(accepting(), [JSON, HTML]) == JSON


def test_repeated_headers_are_one_list():
    assert negotiate(accepting("application/json;q=0.5", "text/html"), [JSON, HTML]) == HTML
    scope = http_scope(headers=[(b"Accept", b"text/html")])
    assert negotiate(scope, [JSON, HTML]) == HTML


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("text/html;level=1", "text/html; level=1"),
        ("text/html;level=2;q=0.9, text/html;q=0.5", "text/html;level=2"),
        ("text/html;LEVEL=2", "text/html;level=2"),
        ('text/html;level="2"', "text/html;level=2"),
        ('text/html;level="\\2"', "text/html;level=2"),
        ("text/html", "text/html; level=1"),
        ("text/html;level=1;q=0, text/html", "text/html;level=2"),
        ("text/html;level=1;q=0, text/html;level=2;q=0, */*", "text/html"),
        ("*/*;level=2", "text/html;level=2"),
        ('application/vnd.x;title="a,b;q=0";q=1, text/html;q=0.1', 'application/vnd.x; title="a,b;q=0"'),
    ],
)
def test_parameters_are_part_of_a_media_type(accept, chosen):
    offers = ["text/html; level=1", "text/html;level=2", "text/html", 'application/vnd.x; title="a,b;q=0"']
    assert negotiate(accepting(accept), offers) == chosen


def test_a_quotation_mark_in_a_quoted_string_does_not_end_it():
    accept = r'a/b;title="\",text/html";q=1, text/plain;q=0.5'
    assert negotiate(accepting(accept), [HTML, TEXT]) == TEXT


def test_the_example_of_the_standard_gives_its_weights():
    accept = "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, */*;q=0.5"
    offers = ["text/plain;format=flowed", "text/plain", "image/jpeg", "text/plain;format=fixed", "text/html;level=3"]
    for best in range(len(offers)):
        assert negotiate(accepting(accept), offers[best:][::-1]) == offers[best]


class Kind(StrEnum):
    JSON = "application/json"
    HTML = "text/html"


def test_the_offer_is_returned_as_it_was_given():
    assert negotiate(accepting("text/html"), [Kind.JSON, Kind.HTML]) is Kind.HTML
    assert type(negotiate(accepting("text/html"), [JSON, HTML])) is str
    assert negotiate(accepting("text/html"), ("application/json", "Text/HTML")) == "Text/HTML"
    assert negotiate(accepting("text/html"), {JSON: dict, HTML: list}) is list
    assert negotiate(accepting(), {JSON: dict, HTML: list}) is dict


def test_requests_and_websockets_are_negotiated():
    scope = accepting("text/html")
    assert negotiate(Request(scope), [JSON, HTML]) == HTML
    scope = websocket_scope(headers=scope["headers"])
    assert negotiate(WebSocket(scope, None, None), [JSON, HTML]) == HTML


async def test_where_nothing_is_acceptable_the_answer_is_406_and_names_the_offers():
    for accept in ("image/png", "text/html;q=0", "text/html;q=0.000, image/*"):
        assert negotiate(accepting(accept), [JSON, HTML], default=None) is None
        with pytest.raises(NotAcceptable) as caught:
            negotiate(accepting(accept), [JSON, HTML])
        assert caught.value.offers == (JSON, HTML)
    reply = await run(caught.value, http_scope())
    assert (reply.status, reply.header("vary")) == (406, "Accept")
    assert reply.text == "Not Acceptable: there is application/json, text/html"


@pytest.mark.parametrize("offer", ["json", "text/*", "*/*", "", "text/html, text/plain", "text/html;level", None])
def test_an_offer_that_is_not_a_media_type_is_named(offer):
    with pytest.raises(ValueError, match="Invalid media type among the offers: ") as caught:
        negotiate(accepting(), [JSON, offer])
    assert repr(offer) in str(caught.value)


@pytest.mark.parametrize("choose", [negotiate, negotiate_language])
def test_offers_are_several(choose):
    with pytest.raises(TypeError, match="not one str: 'text/html'"):
        choose(accepting(), "text/html")
    with pytest.raises(ValueError, match="offers is empty"):
        choose(accepting(), [])


# Languages


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("fr", "fr"),
        ("de-CH", "de"),  # lookup: a shorter form
        ("de-Latn-CH-1901", "de"),
        ("zh-Hant-x-private", "zh-Hant"),  # a single letter goes with what it announces
        ("zh", "zh-Hant"),  # basic filtering: a longer form
        ("en", "en-GB"),
        ("en-US", "en-GB"),
        ("e", "en-GB"),
        ("de;q=0.5, fr;q=0.9", "fr"),
        ("fr, de", "fr"),  # the client's order between equals
        ("es, de-CH;q=0.5", "de"),
        ("de;q=0, *", "en-GB"),
        ("en;q=0, *", "de"),
        ("en;q=0, en-GB-oed, *;q=0.1", "en-GB-oed"),
        ("*, en;q=0.5, de;q=0.4", "fr"),  # `*` is for what has no range of its own
        ("*;q=0.5", "en-GB"),
        ("en-US;q=0.1, en-US;q=0.9, de;q=0.5, en;q=0.2", "de"),
        # Nothing valid, or nothing acceptable: the first.
        ("", "en-GB"),
        ("es", "en-GB"),
        ("*;q=0", "en-GB"),
        ("de;q=x", "en-GB"),
        *[(malformed, "en-GB") for malformed in ("de_CH", "1de", "de-", "-de", "*-CH", "de-*", "d\xe9", "abcdefghi")],
        ("de" + "-ab" * 30, "en-GB"),
        ("xx, " * 100 + "fr", "fr"),
        ("fr, " + "xx, " * 2000, "en-GB"),
    ],
)
def test_the_language_of_the_most_weight_is_chosen(accept, chosen):
    assert negotiate_language(speaking(accept), ["en-GB", "en-GB-oed", "de", "fr", "zh-Hant"]) == chosen


def test_languages_are_returned_as_they_were_given():
    assert negotiate_language(speaking("de-at"), ["EN", "de-AT", "DE-AT"]) == "de-AT"
    assert negotiate_language(speaking("de"), {"en": 1, "de": 2}) == 2
    assert negotiate_language(speaking("fr"), {"en": 1, "de": 2}) == 1
    assert negotiate_language(speaking("fr"), ["en", "de"], default=None) is None
    assert negotiate_language(Request(speaking("de-AT", "fr;q=0.1")), ["fr", "de"]) == "de"


@pytest.mark.parametrize("offer", ["*", "", "de_CH", "de-", 5])
def test_an_offer_that_is_not_a_language_is_named(offer):
    with pytest.raises(ValueError, match="Invalid language among the offers: ") as caught:
        negotiate_language(speaking(), ["en", offer])
    assert repr(offer) in str(caught.value)


# Vary


def test_a_response_varies():
    response = PlainTextResponse("", headers={"Vary": "Cookie"})
    assert response.with_vary("Accept", "Accept-Language") is response
    assert response.with_vary("accept").headers["vary"] == "Cookie, Accept, Accept-Language"
