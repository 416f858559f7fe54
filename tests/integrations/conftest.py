"""Sites written with other frameworks, all with the same pages. They are made for asyncio, and run on it alone."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import pytest

FRAMEWORKS = {
    "django": "Django",
    "quart": "Quart",
    "fastapi": "'fastapi[standard]'",
    "litestar": "litestar",
    "falcon": "falcon",
    "sanic": "sanic",
    "blacksheep": "blacksheep",
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=FRAMEWORKS)
def site(request: pytest.FixtureRequest) -> ModuleType:
    """One site: `create()` gives its application, `events` what happened in it, `features` what it does differently."""
    name: str = request.param
    pytest.importorskip(name, reason=f"needs {name}: pip install {FRAMEWORKS[name]}")
    return import_module(f"integrations.site_{name}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Other people's software, some of it behind real servers: what fails is tried once more, and reported."""
    for item in items:
        if "foreign" in item.path.parts:
            item.add_marker(pytest.mark.flaky(reruns=1))
