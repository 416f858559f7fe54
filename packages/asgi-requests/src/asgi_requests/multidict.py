"""Mappings that keep every value of a key, in order: query parameters and forms.

    from asgi_requests.multidict import QueryParams

    params = QueryParams("tag=a&tag=b&page=2")
    assert params["tag"] == "b"
    assert params.getlist("tag") == ["a", "b"]
    assert str(params) == "tag=a&tag=b&page=2"

`multi_items()` has every pair, in order.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast, overload
from urllib.parse import urlencode

from ._query import refuse_too_many, split_query

if TYPE_CHECKING:
    from .uploads import UploadFile

    _FormValue = UploadFile | str

_T = TypeVar("_T")
_Key = TypeVar("_Key")
_Value_co = TypeVar("_Value_co", covariant=True)


class ImmutableMultiDict(Mapping[_Key, _Value_co]):
    """A mapping of keys to their last value that keeps every pair, in order, in `multi_items()`.

    Equal to another of its class with the same keys in any order, each with the same values in the same order.
    """

    _dict: dict[_Key, _Value_co]
    _list: list[tuple[_Key, _Value_co]]

    def __init__(
        self,
        *args: ImmutableMultiDict[_Key, _Value_co] | Mapping[_Key, _Value_co] | Iterable[tuple[_Key, _Value_co]],
        **kwargs: Any,
    ) -> None:
        assert len(args) < 2, "Too many arguments."
        pairs = _pairs(args[0]) if args else []
        if kwargs:
            pairs = pairs + list(kwargs.items())
        self._list = pairs
        self._dict = dict(pairs)

    def getlist(self, key: Any) -> list[_Value_co]:
        """Return every value of the key, in order."""
        return [value for name, value in self._list if name == key]

    def keys(self) -> KeysView[_Key]:
        """Return the keys, each once."""
        return self._dict.keys()

    def values(self) -> ValuesView[_Value_co]:
        """Return the last value of each key."""
        return self._dict.values()

    def items(self) -> ItemsView[_Key, _Value_co]:
        """Return each key with its last value."""
        return self._dict.items()

    def multi_items(self) -> list[tuple[_Key, _Value_co]]:
        """Return every pair, in order."""
        return list(self._list)

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the last value of the key, or the default."""
        return self._dict.get(key, default)

    def __getitem__(self, key: _Key) -> _Value_co:
        return self._dict[key]

    def __contains__(self, key: Any) -> bool:
        return key in self._dict

    def __iter__(self) -> Iterator[_Key]:
        return iter(self._dict)

    def __len__(self) -> int:
        return len(self._dict)

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, self.__class__):
            return False
        return _same_pairs(self._list, other._list)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self._list!r})"


