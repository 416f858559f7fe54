"""An application that cannot start."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from asgi_framework import App


@contextlib.asynccontextmanager
async def lifespan(app: App) -> AsyncIterator[None]:
    raise RuntimeError("the database is on holiday")
    yield


app = App(lifespan=lifespan)
