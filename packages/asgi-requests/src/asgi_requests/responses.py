"""Responses: each of them an ASGI application that sends itself.

    from asgi_requests import JSONResponse

    async def app(scope, receive, send):
        response = JSONResponse({"hello": "world"})
        response.set_cookie("seen", "1", secure=True, httponly=True)
        await response(scope, receive, send)

`JSONResponse.render` is the one place that turns content into JSON. `App(json=...)` sets the encoder of a whole
application; for one response another encoder is two lines:

    import orjson

    class ORJSONResponse(JSONResponse):
        render = staticmethod(orjson.dumps)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ._json import current_codec, encode_with_care, json_chunks
from ._response import Response
from ._text import without_surrogates
from .background import BackgroundTask
from .urls import URL

if TYPE_CHECKING:
    from ._streaming import Content, ContentStream, StreamingResponse
    from .files import FileResponse, MalformedRangeHeader, RangeNotSatisfiable

__all__ = [
    "Content",
    "ContentStream",
    "FileResponse",
    "HTMLResponse",
    "JSONResponse",
    "MalformedRangeHeader",
    "PlainTextResponse",
    "RangeNotSatisfiable",
    "RedirectResponse",
    "Response",
    "StreamingResponse",
]

# Imported when they are first used: few programs serve files or streams.
_MODULES = {
    "Content": "_streaming",
    "ContentStream": "_streaming",
    "StreamingResponse": "_streaming",
    "FileResponse": "files",
    "MalformedRangeHeader": "files",
    "RangeNotSatisfiable": "files",
}

# What quote() would leave as it is, which nearly all targets consist of.
_NEEDS_NO_QUOTING = re.compile(r"[\w.~:/%#?=@\[\]!$&'()*+,;-]*", re.ASCII).fullmatch


_current_codec = current_codec.get


class HTMLResponse(Response):
    """A page of HTML."""

    media_type = "text/html"


class PlainTextResponse(Response):
    """Plain text."""

    media_type = "text/plain"


class JSONResponse(Response):
    """Anything JSON can hold, as compact UTF-8; override `render(content) -> bytes` to encode it differently.

    Within an application that has a JSON codec, the codec encodes it, at once; what is made outside of a request, such
    as a constant, is encoded by the standard library. Raises TypeError, naming the type, for what JSON cannot hold, and
    ValueError for NaN and infinities.
    """

    media_type = "application/json"

    def __init__(
        self,
        content: Any,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        super().__init__(content, status_code, headers, media_type, background)

    def render(self, content: Any) -> bytes:
        """Return the content as compact UTF-8 JSON."""
        codec = _current_codec()
        try:
            if codec is None:
                return "".join(json_chunks(content, 0)).encode()
            written: bytes = codec.dumps(content)
            return written
        except (RecursionError, UnicodeEncodeError):
            return encode_with_care(content)


class RedirectResponse(Response):
    """A redirect; 307 keeps method and body, 303 asks for a GET.

    The URL is percent-encoded where it must be and otherwise sent as given, relative ones too. `//host` and other
    schemes are not refused: a target that comes from the client is for the application to check.
    """

    def __init__(
        self,
        url: str | URL,
        status_code: int = 307,
        headers: Mapping[str, str] | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        super().__init__(None, status_code, headers, None, background)
        target = url if isinstance(url, str) else str(url)
        if _NEEDS_NO_QUOTING(target) is None:
            # Not `?` for lone surrogates, which would begin a query; browsers send U+FFFD.
            target = quote(without_surrogates(target, "\ufffd"), safe=":/%#?=@[]!$&'()*+,;")
        if headers is None:
            self.raw_headers.append((b"location", target.encode("ascii")))
        else:
            self.headers["location"] = target


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{module}", __package__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
