from __future__ import annotations

import http

import pytest

from asgi_requests import status
from asgi_requests.exceptions import RequestsDeprecationWarning


def test_there_are_78_names_in_order():
    assert len(status.__all__) == 78
    assert status.__all__ == sorted(status.__all__)


def test_each_name_holds_the_number_it_names():
    for name in status.__all__:
        kind, number, phrase = name.split("_", 2)
        assert getattr(status, name) == int(number)
        assert kind == ("WS" if int(number) >= 1000 else "HTTP")
        assert phrase


def test_every_status_python_knows_is_there():
    named = {getattr(status, name) for name in status.__all__ if name.startswith("HTTP")}
    assert {int(code) for code in http.HTTPStatus} <= named


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("HTTP_413_REQUEST_ENTITY_TOO_LARGE", "HTTP_413_CONTENT_TOO_LARGE"),
        ("HTTP_414_REQUEST_URI_TOO_LONG", "HTTP_414_URI_TOO_LONG"),
        ("HTTP_416_REQUESTED_RANGE_NOT_SATISFIABLE", "HTTP_416_RANGE_NOT_SATISFIABLE"),
        ("HTTP_422_UNPROCESSABLE_ENTITY", "HTTP_422_UNPROCESSABLE_CONTENT"),
    ],
)
def test_a_replaced_name_resolves_with_a_warning(old, new):
    with pytest.warns(RequestsDeprecationWarning, match=f"{old!r} is deprecated. Use {new!r} instead."):
        assert getattr(status, old) == getattr(status, new)
    assert old in dir(status)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'HTTP_299_FINE'"):
        status.HTTP_299_FINE
