"""The files that are generated from others are fresh."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "packages" / "asgi-testclient" / "unasync.py"


pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="the generator is in the repository")


@pytest.fixture
def unasync() -> ModuleType:
    spec: Any = importlib.util.spec_from_file_location("unasync", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_synchronous_client_is_what_the_asynchronous_one_makes_it(unasync: ModuleType) -> None:
    for path, text in unasync.generated().items():
        assert path.read_text() == text, f"{path} is stale: hatch run unasync"


def test_nothing_else_is_in_the_generated_folder(unasync: ModuleType) -> None:
    folder = unasync.PACKAGE / "_clients" / "_sync"
    assert set(folder.glob("*.py")) == {path for path in unasync.generated() if path.parent == folder}


def test_no_word_of_the_asynchronous_client_is_left(unasync: ModuleType) -> None:
    for path in (unasync.PACKAGE / "_clients" / "_sync").glob("*.py"):
        code = path.read_text().partition("\n")[2]
        assert not {"async", "await", "Async", "Task"} & set(code.replace("(", " ").replace(".", " ").split()), path
