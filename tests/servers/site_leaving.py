"""An application whose start is left by an exit, a cancellation or a group of both, as LEAVES_WITH says."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

from asgi_framework import App

WAYS = {
    "SystemExit": SystemExit("no database configured"),
    "CancelledError": asyncio.CancelledError(),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "BaseExceptionGroup": BaseExceptionGroup("a task group", [SystemExit(1), ValueError("no database")]),
}


@contextlib.asynccontextmanager
async def lifespan(app: App) -> AsyncIterator[None]:
    raise WAYS[os.environ["LEAVES_WITH"]]
    yield


app = App(lifespan=lifespan)
