"""The path of a URL, and the whole URL made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Self
from urllib.parse import quote, urlsplit

# The rest of what RFC 3986 §3.4 and §3.5 allow separates fields, or is read as a space.
_IN_QUERY = "/?:@!$'()*,"
_IN_FRAGMENT = "/?:@!$&'()*+,;="

Query = Mapping[str, Any] | Sequence[tuple[str, Any]]


def without_authority(path: str) -> str:
    """Return the path, written so that no client reads a host in its first segments (RFC 3986 §4.2)."""
    return f"/%2F{path[2:]}" if path.startswith("//") else path


class URLPath(str):
    """The path of a URL, percent-encoded, with the kind of connection and the host it is for, where known.

    Two slashes or a backslash at its beginning would be read as the beginning of a host: they are encoded.
    """

    __slots__ = ("host", "protocol")

    protocol: str
    host: str

    def __new__(cls, path: str, protocol: str = "", host: str = "") -> URLPath:
        assert protocol in ("http", "websocket", "")
        # Browsers read a backslash as a slash (WHATWG URL): `/\evil.example` would be another host.
        self = super().__new__(cls, without_authority(path.replace("\\", "%5C")))
        self.protocol = protocol
        self.host = host
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.protocol, self.host)

    def with_query(self, query: Query | None = None, fragment: str | None = None) -> Self:
        """Return the path with a query and a fragment, percent-encoded; it may be used once.

        `query` is a mapping, or pairs; the order stays. A list or tuple becomes a field for each of its values; None is
        left out. True becomes `true`, a date ISO 8601, a member of an enumeration its value, a space `%20`.
        Raises TypeError for a value that is a mapping, or a query of another type.
        """
        fields = "&".join(_fields(query or {}))
        url = self + (f"?{fields}" if fields else "")
        if fragment:
            url += "#" + quote(fragment, safe=_IN_FRAGMENT, errors="surrogateescape")
        return type(self)(url, self.protocol, self.host)

    def make_absolute_url(self, base_url: object) -> str:
        """Return the whole URL, at the scheme, host and root path of `base_url`, a URL or its text."""
        base = urlsplit(str(base_url))
        scheme = base.scheme
        if self.protocol:
            secure = scheme in ("https", "wss")
            scheme = ("http" if self.protocol == "http" else "ws") + ("s" if secure else "")
        return f"{scheme}://{self.host or base.netloc}{base.path.rstrip('/')}{self}"


def is_query(value: object) -> bool:
    """Return whether a value may be a query; a text may not: it is more likely meant for a parameter."""
    return value is None or isinstance(value, (Mapping, list, tuple))


def _fields(query: Query) -> Iterable[str]:
    if not is_query(query):
        raise TypeError(f"query={query!r}: give a mapping, or pairs of a name and a value")
    for name, value in query.items() if isinstance(query, Mapping) else query:
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if one is not None:
                yield f"{_quoted(name)}={_quoted(_text_of(name, one))}"


def _quoted(text: str) -> str:
    return quote(text, safe=_IN_QUERY, errors="surrogateescape")


def _text_of(name: str, value: Any) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, (Mapping, list, tuple, set, frozenset, bytes)):
        raise TypeError(f"query: {name!r} has no text form: {value!r}")
    if isinstance(value, bool):  # before str(), which would write True
        return "true" if value else "false"
    from datetime import date

    return value.isoformat() if isinstance(value, date) else str(value)
