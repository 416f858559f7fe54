from __future__ import annotations

import importlib
import sys

import pytest

from asgi_framework.compat import install_as_starlette
from asgi_requests.forms import FormTooLarge


@pytest.fixture
def without_starlette():
    """A process in which nothing named starlette was imported, whatever other tests did."""

    def names():
        return [name for name in sys.modules if name.partition(".")[0] == "starlette"]

    imported = {name: sys.modules.pop(name) for name in names()}
    finders, form_status = sys.meta_path[:], FormTooLarge.status
    yield
    sys.meta_path[:], FormTooLarge.status = finders, form_status
    for name in names():
        del sys.modules[name]
    sys.modules.update(imported)


@pytest.fixture
def starlette(without_starlette):
    install_as_starlette()
    return importlib.import_module("starlette")
