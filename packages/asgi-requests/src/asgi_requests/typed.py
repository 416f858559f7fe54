"""Bodies, forms and queries read as a type, through pydantic or msgspec, whichever is installed.

    import msgspec

    from asgi_requests import JSONResponse, Request

    class Order(msgspec.Struct):  # or a pydantic model, a dataclass, a TypedDict, list[Order]
        title: str
        amount: int

    class Page(msgspec.Struct):
        page: int = 1

    async def buy(request: Request):
        order = await request.json(type=Order)
        page = request.query_params.as_type(Page)
        return JSONResponse({"title": order.title, "page": page.page})

A value that does not fit is answered with 422 and problem details (RFC 9457), whose `errors` say what is wrong, where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from ._json import dump_json
from .exceptions import HTTPException

if TYPE_CHECKING:
    from .multidict import ImmutableMultiDict
    from .types import Receive, Scope, Send

__all__ = ["UnprocessableContent"]

# A name in the JSON of a client may be a megabyte long.
_LONGEST_POINTER = 500


class UnprocessableContent(HTTPException):
    """Content that is well-formed and does not fit its type: the ASGI application that answers it with 422.

    `errors` are dictionaries of `detail` and a place: `pointer` into JSON (RFC 6901, as a URI fragment), `parameter` of
    a query, `field` of a form. Values of the client are not among them, names are.
    """

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__(422, "; ".join(_summary(error) for error in errors[:3]))
        self.errors = errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the problem details; on a WebSocket, refuse it as any HTTPException does."""
        if scope["type"] == "websocket":
            return await super().__call__(scope, receive, send)
        document = {"title": "Unprocessable Content", "status": 422, "detail": self.detail, "errors": self.errors}
        body = dump_json(document).encode()
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/problem+json")]
        await send({"type": "http.response.start", "status": 422, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope.get("method") == "HEAD" else body})
        return None


def convert_json(value: Any, text: bytes | None, kind: Any) -> Any:
    """Return the value of JSON as `kind`; `text` is what it was read from, None where only the value counts."""
    from ._converters import Mismatch, converter_for

    try:
        return converter_for(kind).from_json(value, text)
    except Mismatch as exc:
        errors = [_at_pointer(detail, path) for detail, path in exc.errors]
        raise UnprocessableContent(errors) from exc.__cause__


def convert_fields(fields: ImmutableMultiDict[str, Any], kind: Any, place: Literal["parameter", "field"]) -> Any:
    """Return the fields of a query or form as `kind`: the last value of each, all of them where it is a list."""
    from ._converters import Mismatch, converter_for

    converter = converter_for(kind)
    given = {name: fields.getlist(name) if converter.is_list(name) else fields[name] for name in fields}
    try:
        return converter.from_strings(given)
    except Mismatch as exc:
        errors = [
            {"detail": detail, place: f"{path[0]}"[:_LONGEST_POINTER]} if path else {"detail": detail}
            for detail, path in exc.errors
        ]
        raise UnprocessableContent(errors) from exc.__cause__


def _at_pointer(detail: str, path: tuple[str | int, ...]) -> dict[str, str]:
    # Each part is cut first: a hundred errors in one member would escape its name a hundred times.
    names = [f"{part}"[:_LONGEST_POINTER].replace("~", "~0").replace("/", "~1") for part in path]
    parts = [quote(name, safe="~", errors="replace") for name in names]
    return {"detail": detail, "pointer": "#" + "".join(f"/{part}" for part in parts)[:_LONGEST_POINTER]}


def _summary(error: dict[str, str]) -> str:
    place = error.get("pointer", "")[1:] or error.get("parameter") or error.get("field")
    return f"{place}: {error['detail']}" if place else error["detail"]
