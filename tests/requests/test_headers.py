"""Headers and MutableHeaders: lookup, order, repr, mutation in place, and what may not be set."""

from __future__ import annotations

import pytest

from asgi_requests.headers import Headers, MutableHeaders

TWICE = [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]


def test_lookup_knows_no_case():
    headers = Headers({"Content-Type": "text/html"})
    assert headers["content-type"] == headers["CONTENT-TYPE"] == headers.get("Content-Type") == "text/html"
    assert "CONTENT-type" in headers
    assert headers.raw == [(b"content-type", b"text/html")]


class CountedName(bytes):
    """A name that counts how often it is compared."""

    compared = 0

    def __eq__(self, other):
        CountedName.compared += 1
        return bytes.__eq__(self, other)

    __hash__ = bytes.__hash__


@pytest.mark.parametrize("count", [1000, 2000])
def test_reading_every_header_takes_linear_time(count):
    headers = Headers(raw=[(CountedName(b"x-%d" % index), b"%d" % index) for index in range(count)])
    CountedName.compared = 0
    assert dict(headers) == {name: headers[name] for name in headers}
    assert [headers.get("y") for _ in headers] == [None] * count
    assert CountedName.compared < 20 * count


@pytest.mark.parametrize("kind", [Headers, MutableHeaders])
def test_many_headers_are_read_as_few_are(kind):
    few = [(b"Accept", b"a"), (b"accept", b"b"), (b"X-One", b"1"), (b"x-one", b"2"), (b"Y", b"3"), (b"y", b"4")]
    headers = kind(raw=few + [(b"x", b"")] * 100)
    assert list(headers)[:2] == ["accept", "accept"]
    assert [headers["accept"], headers["X-One"], headers["y"]] == [
        kind(raw=few)[name] for name in ("accept", "x-one", "y")
    ]
    assert headers.get("z") is None
    headers._list.append((b"z", b"5"))
    assert headers["z"] == "5"


def test_many_headers_can_be_changed():
    headers = MutableHeaders(raw=[(b"x-%d" % index, b"") for index in range(100)])
    assert headers["x-7"] == ""
    headers["x-7"] = "7"
    assert headers["x-7"] == "7"
    del headers["x-7"]
    headers["y"] = "8"
    assert "x-7" not in headers
    assert headers["y"] == "8"


def test_a_server_may_send_title_case():
    headers = Headers(scope={"headers": [(b"Accept", b"a"), (b"accept", b"b"), (b"X-One", b"1")]})
    assert headers["x-one"] == headers.get("x-one") == "1"
    assert headers.getlist("accept") == ["a", "b"]
    assert headers.keys() == ["accept", "accept", "x-one"]
    assert headers == Headers(raw=[(b"accept", b"a"), (b"accept", b"b"), (b"x-one", b"1")])


def test_a_missing_header_is_a_key_error_or_the_default():
    headers = Headers({"a": "b"})
    with pytest.raises(KeyError, match="'Z'"):
        headers["Z"]
    assert headers.get("z") is None
    assert headers.get("z", "fallback") == "fallback"
    assert headers.getlist("z") == []
    assert "z" not in headers
    assert 3 not in headers
    assert "✓" not in headers


def test_repeated_headers_stay_in_order():
    headers = Headers(raw=TWICE)
    assert headers["a"] == "1"
    assert headers.getlist("A") == ["1", "3"]
    assert headers.keys() == list(headers) == ["a", "b", "a"]
    assert headers.values() == ["1", "2", "3"]
    assert headers.items() == [("a", "1"), ("b", "2"), ("a", "3")]
    assert len(headers) == 3


def test_bytes_beyond_ascii_are_latin_1():
    headers = Headers(raw=[(b"x", b"caf\xe9")])
    assert headers["x"] == "café"
    assert MutableHeaders({"x": "café"}).raw == [(b"x", b"caf\xe9")]


def test_repr_shows_a_mapping_where_one_tells_all():
    assert repr(Headers({"A": "b"})) == "Headers({'a': 'b'})"
    assert repr(Headers(raw=[(b"a", b"b"), (b"a", b"c")])) == "Headers(raw=[(b'a', b'b'), (b'a', b'c')])"
    assert repr(MutableHeaders({"A": "b"})) == "MutableHeaders({'a': 'b'})"


def test_equality_ignores_order_and_asks_for_headers():
    assert Headers(raw=TWICE) == MutableHeaders(raw=TWICE[::-1])
    assert Headers({"a": "b"}) != {"a": "b"}
    with pytest.raises(TypeError):
        hash(Headers())


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"headers": {}, "raw": []}, 'Cannot set both "headers" and "raw".'),
        ({"headers": {}, "scope": {}}, 'Cannot set both "headers" and "scope".'),
        ({"raw": [], "scope": {}}, 'Cannot set both "raw" and "scope".'),
    ],
)
def test_headers_have_one_source(sources, message):
    with pytest.raises(AssertionError) as caught:
        Headers(**sources)
    assert str(caught.value) == message


