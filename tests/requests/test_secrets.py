"""Secret and CommaSeparatedStrings."""

from __future__ import annotations

import pytest

from asgi_requests.secrets import CommaSeparatedStrings, Secret


def test_a_secret_shows_itself_to_str_alone():
    secret = Secret("pa55")
    assert str(secret) == "pa55"
    assert repr(secret) == "Secret('**********')"
    assert "pa55" not in f"{secret!r} {[secret]}"
    assert secret != Secret("pa55")
    assert (bool(secret), bool(Secret(""))) == (True, False)


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ("", []),
        ("a, b", ["a", "b"]),
        ("a,'b c'  d, , ", ["a", "b c  d", "", ""]),
        ('"a,b", c', ["a,b", "c"]),
        (["a", "b "], ["a", "b "]),
        (("a",), ["a"]),
        ("a#b, c", ["a#b", "c"]),
        (r"C:\logs, \d+, '\'", [r"C:\logs", r"\d+", "\\"]),
    ],
)
def test_a_list_is_read(value, items):
    strings = CommaSeparatedStrings(value)
    assert list(strings) == items
    assert len(strings) == len(items)


def test_it_is_a_sequence_and_shows_itself():
    strings = CommaSeparatedStrings("a, b, c")
    assert (strings[0], strings[-1], strings[0:2]) == ("a", "c", ["a", "b"])
    assert repr(strings) == "CommaSeparatedStrings(['a', 'b', 'c'])"
    assert str(strings) == "'a', 'b', 'c'"
    assert strings != ["a", "b", "c"]


def test_an_open_quotation_is_an_error():
    with pytest.raises(ValueError, match="No closing quotation"):
        CommaSeparatedStrings("'a")
