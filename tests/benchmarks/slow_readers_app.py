"""A file response alone, for the measurement of slow readers: `ours` and `starlette`."""

from __future__ import annotations

import ctypes
import gc
import os
from typing import Any

FILE = os.environ.get("SLOW_READERS_FILE", __file__)


async def trim(send: Any) -> None:
    """Give the pages that are free back to the system."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


async def ours(scope: Any, receive: Any, send: Any) -> None:
    """Serve the file with asgi_requests."""
    from asgi_requests.files import FileResponse

    if scope["path"] == "/trim":
        await trim(send)
    elif scope["type"] == "http":
        await FileResponse(FILE)(scope, receive, send)


async def starlette(scope: Any, receive: Any, send: Any) -> None:
    """Serve the file with Starlette."""
    from starlette.responses import FileResponse

    if scope["path"] == "/trim":
        await trim(send)
    elif scope["type"] == "http":
        await FileResponse(FILE)(scope, receive, send)
