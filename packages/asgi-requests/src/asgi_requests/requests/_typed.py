"""The body of a request as a type: what `type=` adds to reading JSON and forms."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from .._converters import UNREAD, converter_for
from .._json import CODEC_KEY
from ..exceptions import HTTPException
from ..jsoncodec import reads_plain_json
from ..multidict import FormData
from ..typed import convert_fields, convert_json
from ._forms import MULTIPART, URLENCODED, media_type_of

if TYPE_CHECKING:
    from .request import Request


async def typed_json(request: Request[Any], kind: Any) -> Any:
    """Return the body as a type, from its text where one step can do that, unless a codec makes more of JSON."""
    text = await request.body() if reads_plain_json(request.scope.get(CODEC_KEY)) else None
    if text is not None and (read := converter_for(kind).from_text(text)) is not UNREAD:
        return read
    return convert_json(await request.json(), text, kind)


async def typed_form(request: Request[Any], parsing: Coroutine[Any, Any, FormData], kind: Any) -> Any:
    """Return the fields of a form as a type; its files are closed where they do not fit.

    Raises HTTPException (415) where there is no form: an empty one might fit a type whose fields have defaults.
    """
    form = await parsing
    if not form and media_type_of(request.headers.get("content-type", "")) not in (URLENCODED, MULTIPART):
        raise HTTPException(415, headers={"Accept": f"{URLENCODED}, {MULTIPART}"})
    try:
        return convert_fields(form, kind, "field")
    except BaseException:
        await request.close()
        raise
