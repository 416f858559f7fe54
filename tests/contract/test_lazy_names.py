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
import {module} as module
found, start = [], threading.Barrier(8)

def read():
    start.wait()
    found.append([getattr(module, name) for name in module.__all__])

threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(found) == 8
assert all(a is b for names in found for a, b in zip(names, found[0], strict=True))
"""

MODULES = [
    *("asgi_requests", "asgi_routing", "asgi_middleware", "asgi_testclient", "asgi_framework"),
    *("asgi_requests.responses", "asgi_middleware.sessions", "asgi_middleware.stores"),
]
every_module = pytest.mark.parametrize("module_name", MODULES)


@every_module
def test_an_unknown_name_is_an_attribute_error(module_name):
    module = importlib.import_module(module_name)
    with pytest.raises(AttributeError, match=f"^module '{module_name}' has no attribute 'Nothing'$"):
        module.Nothing
    with pytest.raises(ImportError, match="^cannot import name 'Nothing'"):
        exec(f"from {module_name} import Nothing")


@every_module
def test_a_star_imports_every_public_name(module_name):
    names: dict[str, object] = {}
    exec(f"from {module_name} import *", names)
    module = importlib.import_module(module_name)
    assert {name: names[name] for name in module.__all__} == {name: getattr(module, name) for name in module.__all__}


@every_module
def test_classes_and_functions_can_be_pickled_and_inspected(module_name):
    module = importlib.import_module(module_name)
    found = {name: getattr(module, name) for name in module.__all__}
    public = {name: value for name, value in found.items() if inspect.isclass(value) or inspect.isfunction(value)}
    assert public
    for name, value in public.items():
        assert pickle.loads(pickle.dumps(value)) is value, name
        assert inspect.getsourcefile(value), name
    assert {name for name, _ in inspect.getmembers(module)} >= {*module.__all__}


@every_module
def test_threads_that_read_a_name_first_get_one_object(module_name, python):
    subprocess.run([python, "-c", IN_THREADS.format(module=module_name)], timeout=110, check=True)
