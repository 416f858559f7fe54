"""Files as answers: ranges, validators, conditional requests (RFC 9110 §13 and §14).

    async def app(scope, receive, send):
        await FileResponse("report.pdf", filename="Bericht März.pdf")(scope, receive, send)

What decides on 304 and 412 serves any response: `evaluate_preconditions(scope, etag='"v1"')`.
"""

from .conditional import evaluate_preconditions
from .ranges import MalformedRangeHeader, RangeNotSatisfiable, parse_range_header
from .response import FileResponse

__all__ = [
    "FileResponse",
    "MalformedRangeHeader",
    "RangeNotSatisfiable",
    "evaluate_preconditions",
    "parse_range_header",
]
