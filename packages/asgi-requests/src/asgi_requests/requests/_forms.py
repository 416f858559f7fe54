"""The form of a request: which parser reads it, and what other readers of the same `receive` have made of it.

Rule: a form is parsed once for every Request over one `receive`; where another parser must not see the body, it is
claimed until it is whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from .._bodies import Recall
from .._body import UNKNOWN, SharedBody
from .._chunks import Chunks
from .._query import split_form
from ..headers import Headers
from ..multidict import FormData

if TYPE_CHECKING:
    from .request import Request

Limits = tuple[float, float, int]
"""The most files, the most fields, and the most bytes of a field."""

# A form that arrives in pieces is kept up to so many bytes before its fields are counted.
_SMALL = 64 * 1024

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


def media_type_of(content_type: str) -> str:
    """Return the lower-case media type of a Content-Type, without its parameters."""
    return content_type if content_type == URLENCODED else content_type.partition(";")[0].strip(" \t").lower()


async def parse_form(request: Request[Any], limits: Limits) -> FormData:
    """Parse the form, or take the one that another Request has parsed; another media type is an empty form."""
    content_type = request.headers.get("content-type", "")
    if media_type_of(content_type) not in (URLENCODED, MULTIPART):
        return FormData()
    shared, late = request._shared(), isinstance(request._receive, Recall)
    if shared.is_claimed:
        shared, late = await request._wait_for_reader(shared), True
    own: bytes | None = getattr(request, "_body", None)
    if request._streams_in_its_own_way() or (own is not None and own is not shared.body):
        return await _parse(request.headers, request.stream(), limits)
    if shared.form is None:
        if shared.body is None:
            if request._stream_consumed:
                raise RuntimeError("Stream consumed")
            # Not even this request's own stream may have begun: the rest of a form is another form.
            if not shared.has_rest_for(None, late=late):
                return FormData()
        shared.exclusive = True
        try:
            shared.form = await _parse_shared(request, shared, content_type, limits)
        except BaseException:
            # What the parser has taken is lost: the rest must not pass for the body.
            if shared.is_taken_by(request):
                shared.taker = UNKNOWN
            raise
        finally:
            shared.release()
    request._stream_consumed = True
    return shared.form


async def _parse_shared(request: Request[Any], shared: SharedBody, content_type: str, limits: Limits) -> FormData:
    first = shared.body
    if media_type_of(content_type) == URLENCODED:
        if first is None:
            first = await shared.first_chunk(request) or b""
            if not shared.consumed:
                first = await _gather(first, shared)
        # Most forms are small and are split at once; the parser is for those that are not, or may be refused.
        if shared.consumed or shared.body is not None:
            pairs = split_form(first, _codec(content_type), limits[1], limits[2])
            if pairs is not None:
                return FormData.from_pairs(pairs)
    return await _parse(request.headers, shared.chunks(request, first), limits)


async def _gather(first: bytes, shared: SharedBody) -> bytes:
    # Granian and hypercorn send the end of a body in a message of its own, which is empty.
    kept = Chunks()
    kept.append(first)
    while not shared.consumed and kept.size < _SMALL:
        kept.append(await shared.next_chunk() or b"")
    return kept.join()


def _codec(content_type: str) -> str:
    if ";" not in content_type:
        return "utf-8"
    from .._charset import text_codec

    return text_codec(content_type)


async def _parse(headers: Headers, stream: AsyncIterator[bytes], limits: Limits) -> FormData:
    max_files, max_fields, max_part_size = limits
    if media_type_of(headers.get("content-type", "")) == URLENCODED:
        from .._urlencoded import FormParser

        return await FormParser(headers, stream, max_fields=max_fields, max_part_size=max_part_size).parse()
    from ..forms import MultiPartParser

    return await MultiPartParser(
        headers, stream, max_files=max_files, max_fields=max_fields, max_part_size=max_part_size
    ).parse()
