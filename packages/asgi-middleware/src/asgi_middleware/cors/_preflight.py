"""The answer to preflight requests, which ask whether a page may send a method and headers (Fetch, §4.8)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._configuration import entries, warn_corrected, warn_ignored
from .._headers import TOKEN, all_values, first_value
from .._replies import send_text
from ..types import Scope, Send
from ._headers import ALLOW_CREDENTIALS, CORSHeaders

ALL_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY")
SAFELISTED_HEADERS = frozenset({"Accept", "Accept-Language", "Content-Language", "Content-Type"})

# Browsers upper-case these (Fetch, "normalize a method"), but not PATCH: a page that writes `patch` asks for `patch`.
_NORMALISED = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})
_VARY = b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network"
_MAX_REQUESTED = 8192  # bytes of Access-Control-Request-Headers; browsers send a few dozen


def methods(parameter: str, values: object) -> tuple[str, ...]:
    """Return the configured methods, all of them for `*`, with a warning for one that browsers spell differently.

    The answer lists them: with credentials `*` is a literal name, and older browsers do not know the wildcard.
    """
    names = []
    for name in tokens(parameter, values):
        if name not in _NORMALISED and (upper := name.upper()) in _NORMALISED:
            warn_corrected(parameter, name, upper)
            name = upper
        names.append(name)
    return ALL_METHODS if "*" in names else tuple(names)


def tokens(parameter: str, values: object) -> tuple[str, ...]:
    """Return the names of methods or headers (RFC 9110 §5.6.2), with a warning for an invalid one.

    Raises ValueError for a line break or NUL: such a value would end the header and start another.
    """
    names = []
    for name in entries(parameter, values):
        if TOKEN.fullmatch(name):
            names.append(name)
        elif any(character in name for character in "\r\n\0"):
            raise ValueError(f"{parameter}: {name!r} contains a line break or NUL")
        else:
            warn_ignored(parameter, name, "a name has letters, digits and !#$%&'*+-.^_`|~ only")
    return tuple(names)


def max_age_seconds(value: Any) -> bytes | None:
    """Return the seconds for which browsers may cache the answer; None leaves it to them."""
    if value is None:
        return None
    try:
        seconds = int(value)
    except (TypeError, ValueError):
        warn_ignored("max_age", value, "write a whole number of seconds")
        return None
    if seconds < 0:
        # Fetch accepts digits only; anything else, a minus sign included, falls back to five seconds.
        warn_corrected("max_age", value, 0)
        seconds = 0
    return b"%d" % seconds


class Preflight:
    """The answer to preflight requests, with all headers that do not depend on the request built beforehand."""

    def __init__(
        self,
        allow_methods: tuple[str, ...],
        allow_headers: tuple[str, ...],
        max_age: bytes | None,
        *,
        credentials: bool,
        private_network: bool,
        vary: tuple[bytes, ...],
        status: int,
    ) -> None:
        if status not in (200, 204):
            raise ValueError(f"preflight_status is 200 or 204, not {status!r}")
        self.allow_methods = allow_methods
        self.allow_headers = frozenset(map(str.lower, allow_headers))
        self.allow_all_headers = "*" in allow_headers
        self.private_network = private_network
        self.status = status
        self.headers = [
            (b"vary", b", ".join((_VARY, *vary))),
            (b"access-control-allow-methods", ", ".join(allow_methods).encode()),
        ]
        if max_age is not None:
            self.headers.append((b"access-control-max-age", max_age))
        if not self.allow_all_headers:
            self.headers.append((b"access-control-allow-headers", ", ".join(sorted({*allow_headers})).encode()))
        if credentials:
            self.headers.append(ALLOW_CREDENTIALS)

    async def answer(self, method: bytes, allowed: CORSHeaders | None, scope: Scope, send: Send) -> None:
        """Answer a preflight request for `method`; `allowed` are the headers of its origin, None if it is not allowed.

        A 400 is enough to refuse: browsers require an ok status (200 to 299) of a preflight answer. The headers are
        sent all the same, so that the console of the browser names the field that did not match.
        """
        request = scope.get("headers", ())
        names, echoed = _requested(all_values(request, b"access-control-request-headers"))
        private = first_value(request, b"access-control-request-private-network") is not None
        checks = {
            "origin": allowed is not None,
            "method": method.decode("latin-1") in self.allow_methods,
            "headers": names is not None and (self.allow_all_headers or self.allow_headers.issuperset(names)),
            "private-network": self.private_network or not private,
        }
        refused = [name for name, passed in checks.items() if not passed]
        headers = [*self.headers, *(allowed or ())[:1]]
        if self.allow_all_headers and echoed:
            # The requested names are echoed: `*` does not cover Authorization, and with credentials it is a literal
            # name (Fetch, CORS-preflight fetch).
            headers.append((b"access-control-allow-headers", echoed))
        if private and self.private_network:
            headers.append((b"access-control-allow-private-network", b"true"))
        if refused:
            return await send_text(scope, send, 400, f"Disallowed CORS {', '.join(refused)}", headers)
        if self.status == 204:
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            return await send({"type": "http.response.body", "body": b""})
        return await send_text(scope, send, 200, "OK", headers)


def _requested(lines: Iterable[bytes]) -> tuple[list[str] | None, bytes]:
    """Return the lower-case names of Access-Control-Request-Headers, None if malformed, and the value to echo.

    The list may be split over lines and have empty elements and optional whitespace (RFC 9110 §5.6.1).
    """
    value = b", ".join(lines).strip(b" \t")
    if len(value) > _MAX_REQUESTED:
        return None, b""
    text = value.decode("latin-1")
    names = [name for part in text.split(",") if (name := part.strip(" \t"))]
    if not all(TOKEN.fullmatch(name) for name in names):
        return None, b""
    return [name.lower() for name in names], value if names else b""
