"""`python -m asgi_routing`: the table of an application on the command line, for people and for programs."""

from __future__ import annotations

import functools
import json
import subprocess
import sys

import pytest

from asgi_routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute
from asgi_routing.__main__ import main
from asgi_routing.table import ListedParam, ListedRoute, list_routes

MODULE = """
from asgi_routing import Route, Router

async def app(scope, receive, send): ...

class Site:
    router = Router([Route("/a", app), Route("/a", app)])

router = Router([Route("/a/{b}", app)])
site = Site()

class Wrapping:
    def __init__(self, app):
        self.app = app

wrapped = Wrapping(Wrapping(router))
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "shop_routes.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "shop_routes"
    sys.modules.pop("shop_routes", None)


def test_the_command_prints_the_table(module, capsys):
    assert main([f"{module}:router"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["GET,HEAD", "/a/{b}", "app", "shop_routes.app"]


def test_the_command_looks_into_middleware(module, capsys):
    assert main([f"{module}:wrapped"]) == 0
    assert "/a/{b}" in capsys.readouterr().out


def test_the_command_checks_on_request(module, capsys):
    assert main([f"{module}:site.router", "--check"]) == 1
    assert "shadowed: Route(path='/a'" in capsys.readouterr().out
    assert main([f"{module}:router", "--check"]) == 0


@pytest.mark.parametrize(
    "target", ["nope", "nope:", ":app", "no_such_module:app", "shop_routes:nothing", "shop_routes:app", "sys:path"]
)
@pytest.mark.usefixtures("module")
def test_the_command_says_what_it_cannot_find(target, capsys, monkeypatch):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    with pytest.raises(SystemExit) as caught:
        main([target])
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_the_package_runs_as_a_command(tmp_path):
    (tmp_path / "shop_routes.py").write_text(MODULE)
    command = [sys.executable, "-m", "asgi_routing", "shop_routes:router"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "/a/{b}" in done.stdout


def test_the_command_prints_json(module, capsys):
    assert main([f"{module}:router", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "application": "shop_routes:router",
        "routes": [
            {
                "kind": "http",
                "host": None,
                "path": "/a/{b}",
                "path_format": "/a/{b}",
                "methods": ["GET", "HEAD"],
                "name": "app",
                "params": [{"name": "b", "convertor": "str", "in": "path"}],
                "endpoint": "shop_routes.app",
                "when": [],
            }
        ],
    }


def test_the_command_prints_findings_as_json(module, capsys):
    assert main([f"{module}:site.router", "--json", "--check"]) == 1
    (shadowed,) = json.loads(capsys.readouterr().out)["findings"]
    assert shadowed["kind"] == "shadowed"
    assert "is never reached" in shadowed["message"]
    assert main([f"{module}:router", "--json", "--check"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []


@pytest.mark.parametrize("exits", ["raise KeyError('DATABASE_URL')", "import no_such_module", "raise SystemExit(0)"])
def test_a_module_that_fails_is_an_error_with_its_traceback(exits, module, tmp_path, capsys):
    (tmp_path / "shop_routes.py").write_text(f"print('starting')\n{exits}\n")
    with pytest.raises(SystemExit) as caught:
        main([f"{module}:router", "--json"])
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "starting" in err
    assert f'shop_routes.py", line 2, in <module>\n    {exits}' in err
    assert "error: shop_routes cannot be imported: " in err


def test_what_an_application_prints_does_not_mix_with_the_json(module, tmp_path, capsys):
    (tmp_path / "shop_routes.py").write_text(f"print('starting'){MODULE}")
    assert main([f"{module}:router", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["routes"]
    assert err == "starting\n"


async def app(scope, receive, send):
    raise NotImplementedError


def wants_json(scope):
    raise NotImplementedError


class Own(BaseRoute):
    pass


class Files:
    def lookup_path(self, path):
        raise NotImplementedError


def listed(kind, path=None, **fields):
    """An entry: what is not given is as it is for a route at a static path."""
    entry = {"host": None, "path": path, "path_format": path, "methods": None, "name": None, "params": []}
    return ListedRoute(**{"kind": kind, **entry, "endpoint": f"{__name__}.app", "when": [], **fields})


def test_routes_are_listed_with_what_stands_around_them():
    inner = Router([Route("/{day:date}", app, methods=["POST"], name="day", when=wants_json), Own()])
    shop = Mount("/{shop:int}", inner, name="shop", when=functools.partial(wants_json))
    routes = [
        Host("{tenant}.example.org", Router([shop]), name="tenant"),
        WebSocketRoute("/ws", functools.partial(app), name=""),
        Mount("/files", Files(), name="files"),
        Mount("/legacy", app),
        Host("old.example.org", app),
        Own(),
    ]
    day, own, *others = list_routes(routes)
    params = [ListedParam("tenant", "str", "host"), ListedParam("shop", "int", "path")]
    assert day == listed(
        "http",
        "/{shop:int}/{day:date}",
        host="{tenant}.example.org",
        path_format="/{shop}/{day}",
        methods=["POST"],
        name="tenant:shop:day",
        params=[*params, ListedParam("day", "date", "path")],
        when=[f"{__name__}.wants_json"] * 2,
    )
    assert (own.kind, own.path, own.params, own.when) == ("other", "/{shop:int}", params, [f"{__name__}.wants_json"])
    assert others == [
        listed("websocket", "/ws"),
        listed("static", "/files", name="files", endpoint=f"{__name__}.Files"),
        listed("mount", "/legacy"),
        listed("host", "", host="old.example.org"),
        listed("other", endpoint=f"{__name__}.Own"),
    ]


def test_an_application_that_is_mounted_in_itself_is_listed_once_more():
    router = Router([Route("/a", app)])
    router.mount("/again", router)
    assert [entry.path for entry in list_routes([Mount("/m", router)])] == ["/m/a", "/m/again"]


def test_routes_of_starlette_are_listed_and_checked(capsys, tmp_path, monkeypatch):
    pytest.importorskip("starlette", reason="pip install starlette")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "starlette_shop.py").write_text(f"FILES = {str(tmp_path)!r}\n{STARLETTE}")
    assert main(["starlette_shop:app", "--json", "--check"]) == 0
    routes = json.loads(capsys.readouterr().out)["routes"]
    assert [(entry["kind"], entry["host"], entry["path"], entry["methods"], entry["name"]) for entry in routes] == [
        ("http", None, "/pages/{id:int}", ["GET", "HEAD", "POST"], "Page"),
        ("http", None, "/shops/{shop:uuid}/items", ["PUT"], "shop:item"),
        ("static", None, "/files", None, "files"),
        ("http", "{tenant}.example.org", "/", ["GET", "HEAD"], "item"),
        ("websocket", None, "/ws/{room}", None, "item"),
    ]
    assert routes[1]["params"] == [{"name": "shop", "convertor": "uuid", "in": "path"}]
    assert routes[1]["endpoint"] == "starlette_shop.item"


STARLETTE = """
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

