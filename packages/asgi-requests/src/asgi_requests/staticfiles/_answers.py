"""The answers of static files: a file, a 304, a redirect to the slash, the end of a lifespan."""

from __future__ import annotations

from urllib.parse import quote

from .._fields import RawHeaders
from .._response import Response
from ..files import FileResponse
from ..files._metadata import media_type_of
from ..files.conditional import precondition
from ..headers import Headers
from ..responses import RedirectResponse
from ..types import Receive, Scope, Send
from ._codings import SUFFIXES
from ._representations import PathLike, Representation


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
    # Behind `./` a colon in the name is not taken for the end of a scheme (RFC 3986 §4.2).
    return RedirectResponse((f"./{name}/" if name else "./") + (f"?{query}" if query else ""))


async def complete_lifespan(receive: Receive, send: Send) -> None:
    """Answer the messages of a lifespan that has nothing to do."""
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


def is_not_modified(fields: RawHeaders, conditions: dict[str, str]) -> bool:
    """Return whether a response with these headers is to be a 304."""
    if not conditions:
        return False
    values = {name: value.decode("latin-1") for name, value in fields if name in (b"etag", b"last-modified")}
    return precondition("GET", conditions, values.get(b"etag"), values.get(b"last-modified")) == 304


def file_response(full_path: PathLike, form: Representation, fields: RawHeaders, etag: str | None) -> FileResponse:
    """Return the response for one form of a file, with the headers that a 304 has as well."""
    if form.coding is None:
        response = FileResponse(full_path, stat_result=form.status, etag=etag)
        response.raw_headers += [each for each in fields if each[0] not in (b"etag", b"last-modified")]
        return response
    media_type = media_type_of(form.full_path.removesuffix(SUFFIXES[form.coding]))
    response = FileResponse(full_path, headers={"content-encoding": form.coding}, media_type=media_type)
    response.raw_headers += fields
    response.stat_result = form.status
    response.set_stat_headers(form.status)
    return response
