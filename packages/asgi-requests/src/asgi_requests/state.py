"""An object with free attributes over a dictionary: `request.state` and `app.state`.

    from asgi_requests.state import State

    state = State({"db": "postgres://"})
    state.user = "ada"
    assert state["db"] == "postgres://" and state["user"] == "ada"

Attributes and items are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class State:
    """Attributes and items over one dictionary, which is kept and written to, not copied.

    Raises AttributeError for a missing attribute and KeyError for a missing item.
    """

    _state: dict[str, Any]

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        super().__setattr__("_state", {} if state is None else state)

    def __setattr__(self, key: str, value: Any) -> None:
        self._state[key] = value

    def __getattr__(self, key: str) -> Any:
        try:
            # Not `self._state`, which recurses in an object that copy or pickle has not filled yet.
            return self.__dict__["_state"][key]
        except KeyError:
            raise AttributeError(f"'{self.__class__.__name__}' object has no attribute '{key}'") from None

    def __delattr__(self, key: str) -> None:
        del self._state[key]

    def __getitem__(self, key: str) -> Any:
        return self._state[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._state[key] = value

    def __delitem__(self, key: str) -> None:
        del self._state[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._state)

    def __len__(self) -> int:
        return len(self._state)
