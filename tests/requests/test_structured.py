"""Structured fields: read by http-sf, absent where they are malformed."""

from __future__ import annotations

import sys

import pytest
from tests.raw_asgi import http_scope

from asgi_requests import Headers, Request

http_sf = pytest.importorskip("http_sf", reason="pip install asgi-requests[structured-fields]")


def test_a_field_is_read_as_what_it_is():
    headers = Headers({"Priority": "u=1, i;x", "Item": '"a";q=0.5', "Tags": "a;b=1, (c d)"})
    assert headers.structured("priority", "dictionary") == {"u": (1, {}), "i": (True, {"x": True})}
    assert headers.structured("item", "item") == ("a", {"q": 0.5})
    a, inner = headers.structured("TAGS", "list")
    assert (str(a[0]), a[1]) == ("a", {"b": 1})
    assert [str(value) for value, _ in inner[0]] == ["c", "d"]


def test_lines_are_one_field():
    scope = http_scope(headers=[(b"priority", b"u=1"), (b"other", b"x"), (b"Priority", b"i")])
    assert Request(scope).headers.structured("priority", "dictionary") == {"u": (1, {}), "i": (True, {})}


@pytest.mark.parametrize(("kind", "absent"), [("item", None), ("list", []), ("dictionary", {})])
def test_a_malformed_field_is_as_one_that_is_absent(kind, absent):
    headers = Headers({"broken": "a=, b;;", "bytes": ":a b:", "unicode": "\xe9"})
    for name in ("missing", "broken", "bytes", "unicode"):
        assert headers.structured(name, kind) == absent


def test_two_lines_are_not_an_item():
    assert Headers(raw=[(b"a", b"1"), (b"a", b"2")]).structured("a", "item") is None
    assert Headers({"a": ""}).structured("a", "list") == []


def test_a_value_that_is_written_is_read_again():
    value = {"sha-256": (b"\x00\xff", {}), "n": (5, {"p": True})}
    assert Headers({"digest": http_sf.ser(value)}).structured("digest", "dictionary") == value


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="'item', 'list' or 'dictionary', not 'dict'"):
        Headers().structured("a", "dict")


def test_what_to_install_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "http_sf", None)
    with pytest.raises(ImportError, match=r"pip install asgi-requests\[structured-fields\]"):
        Headers().structured("a", "item")
