"""Async tests run on asyncio and on trio; a folder that cannot do both has a conftest of its own."""

from __future__ import annotations

import gc
import sys
import zlib

import pytest

# Every middleware by every rule, and in front of every framework: thousands of combinations of the same code.
MATRICES = ("contract/test_conformance_", "integrations/test_middleware_")
SLICE = 6
# Other projects' software, consoles, thousands of connections: seconds each, and no code that other tests do not cover.
SLOW = (
    "docs/test_consoles",
    "integrations/test_compat_foreign",
    "integrations/test_mcp_server",
    "integrations/test_testclient_schemathesis",
    "servers/test_many_connections",
)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return request.param


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a matrix one combination in six runs by default, always the same; `-m whole` runs the rest and what is slow."""
    for item in items:
        in_a_matrix = "[" in item.nodeid and any(part in item.nodeid for part in MATRICES)
        is_slow = any(part in item.nodeid for part in SLOW)
        if is_slow or (in_a_matrix and zlib.crc32(item.nodeid.encode()) % SLICE):
            item.add_marker("whole")


def pytest_collection_finish() -> None:
    """Leave the collected tests out of every garbage collection: millions of objects, which live to the end anyway."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Write what coverage has measured: pytest-xdist kills a worker that takes ten seconds to exit, and what it would write."""
    if (coverage := sys.modules.get("coverage")) and (measured := coverage.Coverage.current()):
        measured.save()