async def item(request): ...

class Page(HTTPEndpoint):
    async def get(self, request): ...
    async def post(self, request): ...

app = Starlette(routes=[
    Route("/pages/{id:int}", Page),
    Mount("/shops/{shop:uuid}", routes=[Route("/items", item, methods=["PUT"])], name="shop"),
    Mount("/files", StaticFiles(directory=FILES), name="files"),
    Host("{tenant}.example.org", Router([Route("/", item)])),
    WebSocketRoute("/ws/{room}", item),
])
"""


def test_routes_of_fastapi_are_listed_with_those_of_its_routers():
    fastapi = pytest.importorskip("fastapi", reason="pip install fastapi")
    shop, inner = fastapi.APIRouter(prefix="/shops/{shop}"), fastapi.APIRouter()
    inner.add_api_route("/items/{id}", app, methods=["DELETE"], name="item")
    inner.add_api_websocket_route("/ws", app, name="ws")
    shop.include_router(inner)
    site = fastapi.FastAPI(openapi_url=None)
    site.include_router(shop, prefix="/v1")
    site.mount("/raw", app)
    assert [(entry.kind, entry.path, entry.methods, entry.name) for entry in list_routes([Mount("/api", site)])] == [
        ("http", "/api/v1/shops/{shop}/items/{id}", ["DELETE"], "item"),
        ("websocket", "/api/v1/shops/{shop}/ws", None, "ws"),
        ("mount", "/api/raw", None, None),
    ]
