"""A pytest plugin: these packages stand in for Starlette, and nothing of Starlette's own is loaded."""

from __future__ import annotations

import sys
from pathlib import Path

from asgi_framework.compat import install_as_starlette

install_as_starlette()


def pytest_sessionfinish() -> None:
    """Fail where a module of the real one was imported."""
    files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    theirs = [file for file in files if "starlette" in Path(file).parts]
    assert not theirs, theirs
    assert "starlette" in sys.modules
