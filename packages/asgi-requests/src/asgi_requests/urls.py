"""URLs, read from a request or a string and derived from each other, and addresses.

    from asgi_requests.urls import URL

    url = URL("https://example.org/search?q=asgi")
    assert url.hostname == "example.org"
    assert str(url.include_query_params(page=2)) == "https://example.org/search?q=asgi&page=2"

No part of a request can move another part of its URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from ._authority import join_netloc, request_netloc
from .multidict import MultiDict
from .types import Scope

# RFC 3986 §3.3, and brackets, which browsers send. A path is decoded by the server: its `%` is one that was encoded.
_IN_PATH = "/:@!$&'()*+,;=~[]"
_NEEDS_NO_QUOTING = re.compile(r"[\w.\-/:@!$&'()*+,;=~\[\]]*", re.ASCII).fullmatch
# The server does not decode the query: its escapes stay.
_UNSAFE_IN_QUERY = re.compile(rb'[\x00-\x20"#<>\x7f-\xff]').sub


class Address(NamedTuple):
    """A host and a port."""

    host: str
    port: int


class URL:
    """A URL, from a string, from a scope or from components; equal to another, or to a string, that reads the same.

    From a scope it is the URL that was requested, in ASCII, its path percent-encoded once (`scope["path"]` has it
    decoded). No path and no Host header can move another part of it; for a malformed Host the server's address is used.
    """

    _url: str
    _components: SplitResult | None

    def __init__(self, url: str = "", scope: Scope | None = None, **components: Any) -> None:
        self._components = None
        if scope is not None:
            assert not url, 'Cannot set both "url" and "scope".'
            assert not components, 'Cannot set both "scope" and "**components".'
            self._components = _scope_components(scope)
        elif components:
            assert not url, 'Cannot set both "url" and "**components".'
            self._url = str(URL("").replace(**components))
        else:
            self._url = url

    def __reduce__(self) -> tuple[type[URL], tuple[str]]:
        # By its text: a SplitResult that was not made by urlsplit cannot be pickled in Python 3.15.
        return type(self), (str(self),)

    @property
    def components(self) -> SplitResult:
        """The parts as the standard library splits them."""
        if self._components is None:
            self._components = urlsplit(str(self))
        return self._components

    @property
    def scheme(self) -> str:
        """`http`, `https`, `ws`, ..."""
        return self.components.scheme

    @property
    def netloc(self) -> str:
        """User information, host and port as they are written."""
        return self.components.netloc

    @property
    def path(self) -> str:
        """The path, as it is written."""
        return self.components.path

    @property
    def query(self) -> str:
        """The query, without its `?`."""
        return self.components.query

    @property
    def fragment(self) -> str:
        """The fragment, without its `#`."""
        return self.components.fragment

    @property
    def username(self) -> str | None:
        """The user of the user information."""
        return self.components.username

    @property
    def password(self) -> str | None:
        """The password of the user information."""
        return self.components.password

    @property
    def hostname(self) -> str | None:
        """The host in lower case, an IPv6 address without brackets."""
        return self.components.hostname

    @property
    def port(self) -> int | None:
        """The port, if there is one; raises ValueError if it is not a number from 0 to 65535."""
        return self.components.port

    @property
    def is_secure(self) -> bool:
        """True if the scheme is https or wss."""
        return self.scheme in ("https", "wss")

    def replace(self, **kwargs: Any) -> URL:
        """Return a URL with other parts: those of `components`, and username, password, hostname, port.

        Username and password are percent-encoded where they must be. Raises ValueError for other names.
        """
        if not kwargs.keys().isdisjoint(("username", "password", "hostname", "port")):
            own = {key: kwargs.pop(key) for key in ("username", "password", "hostname", "port") if key in kwargs}
            kwargs["netloc"] = join_netloc(self.components, own)
        if unexpected := kwargs.keys() - SplitResult._fields:
            raise ValueError(f"Got unexpected field names: {sorted(unexpected)!r}")
        return self.__class__(self.components._replace(**kwargs).geturl())

    def include_query_params(self, **kwargs: Any) -> URL:
        """Return a URL with these query parameters set; others stay."""
        params = MultiDict(parse_qsl(self.query, keep_blank_values=True))
        params.update({str(key): str(value) for key, value in kwargs.items()})
        return self.replace(query=urlencode(params.multi_items()))

    def replace_query_params(self, **kwargs: Any) -> URL:
        """Return a URL with these query parameters and no others."""
        return self.replace(query=urlencode([(str(key), str(value)) for key, value in kwargs.items()]))

    def remove_query_params(self, keys: str | Sequence[str]) -> URL:
        """Return a URL without these query parameters."""
        gone: Iterable[str] = [keys] if isinstance(keys, str) else keys
        params = MultiDict(parse_qsl(self.query, keep_blank_values=True))
        for key in gone:
            params.pop(key, None)
        return self.replace(query=urlencode(params.multi_items()))

    def __eq__(self, other: Any) -> bool:
        return str(self) == str(other)

    def __getattr__(self, name: str) -> Any:
        # The text of a URL that was made from a scope: most are asked for their parts alone.
        if name != "_url":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        scheme, netloc, path, query, _ = self.components
        origin = f"{scheme}://{netloc}" if netloc else ""
        self._url = f"{origin}{path}?{query}" if query else origin + path
        return self._url

    def __str__(self) -> str:
        return self._url

    def __repr__(self) -> str:
        url = str(self)
        if self.password:
            url = str(self.replace(password="*" * 8))
        return f"{self.__class__.__name__}({url!r})"


def _scope_components(scope: Scope) -> SplitResult:
    netloc = request_netloc(scope)
    path = scope.get("path", "")
    if not _NEEDS_NO_QUOTING(path):
        path = _quoted(path)
    if path and path[0] != "/":
        path = "/" + path
    if netloc:
        scheme = scope.get("scheme", "http")
    else:
        scheme = ""
        if path[:2] == "//":
            path = "/%2F" + path[2:]
    return SplitResult(scheme, netloc, path, _query_text(scope.get("query_string", b"")), "")


def _quoted(path: str) -> str:
    try:
        return quote(path, safe=_IN_PATH, errors="surrogateescape")
    except UnicodeEncodeError:  # surrogates that stand for no byte
        return quote(path, safe=_IN_PATH, errors="replace")


def _query_text(query: bytes | str) -> str:
    raw = query.encode("utf-8", "surrogateescape") if isinstance(query, str) else query
    return _UNSAFE_IN_QUERY(_percent, raw).decode("ascii")


def _percent(match: re.Match[bytes]) -> bytes:
    return b"%%%02X" % match[0][0]
