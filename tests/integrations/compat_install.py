"""A pytest plugin: these packages stand in for Starlette, and nothing of Starlette's own is loaded."""

from __future__ import annotations

import sys
from pathlib import Path

from asgi_framework.compat import install_as_starlette

install_as_starlette()


def pytest_sessionfinish() -> None:
    """Fail where a module of the real one was imported."""
    names = [name for name in sys.modules if name.partition(".")[0] == "starlette"]
    files = {Path(sys.modules[name].__file__) for name in names}
    assert {file.parent.parent.name for file in files} == {"asgi_framework"}, files
