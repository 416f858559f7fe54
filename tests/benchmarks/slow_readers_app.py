"""A file response alone, for the measurement of slow readers: `ours` and `starlette`."""

from __future__ import annotations

import os
from typing import Any

FILE = os.environ.get("SLOW_READERS_FILE", __file__)


async def ours(scope: Any, receive: Any, send: Any) -> None:
    """Serve the file with asgi_requests."""
    from asgi_requests.files import FileResponse

    if scope["type"] == "http":
        await FileResponse(FILE)(scope, receive, send)


async def starlette(scope: Any, receive: Any, send: Any) -> None:
    """Serve the file with Starlette."""
    from starlette.responses import FileResponse

    if scope["type"] == "http":
        await FileResponse(FILE)(scope, receive, send)
