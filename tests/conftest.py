"""Async tests run on asyncio and on trio; a folder that cannot do both has a conftest of its own."""

from __future__ import annotations

import gc
import os
import sys
import zlib
from collections.abc import Generator
from contextlib import suppress

import pytest

with suppress(ImportError):  # the tests of the site and of releases do without
    from hypothesis import HealthCheck, settings

    # The same examples in every run, however slow the machine is: random ones are for tests/fuzz, which prints a seed.
    settings.register_profile(
        "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("repeatable")

# Every middleware by every rule, and in front of every framework: thousands of combinations of the same code.
MATRICES = ("contract/test_conformance_", "integrations/test_middleware_")
SLICE = 6
# Type checkers, browsers, other projects' software, consoles: seconds each, and no code that other tests do not cover.
SLOW = (
    "contract/test_any_application_type_checks",
    "docs/test_consoles",
    "integrations/test_compat_foreign",
    "integrations/test_mcp_server",
    "integrations/test_testclient_schemathesis",
    "servers/test_browser",
    "servers/test_live_server_browser",
    "servers/test_many_connections",
    "servers/test_protection",
    "servers/test_static_resume.py::test_a_browser",
    "testclient/test_types",
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


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave the collected tests out of every garbage collection: millions of objects, which live to the end anyway."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_sessionfinish() -> None:
    """Write what coverage has measured: pytest-xdist kills a worker that takes ten seconds to exit, and what it would write."""
    if (coverage := sys.modules.get("coverage")) and (measured := coverage.Coverage.current()):
        measured.save()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are processors: many tests wait for a server that starts or ends."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) + 1
