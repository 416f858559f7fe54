"""The pinboard as `server module:app` wants it, its data in the folder that PINBOARD names."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from board import build


class OpenedByTheFirst:
    """Runs the lifespan of an application on a server that knows none (daphne): begun with the first request."""

    def __init__(self, app: Any) -> None:
        self.app, self.state, self.task = app, {}, None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.task is None:
            self.started = asyncio.Event()
            self.task = asyncio.create_task(self.live())
        await self.started.wait()
        await self.app({**scope, "state": dict(self.state)}, receive, send)

    async def live(self) -> None:
        begin = iter([{"type": "lifespan.startup"}])

        async def receive() -> dict[str, str]:
            for message in begin:
                return message
            return await asyncio.get_running_loop().create_future()

        async def send(message: dict[str, str]) -> None:
            self.started.set()

        await self.app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": self.state}, receive, send)


app: Any = build(Path(os.environ["PINBOARD"]), redis=os.environ.get("PINBOARD_REDIS"))
if "daphne" in sys.modules:
    app = OpenedByTheFirst(app)
