"""Multidicts: every pair kept in order, the last value of a key on top."""

from __future__ import annotations

import pytest

from asgi_requests.multidict import FormData, ImmutableMultiDict, MultiDict, QueryParams

PAIRS = [("a", 1), ("a", 2), ("b", 3)]


def test_every_pair_is_kept_and_the_last_value_counts():
    multi = ImmutableMultiDict(PAIRS)
    assert multi["a"] == 2
    assert multi.getlist("a") == [1, 2]
    assert multi.getlist("z") == []
    assert multi.multi_items() == PAIRS
    assert list(multi) == list(multi.keys()) == ["a", "b"]
    assert list(multi.values()) == [2, 3]
    assert list(multi.items()) == [("a", 2), ("b", 3)]
    assert len(multi) == 2
    assert "a" in multi
    assert "z" not in multi
    assert (multi.get("a"), multi.get("z"), multi.get("z", 9)) == (2, None, 9)
    assert {**multi} == {"a": 2, "b": 3}
    with pytest.raises(KeyError, match="'z'"):
        multi["z"]


@pytest.mark.parametrize("source", [PAIRS, tuple(PAIRS), iter(PAIRS), ImmutableMultiDict(PAIRS), MultiDict(PAIRS)])
def test_any_source_of_pairs_will_do(source):
    assert ImmutableMultiDict(source).multi_items() == PAIRS


def test_mappings_keywords_and_nothing_will_do():
    assert MultiDict({"a": [1, 2]}).multi_items() == [("a", [1, 2])]
    assert MultiDict(a=1).multi_items() == [("a", 1)]
    assert MultiDict(PAIRS, c=4).multi_items() == [*PAIRS, ("c", 4)]
    assert MultiDict().multi_items() == MultiDict(None).multi_items() == []
    with pytest.raises(AssertionError, match=r"Too many arguments\."):
        MultiDict([], [])


def test_a_copy_shares_nothing():
    original = MultiDict(PAIRS)
    copy = MultiDict(original)
    copy.append("c", 4)
    copy.multi_items().clear()
    assert original.multi_items() == PAIRS
    assert len(copy) == 3


def test_equality_asks_for_the_class_and_the_values_of_each_key_in_order():
    assert ImmutableMultiDict(PAIRS) == ImmutableMultiDict([*PAIRS[2:], *PAIRS[:2]])
    assert ImmutableMultiDict(PAIRS) != ImmutableMultiDict(PAIRS[::-1])
    assert QueryParams("t=1&u=1&t=2") == QueryParams("t=1&t=2&u=1")
    assert QueryParams("t=1&t=2") != QueryParams("t=2&t=1")
    assert ImmutableMultiDict(PAIRS) == ImmutableMultiDict(PAIRS)
    assert ImmutableMultiDict(PAIRS) != ImmutableMultiDict(PAIRS[1:])
    assert MultiDict(PAIRS) != ImmutableMultiDict(PAIRS)
    assert ImmutableMultiDict([("a", 1)]) != {"a": 1}
    with pytest.raises(TypeError):
        hash(ImmutableMultiDict(PAIRS))


def test_equality_needs_no_order_among_values():
    one, two = object(), object()
    assert MultiDict([("a", one), (1, two)]) == MultiDict([(1, two), ("a", one)])
    assert MultiDict([("a", one), ("a", two)]) != MultiDict([("a", two), ("a", one)])
    assert MultiDict([("a", one), ("a", two)]) != MultiDict([("a", one), ("a", one)])


def test_repr_shows_the_pairs():
    assert repr(ImmutableMultiDict(PAIRS)) == "ImmutableMultiDict([('a', 1), ('a', 2), ('b', 3)])"
    assert repr(MultiDict(a=1)) == "MultiDict([('a', 1)])"
    assert repr(FormData(a="1")) == "FormData([('a', '1')])"


def test_items_are_set_and_deleted():
    multi = MultiDict(PAIRS)
    multi["a"] = 9
    assert multi.multi_items() == [("b", 3), ("a", 9)]
    del multi["b"]
    assert multi.multi_items() == [("a", 9)]
    with pytest.raises(KeyError):
        del multi["b"]


def test_pop_takes_a_key_with_all_its_values():
    multi = MultiDict(PAIRS)
    assert multi.pop("a") == 2
    assert multi.multi_items() == [("b", 3)]
    assert (multi.pop("a"), multi.pop("a", 7)) == (None, 7)
    assert multi.popitem() == ("b", 3)
    assert multi.multi_items() == []
    with pytest.raises(KeyError):
        multi.popitem()


def test_poplist_setlist_setdefault_append_and_clear():
    multi = MultiDict(PAIRS)
    assert multi.poplist("a") == [1, 2]
    assert multi.poplist("a") == []
    multi.setlist("b", [5, 6])
    assert multi.multi_items() == [("b", 5), ("b", 6)]
    assert multi["b"] == 6
    multi.setlist("b", [])
    assert "b" not in multi
    assert (multi.setdefault("c", 1), multi.setdefault("c", 2)) == (1, 1)
    multi.append("c", 3)
    assert (multi["c"], multi.getlist("c")) == (3, [1, 3])
    multi.clear()
    assert (len(multi), multi.multi_items()) == (0, [])


def test_update_replaces_whole_keys():
    multi = MultiDict(PAIRS)
    multi.update([("a", 7), ("a", 8)], c=9)
    assert multi.multi_items() == [("b", 3), ("a", 7), ("a", 8), ("c", 9)]
    assert multi["a"] == 8


def test_what_cannot_be_changed_cannot_be_changed():
    with pytest.raises(TypeError):
        ImmutableMultiDict(PAIRS)["a"] = 1


class File:
    def __init__(self, error=None):
        self.error = error
        self.closed = False

    async def close(self):
        self.closed = True
        if self.error:
            raise self.error


async def test_a_form_closes_its_files():
    files = [File(), File()]
    await FormData([("a", "text"), ("b", files[0]), ("c", files[1])]).close()
    assert all(file.closed for file in files)


async def test_a_file_that_fails_to_close_keeps_no_other_open():
    files = [File(OSError("disk")), File()]
    with pytest.raises(OSError, match="disk"):
        await FormData([("b", files[0]), ("c", files[1])]).close()
    assert all(file.closed for file in files)
