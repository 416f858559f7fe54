"""Every public name is used by an example that runs, and every example is one that runs."""

from __future__ import annotations

import importlib
import inspect
import re
import typing

import pytest

from documented import PAGES, ROOT, docstring_examples, examples, objects_used, public_modules, public_names

PACKAGES = sorted(path.name for path in ROOT.glob("packages/*"))
STATUS = "asgi_requests.status"  # a table of numbers: one of them stands for all
WITHOUT_EXAMPLE = {
    "__version__": "a string",
    "MultipartPart": "Starlette's name for a part while it is parsed; nothing hands one out",
    "SpooledTemporaryFile": "the standard library's, where programs for Starlette replace it",
}


def key(value: object) -> object:
    """Return what is equal for two names of one object; constants and aliases of types are distinguished by their repr."""
    return id(value) if inspect.isclass(value) or inspect.isroutine(value) else repr(value)


@pytest.fixture(scope="module")
def used():
    found: list[object] = []
    for page in PAGES:
        found += objects_used([block for block, _ in examples(page)])
    for package in PACKAGES:
        for blocks in docstring_examples(package).values():
            found += objects_used(blocks)
    return {key(value) for value in found}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_has_an_example(package, used):
    (source,) = (ROOT / "packages" / package / "src").iterdir()
    missing = []
    for module_name in public_modules(source):
        module = importlib.import_module(module_name)
        for name in public_names(module):
            value = getattr(module, name)
            is_variable = isinstance(value, typing.TypeVar | typing.ParamSpec | typing.TypeVarTuple)
            if is_variable or name in WITHOUT_EXAMPLE or module_name == STATUS:
                continue
            is_fixture = isinstance(value, type(pytest.fixture(lambda: None)))
            if (repr(name) if is_fixture else key(value)) not in used:
                missing.append(f"{module_name}.{name}")
    assert missing == []


def test_no_python_block_is_passed_over():
    passed_over = []
    for page in PAGES:
        text = page.read_text()
        fences = re.findall(
            r"^.*(?:```|~~~)[ \t]*(?:py|python3?|pycon|ipython)\b.*$", text, re.MULTILINE | re.IGNORECASE
        )
        outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
        indented = re.findall(
            r"^ {4,}(?:from \w+ import|import \w|def |class |@|>>>|\w+ = \w+[.(]).*$", outside, re.MULTILINE
        )
        passed_over += [(page.name, line) for line in fences if not line.startswith("```python")]
        passed_over += [(page.name, line) for line in indented]
    assert passed_over == []
