"""JSON as bodies, responses and WebSockets share it: what is not JSON goes neither in nor out."""

from __future__ import annotations

import json
import math

import pytest
from tests.raw_asgi import body_messages, http_scope

from asgi_requests import JSONResponse
from asgi_requests._json import dump_json, load_json
from asgi_requests.requests import InvalidJSON, Request

NOT_NUMBERS = ["NaN", "Infinity", "-Infinity", "[1, NaN]", '{"a": -Infinity}', "1e400", "[-1e400]", "9" * 400 + ".0"]


@pytest.mark.parametrize("text", NOT_NUMBERS, ids=lambda text: text[:10])
async def test_a_number_that_json_does_not_have_is_refused(text):
    async def receive():
        return body_messages(text.encode())[0]

    with pytest.raises(InvalidJSON, match="number|Number") as caught:
        await Request(http_scope("POST"), receive).json()
    assert caught.value.status_code == 400
    for given in (text, text.encode(), text.encode("utf-16")):
        with pytest.raises(InvalidJSON):
            load_json(given)


@pytest.mark.parametrize("value", [math.nan, math.inf, [-math.inf]])
def test_a_number_that_json_does_not_have_is_not_written(value):
    for write in (dump_json, JSONResponse):
        with pytest.raises(ValueError, match="JSON compliant"):
            write(value)


@pytest.mark.parametrize("text", ["", "{", "{} {}", "nul", "[" * 100_000, "1" * 5000])
def test_text_and_bytes_are_refused_alike(text):
    with pytest.raises(InvalidJSON) as of_text:
        load_json(text)
    with pytest.raises(InvalidJSON) as of_bytes:
        load_json(text.encode())
    assert of_text.value.args == of_bytes.value.args
    assert (of_text.value.doc, of_text.value.pos) == (of_bytes.value.doc, of_bytes.value.pos)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (' {"a": [1, 2.5, null]}\n', {"a": [1, 2.5, None]}),
        ("\ufeff1", 1),
        ("1.7e308", 1.7e308),
        ("1e-400", 0.0),
        (r'"\ud800"', "\ud800"),
        (b'"\xed\xa0\x80"', "\ud800"),
        ('"é"'.encode("utf-16"), "é"),
    ],
)
def test_text_and_bytes_are_read_as_the_standard_library_reads_them(text, value):
    assert load_json(text) == value
    if text != "\ufeff1":  # an order of bytes that text does not need
        assert json.loads(text) == value


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"é": [1, 2.5, None]}, '{"é":[1,2.5,null]}'),
        ("a", '"a"'),
        ({"a": "\ud800é"}, '{"a":"\\ud800é"}'),
    ],
)
def test_what_is_written_can_be_encoded_and_leads_back(content, text):
    written = dump_json(content)
    assert written == text
    assert load_json(written.encode()) == content


def test_what_cannot_be_written_is_named():
    circle = []
    circle.append(circle)
    with pytest.raises(ValueError, match="Circular reference"):
        dump_json(circle)
    with pytest.raises(TypeError, match="set is not JSON serializable"):
        dump_json({1})
