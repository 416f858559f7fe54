"""The path of a URL, and the whole URL made of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit


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
        self = super().__new__(cls, without_authority(path.replace("\\", "%5C")))
        self.protocol = protocol
        self.host = host
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.protocol, self.host)

    def make_absolute_url(self, base_url: object) -> str:
        """Return the whole URL, at the scheme, host and root path of `base_url`, a URL or its text."""
        base = urlsplit(str(base_url))
        scheme = base.scheme
        if self.protocol:
            secure = scheme in ("https", "wss")
            scheme = ("http" if self.protocol == "http" else "ws") + ("s" if secure else "")
        return f"{scheme}://{self.host or base.netloc}{base.path.rstrip('/')}{self}"
