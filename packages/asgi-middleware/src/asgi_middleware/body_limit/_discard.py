"""Read the rest of a request's body before its connection is closed, so that the client can read the response.

If a server closes a connection with unread data TCP resets it, and the client loses the part of the response that it
has not read yet; behind nginx that is a 502. "To avoid the TCP reset problem, servers typically close a connection in
stages" (RFC 9112 §9.6). An application cannot do that, but it can delay the end of the response.
"""

from __future__ import annotations

from .._headers import all_values
from ..types import Receive, Scope

_MOST_BYTES = 256 * 1024 * 1024
_MOST_SECONDS = 30.0  # as nginx's lingering_time


def closes_after_response(scope: Scope) -> bool:
    """Return whether the server closes the connection after this response (RFC 9112 §9.3).

    nginx sends `Connection: close` by default. If the connection stays open the server itself reads the rest.
    """
    version = scope.get("http_version", "1.1")
    if not version.startswith("1"):
        return False
    fields = b",".join(all_values(scope.get("headers", ()), b"connection")).lower()
    tokens = {token.strip() for token in fields.split(b",")}
    return b"close" in tokens or (version == "1.0" and b"keep-alive" not in tokens)


async def discard_body(receive: Receive) -> None:
    """Receive to the end of the body, within limits of size and time; an exception of `receive` ends it as well."""
    from .._cancel import current_time, native_scope  # imports asyncio, and few requests come here

    limit = native_scope()
    limit.deadline = current_time() + _MOST_SECONDS
    size = 0
    with limit:
        while size < _MOST_BYTES:
            try:
                message = await receive()
            except Exception:
                return
            if not message.get("more_body", False):
                return
            size += len(message.get("body", b"")) or 1  # empty messages count, too
