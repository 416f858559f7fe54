"""HTTP headers: multi-valued, ordered, case-insensitive, latin-1 at the edge.

    from asgi_requests.headers import Headers, MutableHeaders

    headers = Headers(scope={"headers": [(b"accept", b"text/html"), (b"x-forwarded-for", b"10.0.0.1")]})
    assert headers["Accept"] == "text/html"

    answer = MutableHeaders({"content-type": "text/plain"})
    answer.add_vary_header("Accept")
    assert answer.raw == [(b"content-type", b"text/plain"), (b"vary", b"Accept")]

A name or value that could end a header and begin another is refused where it is set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Literal, Self, TypeVar, overload

from ._fields import NAMES, RawHeaders, encode_field, find_all, find_any_case, merge_vary, scope_headers

_T = TypeVar("_T")

# More names than this are looked up in a dictionary once they are iterated over. No browser sends as many headers, but
# a client may send thousands, and looking each of them up in the list takes quadratic time.
_FEW = 64


class Headers(Mapping[str, str]):
    """Headers that can be read, from a mapping, from raw `(bytes, bytes)` pairs or from a scope.

    Raw pairs and the list of a scope are not copied. Names compare case-insensitively (RFC 9110 §5.1),
    values are latin-1. A mapping is checked as in `MutableHeaders`.
    """

    _list: RawHeaders
    _first: tuple[int, dict[bytes, bytes]] | None = None
    _is_mutable = False

    def __init__(
        self,
        headers: Mapping[str, str] | None = None,
        raw: RawHeaders | None = None,
        scope: MutableMapping[str, Any] | None = None,
    ) -> None:
        if scope is not None:
            assert headers is None, 'Cannot set both "headers" and "scope".'
            assert raw is None, 'Cannot set both "raw" and "scope".'
            self._list = scope_headers(scope)
        elif headers is not None:
            assert raw is None, 'Cannot set both "headers" and "raw".'
            self._list = [encode_field(name, value) for name, value in headers.items()]
        else:
            self._list = [] if raw is None else raw

    @classmethod
    def from_raw(cls, pairs: RawHeaders) -> Self:
        """Return the headers in a list of raw pairs, which is not copied, as the constructor does."""
        self = object.__new__(cls)
        self._list = pairs
        return self

    @property
    def raw(self) -> RawHeaders:
        """The pairs as bytes, in order, in a new list."""
        return list(self._list)

    def __getitem__(self, key: str) -> str:
        name = NAMES[key]
        if self._first is None:
            for field, value in self._list:
                if field == name:
                    return value.decode("latin-1")
        found = self._find(name)
        if found is None:
            raise KeyError(key)
        return found.decode("latin-1")

    @overload
    def get(self, key: str, default: None = None) -> str | None: ...

    @overload
    def get(self, key: str, default: str) -> str: ...

    @overload
    def get(self, key: str, default: _T) -> str | _T: ...

    def get(self, key: str, default: object = None) -> object:
        """Return the first value of the header, or the default."""
        name = NAMES[key]
        if self._first is None:
            for field, value in self._list:
                if field == name:
                    return value.decode("latin-1")
        found = self._find(name)
        return default if found is None else found.decode("latin-1")

    def _find(self, name: bytes) -> bytes | None:
        """Return the first value of a name: the exact one from the dictionary, if there is one, else in any case."""
        if self._first is None:
            return find_any_case(self._list, name)
        # A raw list is not copied: its owner may have added to it or removed from it.
        if self._first[0] != len(self._list):
            self._first = len(self._list), _first_values(self._list)
        return self._first[1].get(name)

    def getlist(self, key: str) -> list[str]:
        """Return every value of the header, in order."""
        return [value.decode("latin-1") for value in find_all(self._list, NAMES[key])]

    @overload
    def structured(self, key: str, kind: Literal["item"]) -> tuple[Any, dict[str, Any]] | None: ...

    @overload
    def structured(self, key: str, kind: Literal["list"]) -> list[tuple[Any, dict[str, Any]]]: ...

    @overload
    def structured(self, key: str, kind: Literal["dictionary"]) -> dict[str, tuple[Any, dict[str, Any]]]: ...

    def structured(self, key: str, kind: Literal["item", "list", "dictionary"]) -> Any:
        """Return a structured field (RFC 9651) as http-sf reads it: values with their parameters, `(value, {...})`.

        A field that is absent, or malformed (§4.2), is None, or an empty list or dictionary. Raises ImportError without
        http-sf, the extra `structured-fields`.
        """
        from ._structured import read_structured

        return read_structured(find_all(self._list, NAMES[key]), kind)

    def keys(self) -> list[str]:  # type: ignore[override]
        """Return the names in order, repeated as they were sent."""
        # A caller that iterates over the names is about to look each of them up.
        if len(self._list) > _FEW and not self._is_mutable:
            self._first = len(self._list), _first_values(self._list)
        return [name.decode("latin-1").lower() for name, _ in self._list]

    def values(self) -> list[str]:  # type: ignore[override]
        """Return the values in order."""
        return [value.decode("latin-1") for _, value in self._list]

    def items(self) -> list[tuple[str, str]]:  # type: ignore[override]
        """Return names and values in order."""
        return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in self._list]

    def mutablecopy(self) -> MutableHeaders:
        """Return a copy that can be changed."""
        return MutableHeaders(raw=[(name, value) for name, value in self._list])

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._list)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return False
        return sorted(self.items()) == sorted(other.items())

    def __repr__(self) -> str:
        class_name = self.__class__.__name__
        as_dict = dict(self.items())
        if len(as_dict) == len(self):
            return f"{class_name}({as_dict!r})"
        return f"{class_name}(raw={self.raw!r})"


def _first_values(fields: RawHeaders) -> dict[bytes, bytes]:
    values: dict[bytes, bytes] = {}
    for name, value in fields:
        values.setdefault(name, value)
    # Not every server sends lower-case names, as ASGI has them.
    for name, value in fields:
        values.setdefault(name.lower(), value)
    return values


class MutableHeaders(Headers):
    """Headers that can be changed; a `raw` list is edited in place, that of a scope or message is replaced by a copy.

    Raises ValueError for an invalid name and for CR, LF or NUL in a value (RFC 9110 §5.5):
    either would let the value end the header and begin another.
    """

    _is_mutable = True

    def __init__(
        self,
        headers: Mapping[str, str] | None = None,
        raw: RawHeaders | None = None,
        scope: MutableMapping[str, Any] | None = None,
    ) -> None:
        super().__init__(headers, raw, scope)
        if scope is not None:
            self._list = scope["headers"] = list(self._list)

    @property
    def raw(self) -> RawHeaders:
        """The pairs as bytes, in order: the list that is edited, not a copy."""
        return self._list

    def __setitem__(self, key: str, value: str) -> None:
        name, encoded = encode_field(key, value)
        found = [index for index, field in enumerate(self._list) if field[0].lower() == name]
        for index in reversed(found[1:]):
            del self._list[index]
        if found:
            self._list[found[0]] = (name, encoded)
        else:
            self._list.append((name, encoded))

    def __delitem__(self, key: str) -> None:
        name = NAMES[key]
        # In place: `raw_headers` of a response is this very list.
        self._list[:] = [field for field in self._list if field[0].lower() != name]

    def append(self, key: str, value: str) -> None:
        """Add a header, keeping those of the same name."""
        self._list.append(encode_field(key, value))

    def setdefault(self, key: str, value: str) -> str:
        """Return the header's value, which is set first if it is absent."""
        found = self.get(key)
        if found is None:
            self.append(key, value)
            return value
        return found

    def update(self, other: Mapping[str, str]) -> None:
        """Set each of the given headers."""
        for key, value in other.items():
            self[key] = value

    def add_vary_header(self, vary: str) -> None:
        """Merge names into Vary: each of them once, and `*` stays `*` (RFC 9110 §12.5.5)."""
        self["vary"] = merge_vary(self.getlist("vary"), vary)

    def __or__(self, other: Mapping[str, str]) -> MutableHeaders:
        if not isinstance(other, Mapping):
            raise TypeError(f"Expected a mapping but got {other.__class__.__name__}")
        merged = self.mutablecopy()
        merged.update(other)
        return merged

    def __ior__(self, other: Mapping[str, str]) -> MutableHeaders:
        if not isinstance(other, Mapping):
            raise TypeError(f"Expected a mapping but got {other.__class__.__name__}")
        self.update(other)
        return self
