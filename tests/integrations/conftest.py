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
