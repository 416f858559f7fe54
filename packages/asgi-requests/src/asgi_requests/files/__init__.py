"""Files as responses: ranges, validators, conditional requests (RFC 9110 §13 and §14).

    from asgi_requests import FileResponse

    async def app(scope, receive, send):
        await FileResponse("report.pdf", filename="Bericht März.pdf")(scope, receive, send)

Two parts of it serve any response: `evaluate_preconditions(scope, etag='"v1"')` decides on 304 and 412, and
`content_disposition("Bericht März.pdf")` is the value of a header.
"""

from .conditional import evaluate_preconditions
from .disposition import content_disposition
from .ranges import MalformedRangeHeader, RangeNotSatisfiable, parse_range_header
from .response import FileResponse

__all__ = [
    "FileResponse",
    "MalformedRangeHeader",
    "RangeNotSatisfiable",
    "content_disposition",
    "evaluate_preconditions",
    "parse_range_header",
]
