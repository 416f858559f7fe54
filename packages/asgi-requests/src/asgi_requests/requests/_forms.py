"""The form of a request: which parser reads it, and what other readers of the same `receive` have made of it.

Rule: a form is parsed once for every Request over one `receive`; where another parser must not see the body, it is
claimed until it is whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from .._bodies import Recall
from .._body import UNKNOWN
from ..headers import Headers
from ..multidict import FormData

if TYPE_CHECKING:
    from .request import Request

Parser = Callable[[Headers, AsyncIterator[bytes]], Any]

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


def media_type_of(content_type: str) -> str:
    """Return the lower-case media type of a Content-Type, without its parameters."""
    return content_type if content_type == URLENCODED else content_type.partition(";")[0].strip(" \t").lower()


def form_parser(content_type: str, max_files: float, max_fields: float, max_part_size: int) -> Parser | None:
    """Return the parser of a form, to be called with headers and chunks, or None where there is no form to parse."""
    media_type = media_type_of(content_type)
    if media_type == URLENCODED:
        from .._urlencoded import FormParser

        return partial(FormParser, max_fields=max_fields, max_part_size=max_part_size)
    if media_type == MULTIPART:
        from ..forms import MultiPartParser

        return partial(MultiPartParser, max_files=max_files, max_fields=max_fields, max_part_size=max_part_size)
    return None


async def parse_form(request: Request[Any], parser: Parser) -> FormData:
    """Parse the form, or take the one that another Request has parsed."""
    shared, late = request._shared(), isinstance(request._receive, Recall)
    if shared.is_claimed:
        shared, late = await request._wait_for_reader(shared), True
    own: bytes | None = getattr(request, "_body", None)
    if request._streams_in_its_own_way() or (own is not None and own is not shared.body):
        form: FormData = await parser(request.headers, request.stream()).parse()
        return form
    if shared.form is None:
        if shared.body is None:
            if request._stream_consumed:
                raise RuntimeError("Stream consumed")
            # Not even this request's own stream may have begun: the rest of a form is another form.
            if not shared.has_rest_for(None, late=late):
                return FormData()
        shared.exclusive = True
        try:
            shared.form = await parser(request.headers, shared.chunks(request)).parse()
        except BaseException:
            # What the parser has taken is lost: the rest must not pass for the body.
            if shared.is_taken_by(request):
                shared.taker = UNKNOWN
            raise
        finally:
            shared.release()
    request._stream_consumed = True
    return shared.form
