"""`static` in front of other frameworks: files are served, and all else is as without; Django's by its settings."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from asgi_requests.staticfiles import django_static, static
from asgi_testclient import Lint
from integrations.with_middleware import PAGES, SITES, STACKS, call_bare, page_scope
from raw_asgi import Reply, http_scope, request

PLAIN = STACKS[0]
SCRIPT = b"let answer = 42;\n" * 20


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    (tmp_path / "app.27e20196a850.js").write_bytes(SCRIPT)
    (tmp_path / "app.27e20196a850.js.gz").write_bytes(gzip.compress(SCRIPT))
    return tmp_path


@pytest.mark.parametrize("site", SITES)
async def test_files_are_served_and_pages_are_as_without(site: str, dist: Path) -> None:
    pytest.importorskip(site, reason=f"needs {site}: pip install {SITES[site]}")
    app = import_module(f"integrations.site_{site}").create()
    front = Lint(static(app, dist, "/static"), ignore=["W01", "W02"])
    scope = http_scope("GET", "/static/app.27e20196a850.js", headers=[(b"accept-encoding", b"gzip")])
    reply = await call_bare(front, scope)
    assert reply.status == 200
    assert gzip.decompress(reply.body) == SCRIPT
    assert reply.header("cache-control") == "public, max-age=31536000, immutable"
    for page in PAGES:
        plain = await call_bare(app, page_scope(PLAIN, page), page[3])
        reply = await call_bare(front, page_scope(PLAIN, page), page[3])
        assert (reply.status, reply.body) == (plain.status, plain.body), page[:2]
    missing = http_scope("GET", "/static/nothing.js")
    assert (await call_bare(front, missing)).status == (await call_bare(app, http_scope("GET", "/nothing.js"))).status


@pytest.fixture
def collected(tmp_path: Path) -> Iterator[Path]:
    """A Django project whose files have been collected by its storage with a manifest."""
    pytest.importorskip("django", reason="needs Django: pip install Django")
    import_module("integrations.site_django")
    from django.core.management import call_command
    from django.test.utils import override_settings

    source, root = tmp_path / "source", tmp_path / "root"
    source.mkdir()
    (source / "app.js").write_bytes(SCRIPT)
    changes: dict[str, Any] = {
        "INSTALLED_APPS": ["django.contrib.staticfiles"],
        "STATIC_ROOT": str(root),
        "STATIC_URL": "https://cdn.example/assets/",
        "STATICFILES_DIRS": [str(source)],
        "STORAGES": {
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
        },
    }
    with override_settings(**changes):
        call_command("collectstatic", interactive=False, verbosity=0)
        yield root


def hashed(root: Path) -> str:
    return next(path.name for path in root.iterdir() if path.name.count(".") == 2 and path.suffix == ".js")


async def behind(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"Django's"})


async def asked(app: Any, path: str) -> Reply:
    return await request(app, path=path)


async def test_djangos_settings_say_where_files_are_and_which_are_immutable(collected: Path) -> None:
    app = django_static(behind)
    reply = await asked(app, f"/assets/{hashed(collected)}")
    assert (reply.status, reply.body) == (200, SCRIPT)
    assert reply.header("cache-control") == "public, max-age=31536000, immutable"
    reply = await asked(app, "/assets/app.js")
    assert (reply.status, reply.header("cache-control")) == (200, None)
    assert (await asked(app, "/assets/nothing.js")).text == "Django's"
    assert (await asked(app, "/elsewhere")).text == "Django's"


async def test_a_script_name_is_not_part_of_the_path(collected: Path) -> None:
    from django.test.utils import override_settings

    with override_settings(FORCE_SCRIPT_NAME="/shop/", STATIC_URL="/shop/assets/", DEBUG=True):
        app = django_static(behind)
    scope = http_scope("GET", "/shop/assets/app.js", root_path="/shop")
    assert (await call_bare(app, scope)).body == SCRIPT


async def test_what_is_missing_in_the_settings_is_named(collected: Path) -> None:
    from django.test.utils import override_settings

    with (
        override_settings(STATIC_ROOT=None),
        pytest.raises(ValueError, match=r"django_static needs settings\.STATIC_ROOT, which is not set"),
    ):
        django_static(behind)
    missing = str(collected / "nowhere")
    with override_settings(STATIC_ROOT=missing), pytest.warns(UserWarning, match=r"run manage\.py collectstatic"):
        app = django_static(behind)
    assert (await asked(app, "/assets/app.js")).text == "Django's"
