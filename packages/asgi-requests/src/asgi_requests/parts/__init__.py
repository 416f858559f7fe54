"""The parts of a multipart/form-data body, streamed one after the other (RFC 7578): no temporary file, no whole file.

    from asgi_requests import DiskSink, PlainTextResponse

    async def upload(request):
        async for part in request.parts():
            if part.filename is None:
                title = await part.text()
            else:
                saved = await part.save(DiskSink("uploads", part.safe_filename), hash="sha256")
        return PlainTextResponse(f"{title}: {saved.size} bytes, {saved.hexdigest}")

Nothing is received before it is asked for, so that a client sends no faster than its parts are taken. A part that is
not read is skipped. Needs python-multipart, the extra `forms`.
"""

from __future__ import annotations

from .part import Part, SavedPart
from .reader import PartLimits, PartReader
from .sinks import DiskSink, Sink

__all__ = ["DiskSink", "Part", "PartLimits", "PartReader", "SavedPart", "Sink"]
