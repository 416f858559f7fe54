"""Public names that a package imports when they are first used behave as if they had been imported at once."""

from __future__ import annotations

import importlib
import inspect
import pickle
import subprocess

import pytest

IN_THREADS = """
import sys, threading
sys.setswitchinterval(1e-6)
import {module} as package
found, start = [], threading.Barrier(8)

def read():
    start.wait()
    found.append([getattr(package, name) for name in package.__all__])

threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(found) == 8
assert all(a is b for names in found for a, b in zip(names, found[0], strict=True))
"""


def test_an_unknown_name_is_an_attribute_error(package):
    module = importlib.import_module(package.module)
    with pytest.raises(AttributeError, match=f"^module '{package.module}' has no attribute 'Nothing'$"):
        module.Nothing
    with pytest.raises(ImportError, match="^cannot import name 'Nothing'"):
        exec(f"from {package.module} import Nothing")


def test_a_star_imports_every_public_name(package):
    names: dict[str, object] = {}
    exec(f"from {package.module} import *", names)
    module = importlib.import_module(package.module)
    assert {name: names[name] for name in module.__all__} == {name: getattr(module, name) for name in module.__all__}


def test_classes_and_functions_can_be_pickled_and_inspected(package):
    module = importlib.import_module(package.module)
    found = {name: getattr(module, name) for name in module.__all__}
    public = {name: value for name, value in found.items() if inspect.isclass(value) or inspect.isfunction(value)}
    assert public
    for name, value in public.items():
        assert pickle.loads(pickle.dumps(value)) is value, name
        assert inspect.getsourcefile(value), name
    assert {name for name, _ in inspect.getmembers(module)} >= {*module.__all__}


def test_threads_that_read_a_name_first_get_one_object(package, python):
    subprocess.run([python, "-c", IN_THREADS.format(module=package.module)], timeout=110, check=True)
