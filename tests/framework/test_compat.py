"""install_as_starlette: the objects of these packages under Starlette's names."""

from __future__ import annotations

import codecs
import email.utils
import importlib
import inspect
import mimetypes
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from unittest import mock

import pytest

import asgi_framework
import asgi_framework.middleware
import asgi_framework.routing
import asgi_requests.files
import asgi_requests.forms
import asgi_requests.requests
import asgi_requests.responses
from asgi_framework import App, Middleware, Mount, PlainTextResponse, Route
from asgi_framework.compat import install_as_starlette
from asgi_framework.compat._contents import MODULES
from asgi_framework.compat._library import LIBRARY
from raw_asgi import request


def run(source, *arguments, check=True):
    """A program of its own, with the sources of this one on its path."""
    program = textwrap.dedent(source)
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


def test_the_objects_are_the_very_same(starlette):
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    assert Request is asgi_requests.requests.Request
    assert Response is asgi_requests.responses.Response
    assert Route is asgi_framework.routing.Route


async def test_redirects_are_absolute_and_the_application_has_its_name(starlette):
    from starlette.applications import Starlette

    for make, origin in ((Starlette, "http://e.org"), (App, "")):
        app = make(routes=[Route("/here/", index), Mount("/sub", routes=[Route("/here/", index)])])
        assert isinstance(app, App)
        for path in ("/here", "/sub/here"):
            reply = await request(app, path=path, headers=[(b"host", b"e.org")])
            assert reply.header("location") == f"{origin}{path}/"
    assert Starlette.__name__ == "Starlette"


def index(request): ...


async def test_static_files_raise_for_a_middleware_that_serves_something_else_instead(starlette, tmp_path):
    from starlette.exceptions import HTTPException
    from starlette.staticfiles import StaticFiles

    class StaticFirst:
        def __init__(self, app):
            self.app, self.static = app, StaticFiles(directory=tmp_path)

        async def __call__(self, scope, receive, send):
            try:
                await self.static(scope, receive, send)
            except HTTPException:
                await self.app(scope, receive, send)

    (tmp_path / "file").write_text("static")
    app = App(
        routes=[Route("/{path}", lambda request: PlainTextResponse("dynamic"))], middleware=[Middleware(StaticFirst)]
    )
    assert [(await request(app, path=path)).text for path in ("/file", "/other")] == ["static", "dynamic"]


async def test_a_middleware_of_the_stack_may_be_replaced_where_it_is_used(starlette, monkeypatch):
    from starlette import applications

    class Marked(applications.ServerErrorMiddleware):
        async def __call__(self, scope, receive, send):
            scope["marked"] = True
            await super().__call__(scope, receive, send)

    monkeypatch.setattr(applications, "ServerErrorMiddleware", Marked)
    app = applications.Starlette(routes=[Route("/", lambda request: PlainTextResponse(f"{request.scope['marked']}"))])
    assert (await request(app)).text == "True"


def test_a_second_call_does_nothing(starlette):
    finders = sys.meta_path[:]
    install_as_starlette()
    assert sys.meta_path == finders
    assert importlib.import_module("starlette") is starlette


def test_importing_a_module_imports_nothing_of_ours():
    run(
        """
        import sys
        from asgi_framework.compat import install_as_starlette
        install_as_starlette()
        import starlette.requests, starlette.middleware.wsgi, starlette.schemas, starlette.formparsers
        loaded = {"asgi_requests.requests", "asgi_middleware.wsgi", "jinja2", "yaml", "python_multipart", "httpx2"}
        assert not loaded & set(sys.modules), loaded & set(sys.modules)
        starlette.requests.Request
        assert "asgi_requests.requests" in sys.modules
        """
    )


@pytest.mark.parametrize(
    ("module", "missing", "extra"),
    [("templating", "jinja2", "templates"), ("testclient", "asgi_testclient", "testclient")],
)
def test_a_module_that_needs_an_extra_names_it_when_it_is_imported(starlette, monkeypatch, module, missing, extra):
    for name in list(sys.modules):
        if name.startswith((missing, "asgi_framework.testclient", "asgi_requests.templating")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=rf"\[{extra}\]"):
        importlib.import_module(f"starlette.{module}")
    with pytest.raises(ImportError, match=rf"\[{extra}\]"):
        exec(f"from starlette import {module}")
    assert not hasattr(starlette, module)


