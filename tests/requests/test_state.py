"""State: attributes and items over one dictionary."""

from __future__ import annotations

import copy

import pytest

from asgi_requests.state import State


def test_attributes_and_items_are_one():
    state = State({"a": 1})
    state.b = 2
    state["c"] = 3
    assert (state["a"], state["b"], state.c) == (1, 2, 3)
    assert list(state) == ["a", "b", "c"]
    assert len(state) == 3
    assert "a" in state
    assert "z" not in state
    del state.a
    del state["b"]
    assert list(state) == ["c"]


def test_the_dictionary_is_kept_not_copied():
    values = {}
    State(values).user = "ada"
    assert values == {"user": "ada"}
    assert State()._state == {}


def test_what_is_missing_is_said_in_its_own_way():
    with pytest.raises(AttributeError, match="'State' object has no attribute 'z'"):
        State().z
    with pytest.raises(KeyError):
        State()["z"]
    with pytest.raises(KeyError):
        del State().z
    with pytest.raises(KeyError):
        del State()["z"]


def test_states_are_equal_by_identity_and_can_be_copied():
    state = State({"a": 1})
    assert state == state
    assert state != State({"a": 1})
    assert copy.copy(state).a == copy.deepcopy(state).a == 1
