"""Async tests run on asyncio and on trio; a folder that cannot do both says so in its own conftest."""

from __future__ import annotations

import zlib

import pytest

# Every middleware by every rule, and in front of every framework: thousands of combinations of the same code.
MATRICES = ("contract/test_battery_", "foreign/test_middleware_")
SLICE = 6


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return request.param


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a matrix one combination in six runs by default, the same ones always; `-m whole` runs the others."""
    for item in items:
        in_a_matrix = "[" in item.nodeid and any(part in item.nodeid for part in MATRICES)
        if in_a_matrix and zlib.crc32(item.nodeid.encode()) % SLICE:
            item.add_marker("whole")
