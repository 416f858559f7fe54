from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import asgi_requests


def imported_by(code):
    """The modules that a program adds to those of an interpreter, which may be measuring coverage."""
    program = f"import sys\nbefore = set(sys.modules)\n{code}\nprint(*set(sys.modules) - before)"
    return set(subprocess.check_output([sys.executable, "-c", program], text=True, timeout=60).split())


def test_every_name_is_there_once():
    assert len(asgi_requests.__all__) == len(set(asgi_requests.__all__))
    for name in asgi_requests.__all__:
        assert getattr(asgi_requests, name) is not None
    assert set(asgi_requests.__all__) <= set(dir(asgi_requests))


def test_a_name_is_its_modules_own():
    from asgi_requests.requests import Request

    assert asgi_requests.Request is Request
    assert asgi_requests.status.HTTP_200_OK == 200


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'asgi_requests' has no attribute 'Nothing'"):
        asgi_requests.Nothing


def test_importing_the_package_imports_nothing_else():
    assert not imported_by("import asgi_requests") & {"anyio", "jinja2", "python_multipart", "json", "inspect"}


def test_only_what_is_used_is_imported():
    used = imported_by("from asgi_requests import Request, Response, WebSocket, FormParser, HTTPException, StaticFiles")
    assert not used & {"jinja2", "python_multipart"}
    parsed = "from asgi_requests import FormParser, MultiPartParser, UploadFile"
    assert "python_multipart" not in imported_by(parsed)


@pytest.mark.parametrize("module", [m.name for m in pkgutil.iter_modules(asgi_requests.__path__)])
def test_every_module_imports_alone_and_says_what_it_is(module):
    assert (importlib.import_module(f"asgi_requests.{module}").__doc__ or "").strip()


def test_a_public_name_of_a_module_is_exported_by_the_package():
    missing = []
    for module in pkgutil.iter_modules(asgi_requests.__path__):
        if module.name.startswith("_") or module.name == "status":
            continue
        loaded = importlib.import_module(f"asgi_requests.{module.name}")
        for name, value in vars(loaded).items():
            own = isinstance(value, type) and value.__module__.startswith(loaded.__name__) and not name.startswith("_")
            if own and name not in asgi_requests.__all__:
                missing.append(f"{module.name}.{name}")
    assert missing == []
