"""The answers of static files that are not files: 304, a redirect to the slash, the end of a lifespan."""

from __future__ import annotations

from urllib.parse import quote

from .._response import Response
from ..headers import Headers
from ..responses import RedirectResponse
from ..types import Receive, Scope, Send


class NotModifiedResponse(Response):
    """A 304 with those headers of the full response that a cache may use (RFC 9110 §15.4.5)."""

    NOT_MODIFIED_HEADERS = ("cache-control", "content-location", "date", "etag", "expires", "last-modified", "vary")

    def __init__(self, headers: Headers) -> None:
        super().__init__(status_code=304)
        kept = self.NOT_MODIFIED_HEADERS
        self.raw_headers = [field for field in headers.raw if field[0].decode("latin-1") in kept]


def slash_redirect(scope: Scope) -> RedirectResponse:
    """Redirect to the same path with a slash, relatively: neither Host nor a path of `//host` decides where to."""
    name = quote(scope["path"].rpartition("/")[2], safe="!$&'()*+,;=:@")
    query = scope.get("query_string", b"").decode("latin-1")
    return RedirectResponse((f"./{name}/" if name else "./") + (f"?{query}" if query else ""))


async def complete_lifespan(receive: Receive, send: Send) -> None:
    """Answer the messages of a lifespan that has nothing to do."""
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
