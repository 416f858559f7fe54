"""Responses for the measurement of slow readers: of a file, `ours` and `starlette`, and of `events`."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
from functools import cache
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


async def events(scope: Any, receive: Any, send: Any) -> None:
    """Stream what is published to everyone, and publish 5,000 events of 1 KiB at /publish."""
    from asgi_requests.responses import PlainTextResponse
    from asgi_requests.sse import EventSourceResponse

    if scope["type"] != "http":
        return
    if scope["path"] == "/trim":
        await trim(send)
    elif scope["path"] == "/publish":
        for number in range(5000):
            board().publish(f"{number} ".ljust(1024, "x"))
            await asyncio.sleep(0)
        await PlainTextResponse(str(board().subscribers))(scope, receive, send)
    else:
        await EventSourceResponse(board().subscribe())(scope, receive, send)


@cache
def board() -> Any:
    """The broadcast of this process: of a reader that is behind it keeps 100 events."""
    from asgi_requests.sse import Broadcast

    return Broadcast(100, slow="drop_oldest")