def test_modules_look_like_modules(starlette):
    from starlette import requests, status

    assert starlette.__version__.startswith("1.")
    assert starlette.__path__ == []
    assert isinstance(requests, ModuleType)
    assert inspect.ismodule(requests)
    assert repr(requests) == "<module 'starlette.requests' from asgi_framework>"
    assert requests.__spec__.name == requests.__name__ == "starlette.requests"
    assert requests.__package__ == "starlette"
    assert Path(requests.__file__).is_file()
    assert starlette.requests is requests
    assert "Request" in dir(requests)
    assert set(requests.__all__) < set(dir(requests))
    assert status.HTTP_200_OK == 200
    assert importlib.reload(requests) is requests
    assert not hasattr(requests, "__path__")


def test_a_name_that_was_never_there_is_an_attribute_error(starlette):
    with pytest.raises(AttributeError, match=r"^module 'starlette' has no attribute 'nothing'$"):
        _ = starlette.nothing
    with pytest.raises(ImportError, match="cannot import name 'nothing' from 'starlette.requests'"):
        from starlette.requests import nothing  # noqa: F401
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("starlette.nothing")


def test_what_is_left_out_says_why(starlette):
    from starlette import testclient

    with pytest.raises(AttributeError, match="has no attribute '_Upgrade': .*asgi_testclient"):
        _ = testclient._Upgrade


def test_everything_can_be_imported_at_once(starlette):
    names: dict[str, object] = {}
    exec("from starlette.datastructures import *\nfrom starlette.status import *", names)
    assert {"URL", "Headers", "HTTP_404_NOT_FOUND"} < set(names)
    assert not any(name.startswith("_") and name != "__builtins__" for name in names)


def test_deprecated_constants_warn_as_there(starlette):
    from starlette import status
    from starlette.exceptions import StarletteDeprecationWarning

    with pytest.warns(StarletteDeprecationWarning, match="HTTP_413_CONTENT_TOO_LARGE"):
        assert status.HTTP_413_REQUEST_ENTITY_TOO_LARGE == 413


def test_vars_are_a_dict_of_every_name(starlette):
    from starlette import formparsers

    names = vars(formparsers)
    assert isinstance(names, dict)
    assert names["FormParser"] is asgi_requests.forms.FormParser
    assert {"FormParser", "__name__", "__file__", "SpooledTemporaryFile", "codecs"} <= set(names)
    assert "nothing" not in names
    assert type(names | {}) is type(names.copy()) is dict
    assert names | {"a": 1} == {**names, "a": 1}
    assert inspect.getmembers(formparsers, inspect.isclass)


def test_vars_of_every_module_warn_of_nothing_and_leave_out_what_is_not_installed(starlette, monkeypatch):
    monkeypatch.setitem(sys.modules, "python_multipart.exceptions", None)
    from starlette import formparsers, status

    assert "FormParserError" not in vars(formparsers)
    assert "HTTP_413_REQUEST_ENTITY_TOO_LARGE" not in vars(status)
    assert vars(status)["HTTP_200_OK"] == 200


def test_vars_leave_out_what_has_been_deleted(starlette, monkeypatch):
    from starlette import formparsers

    monkeypatch.delattr(formparsers, "FormParser")
    assert "FormParser" not in vars(formparsers)
    assert not hasattr(asgi_requests.forms, "FormParser")


def test_what_is_changed_in_vars_is_changed(starlette):
    from starlette import formparsers

    original, names = asgi_requests.forms.FormParser, vars(formparsers)
    with mock.patch.dict(vars(formparsers), {"FormParser": "patched", "mine": 1}):
        assert (asgi_requests.forms.FormParser, formparsers.mine) == ("patched", 1)
    assert asgi_requests.forms.FormParser is original
    assert not hasattr(formparsers, "mine")
    assert vars(formparsers) == names
    assert names.setdefault("FormParser") is original
    assert names.setdefault("mine", 1) == formparsers.mine == 1
    names |= {"mine": 2}
    assert formparsers.mine == 2
    names.update([("mine", 3)], other=4)
    assert (formparsers.mine, formparsers.other) == (3, 4)
    assert names.popitem() == ("other", 4)
    assert names.pop("mine") == 3
    assert names.pop("mine", None) is None
    assert not hasattr(formparsers, "mine")
    assert not hasattr(formparsers, "other")
    del names["codecs"]
    assert formparsers.codecs is codecs
    with pytest.raises(KeyError):
        names.pop("nothing")


