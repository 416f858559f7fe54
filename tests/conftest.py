"""Async tests run on asyncio and on trio; a folder that cannot do both says so in its own conftest."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return request.param
