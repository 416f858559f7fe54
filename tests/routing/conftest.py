"""Endpoints that answer with their name and keep the scope they saw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


class Endpoint:
    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[dict[str, Any]] = []

    def __repr__(self) -> str:
        return self.name

    async def __call__(self, scope, receive, send) -> None:
        self.seen.append(dict(scope))
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": self.name.encode()})


@pytest.fixture
def endpoint() -> Callable[[str], Endpoint]:
    return Endpoint