def test_names_that_starlette_imports_are_there_too(starlette, monkeypatch):
    from starlette import requests, responses
    from starlette.responses import anyio, formatdate, guess_type, json, os

    assert (anyio.__name__, json.__name__, os.__name__) == ("anyio", "json", "os")
    assert guess_type is mimetypes.guess_type
    assert formatdate is email.utils.formatdate
    assert requests.http_cookies.SimpleCookie
    assert "guess_type" in dir(responses)
    assert "guess_type" not in responses.__all__
    monkeypatch.setattr(responses, "guess_type", "patched")
    assert responses.guess_type == "patched"
    monkeypatch.undo()
    assert responses.guess_type is mimetypes.guess_type is not None


def test_a_name_that_starlette_imports_from_what_is_not_installed_is_an_attribute_error(starlette, monkeypatch):
    from starlette import schemas

    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(AttributeError, match="'starlette.schemas' has no attribute 'yaml': yaml cannot be imported"):
        _ = schemas.yaml


@pytest.mark.filterwarnings("ignore:'HTTP_.*' is deprecated")
@pytest.mark.parametrize("module", [*MODULES])
def test_every_name_is_found_where_it_is_said_to_live(starlette, module):
    alias = importlib.import_module(module)
    for name in {**LIBRARY.get(module, {}), **MODULES[module]}:
        assert hasattr(alias, name), name


def test_submodules_are_attributes_of_their_package(starlette):
    assert starlette.middleware.cors.CORSMiddleware is importlib.import_module("asgi_middleware.cors").CORSMiddleware


def test_what_is_set_under_one_name_is_set_under_the_other(starlette):
    from starlette import formparsers

    original = asgi_requests.forms.SpooledTemporaryFile
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("starlette.formparsers.SpooledTemporaryFile", "first")
        patch.setattr(formparsers, "SpooledTemporaryFile", "second")
        assert asgi_requests.forms.SpooledTemporaryFile == "second"
        patch.setattr(asgi_requests.forms, "SpooledTemporaryFile", "third")
        assert formparsers.SpooledTemporaryFile == "third"
    assert formparsers.SpooledTemporaryFile is asgi_requests.forms.SpooledTemporaryFile is original
    with mock.patch("starlette.formparsers.SpooledTemporaryFile") as fake:
        assert asgi_requests.forms.SpooledTemporaryFile is fake
    assert asgi_requests.forms.SpooledTemporaryFile is original


def test_a_method_is_patched_for_both(starlette, monkeypatch):
    monkeypatch.setattr("starlette.responses.FileResponse.set_stat_headers", "patched")
    assert asgi_requests.files.FileResponse.set_stat_headers == "patched"


def test_a_route_uses_the_request_response_that_is_set(starlette, monkeypatch):
    from starlette import routing

    monkeypatch.setattr(routing, "request_response", lambda endpoint: ("adapted", endpoint))

    def index(request): ...

    assert routing.Route("/", index).app == ("adapted", index)


def test_a_module_may_be_given_names_of_its_own(starlette):
    from starlette import requests

    requests.mine = 1
    assert vars(requests)["mine"] == requests.mine == 1
    assert not hasattr(asgi_requests.requests, "mine")
    del requests.mine
    with pytest.raises(AttributeError):
        del requests.mine


def test_objects_are_pickled_and_found_by_either_name(starlette):
    from starlette.datastructures import URL, State

    assert pickle.loads(pickle.dumps(URL("/a"))) == URL("/a")
    assert pickle.loads(b"cstarlette.datastructures\nState\n.") is State


def test_it_is_refused_where_starlette_is_imported_already(without_starlette, tmp_path, monkeypatch):
    package = tmp_path / "starlette"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "requests.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("starlette.requests")
    with pytest.raises(RuntimeError, match=r"already imported \(starlette, starlette\.requests; .*before the first"):
        install_as_starlette()
    assert sys.modules["starlette"].__file__ == str(package / "__init__.py")


def test_a_package_of_that_name_may_call_it(without_starlette, tmp_path, monkeypatch):
    package = tmp_path / "starlette"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from asgi_framework.compat import install_as_starlette\n\ninstall_as_starlette()\n"
    )
    (package / "extra.py").write_text("HERE = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    import starlette
    import starlette.extra
    from starlette.requests import Request

    assert Request is asgi_requests.requests.Request
    assert starlette.__version__.startswith("1.")
    assert starlette.__file__ == str(package / "__init__.py")
    assert starlette.extra.HERE
    install_as_starlette()
    assert importlib.reload(starlette) is starlette