class MultiDict(ImmutableMultiDict[Any, Any]):
    """A multidict that can be changed."""

    def __setitem__(self, key: Any, value: Any) -> None:
        self.setlist(key, [value])

    def __delitem__(self, key: Any) -> None:
        del self._dict[key]
        self._list = [pair for pair in self._list if pair[0] != key]

    def pop(self, key: Any, default: Any = None) -> Any:
        """Remove the key and return its last value, or the default."""
        self._list = [pair for pair in self._list if pair[0] != key]
        return self._dict.pop(key, default)

    def popitem(self) -> tuple[Any, Any]:
        """Remove and return the last key with its last value; raises KeyError if it is empty."""
        key, value = self._dict.popitem()
        self._list = [pair for pair in self._list if pair[0] != key]
        return key, value

    def poplist(self, key: Any) -> list[Any]:
        """Remove the key and return all of its values."""
        values = self.getlist(key)
        self.pop(key)
        return values

    def clear(self) -> None:
        """Remove everything."""
        self._dict.clear()
        self._list.clear()

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the last value of the key, which is set first if it is absent."""
        if key not in self._dict:
            self.append(key, default)
        return self._dict[key]

    def setlist(self, key: Any, values: list[Any]) -> None:
        """Replace every value of the key; an empty list removes it."""
        self.pop(key)
        if values:
            self._list += [(key, value) for value in values]
            self._dict[key] = values[-1]

    def append(self, key: Any, value: Any) -> None:
        """Add a value, keeping those of the same key."""
        self._list.append((key, value))
        self._dict[key] = value

    def update(self, *args: MultiDict | Mapping[Any, Any] | list[tuple[Any, Any]], **kwargs: Any) -> None:
        """Replace the values of the given keys by those that are given."""
        new = MultiDict(*args, **kwargs)
        # New keys and replaced ones stand at the end, in the order given, as in Starlette.
        self._list = [pair for pair in self._list if pair[0] not in new._dict] + new._list
        self._dict.update(new._dict)


class QueryParams(ImmutableMultiDict[str, str]):
    """The parameters of a query string, percent-decoded as UTF-8; blank ones are kept.

    Takes a string, bytes, a mapping or pairs. Raises HTTPException (400) for a query string of more than
    `max_fields` parameters; assign to the class to allow more.
    """

    max_fields: ClassVar[int] = 1000

    def __init__(
        self,
        *args: ImmutableMultiDict[Any, Any] | Mapping[Any, Any] | list[tuple[Any, Any]] | str | bytes,
        **kwargs: Any,
    ) -> None:
        assert len(args) < 2, "Too many arguments."
        value = args[0] if args else ""
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        if isinstance(value, str):
            parsed = self.from_query_string(value)
            self._list, self._dict = parsed._list, parsed._dict
        else:
            self._list = _text_pairs(_pairs(value))
            self._dict = dict(self._list)
        if kwargs:
            self._list += _text_pairs(kwargs.items())
            self._dict = dict(self._list)

    @classmethod
    def from_query_string(cls, query: str) -> Self:
        """Return the parameters of a query string, as the constructor does."""
        # A query with fewer characters than that cannot have as many parameters: most are not counted.
        if len(query) >= cls.max_fields:
            refuse_too_many(query, cls.max_fields)
        self = object.__new__(cls)
        self._list = pairs = split_query(query)
        self._dict = dict(pairs)
        return self

    @overload
    def as_type(self, type: type[_T]) -> _T: ...

    @overload
    def as_type(self, type: Any) -> Any: ...

    def as_type(self, type: Any) -> Any:
        """Return the parameters as a class of pydantic or msgspec, or whatever they read.

        A field that is a list has every value of its name, any other the last one. Raises UnprocessableContent, which
        answers 422, where they do not fit, and RuntimeError where neither library is installed.
        """
        from .typed import convert_fields

        return convert_fields(self, type, "parameter")

    def __str__(self) -> str:
        return urlencode(self._list)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({str(self)!r})"


class FormData(ImmutableMultiDict[str, "_FormValue"]):
    """The fields of a form: strings, and an UploadFile for each file."""

    @classmethod
    def from_pairs(cls, pairs: list[tuple[str, str]]) -> Self:
        """Return fields without a file; the list is kept, not copied."""
        self = object.__new__(cls)
        self._list, self._dict = cast(Any, pairs), cast(Any, dict(pairs))
        return self

    async def close(self) -> None:
        """Close every file, even if one of them fails to close."""
        files = [value for _, value in self._list if not isinstance(value, str)]
        if files:
            # An exit stack calls all that was pushed and raises the first failure: no descriptor is left open.
            async with AsyncExitStack() as stack:
                for file in files:
                    stack.push_async_callback(file.close)


def _pairs(value: Any) -> list[Any]:
    if type(value) is list:
        return value.copy()
    if not value:
        return []
    if isinstance(value, ImmutableMultiDict):
        return value.multi_items()
    if hasattr(value, "items"):
        return list(value.items())
    return list(value)


def _text_pairs(pairs: Iterable[tuple[Any, Any]]) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in pairs]


def _same_pairs(ours: list[Any], theirs: list[Any]) -> bool:
    # Not sorted: values may be uploads, which have no order.
    return len(ours) == len(theirs) and (ours == theirs or _by_key(ours) == _by_key(theirs))


def _by_key(pairs: list[Any]) -> dict[Any, list[Any]]:
    values: dict[Any, list[Any]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(value)
    return values