def test_raw_is_a_copy_where_headers_are_only_read():
    headers = Headers(raw=TWICE)
    headers.raw.clear()
    assert len(headers) == 3
    assert Headers().raw == []


@pytest.mark.parametrize(
    "pairs",
    [((b"a", b"1"), (b"b", b"2")), [[b"a", b"1"], [b"b", b"2"]], iter([(b"a", b"1"), [b"b", b"2"]])],
)
def test_headers_of_a_scope_may_be_any_iterable(pairs):
    scope = {"headers": pairs}
    assert Headers(scope=scope)["b"] == "2"
    assert Headers(scope=scope).mutablecopy().raw == [(b"a", b"1"), (b"b", b"2")]


def test_a_scope_without_headers_has_none():
    assert len(Headers(scope={})) == 0


def test_mutable_headers_edit_the_raw_list_in_place():
    raw = list(TWICE)
    headers = MutableHeaders(raw=raw)
    headers["A"] = "z"
    headers["new"] = "n"
    assert headers.raw is raw
    assert raw == [(b"a", b"z"), (b"b", b"2"), (b"new", b"n")]
    del headers["B"]
    del headers["missing"]
    assert raw == [(b"a", b"z"), (b"new", b"n")]


def test_mutable_headers_of_a_message_leave_the_list_of_its_sender_alone():
    shared = [(b"a", b"1")]
    message = {"headers": shared}
    MutableHeaders(scope=message)["b"] = "2"
    assert message["headers"] == [(b"a", b"1"), (b"b", b"2")]
    assert shared == [(b"a", b"1")]


def test_set_replaces_title_case_from_another_server():
    headers = MutableHeaders(raw=[(b"Vary", b"Accept"), (b"VARY", b"Origin")])
    headers["vary"] = "Cookie"
    assert headers.raw == [(b"vary", b"Cookie")]


def test_append_setdefault_and_update():
    headers = MutableHeaders({"a": "1"})
    headers.append("A", "2")
    assert headers.setdefault("A", "9") == "1"
    assert headers.setdefault("B", "3") == "3"
    headers.update({"B": "4"})
    assert headers.raw == [(b"a", b"1"), (b"a", b"2"), (b"b", b"4")]


def test_headers_merge_with_mappings():
    headers = MutableHeaders({"a": "1"})
    assert (headers | {"B": "2"}).raw == [(b"a", b"1"), (b"b", b"2")]
    assert headers.raw == [(b"a", b"1")]
    headers |= {"C": "3"}
    assert headers.raw == [(b"a", b"1"), (b"c", b"3")]
    with pytest.raises(TypeError, match="Expected a mapping but got list"):
        headers | [("a", "b")]
    with pytest.raises(TypeError, match="Expected a mapping but got list"):
        headers |= [("a", "b")]


@pytest.mark.parametrize(
    ("present", "added", "expected"),
    [
        ([], "Accept", "Accept"),
        (["Accept"], "accept, Origin", "Accept, Origin"),
        (["Accept, Origin", "Cookie"], "Origin", "Accept, Origin, Cookie"),
        (["*"], "Accept", "*"),
        (["Accept"], "*", "*"),
        (["Accept,, "], "Origin", "Accept, Origin"),
    ],
)
def test_vary_is_merged(present, added, expected):
    headers = MutableHeaders(raw=[(b"Vary", value.encode()) for value in present])
    headers.add_vary_header(added)
    assert headers.getlist("vary") == [expected]


SETTERS = {
    "init": lambda name, value: MutableHeaders({name: value}),
    "read-only init": lambda name, value: Headers({name: value}),
    "item": lambda name, value: MutableHeaders().__setitem__(name, value),
    "append": lambda name, value: MutableHeaders().append(name, value),
    "setdefault": lambda name, value: MutableHeaders().setdefault(name, value),
    "update": lambda name, value: MutableHeaders().update({name: value}),
    "or": lambda name, value: MutableHeaders() | {name: value},
    "vary": lambda name, value: MutableHeaders().add_vary_header(value + name[:0]),
}


@pytest.mark.parametrize("setter", SETTERS.values(), ids=SETTERS)
@pytest.mark.parametrize("value", ["a\r\nset-cookie: x=1", "a\nb", "a\rb", "a\0b"])
def test_no_setter_lets_a_value_end_the_header(setter, value):
    with pytest.raises(ValueError, match="CR, LF or NUL") as caught:
        setter("x-name", value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("setter", [s for name, s in SETTERS.items() if name != "vary"])
@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "é", "a\0"])
def test_no_setter_takes_a_name_that_is_not_a_token(setter, name):
    with pytest.raises(ValueError, match="Invalid header name") as caught:
        setter(name, "value")
    assert repr(name) in str(caught.value)


def test_what_latin_1_cannot_say_is_refused():
    with pytest.raises(UnicodeEncodeError):
        MutableHeaders({"x": "✓"})


def test_names_beyond_number_or_measure_are_found_as_well():
    for number in range(300):
        assert Headers({f"x-{number}": "1"})[f"X-{number}"] == "1"
    long = "x" * 100
    assert Headers({long: "1"})[long.upper()] == "1"
