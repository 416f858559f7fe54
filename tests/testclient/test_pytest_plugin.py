"""The fixtures under each of the plugins that run asynchronous tests, each in a pytest of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest

from asgi_testclient import AsyncTestClient, TestClient

# pytester forgets the modules that its runs import; imported again, httptools raises exceptions of its first import.
with suppress(ImportError):
    importlib.import_module("httptools")

pytest_plugins = ["pytester"]
CLIENTS = (AsyncTestClient, TestClient)

APP = """
events = []

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        scope["state"]["name"] = "lifespan"
        for phase in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{phase}"
            events.append(phase)
            await send({"type": f"lifespan.{phase}.complete"})
        return
    await receive()
    events.append(scope["path"])
    name = scope["state"]["name"] if scope["path"] == "/" else scope["path"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": name.encode()})

class namespace:
    inner = app
"""
INI = """
[pytest]
addopts = -p asgi_testclient.pytest_plugin -p no:cacheprovider
asgi_app = site_app:app
pythonpath = .
"""
ASYNC_TEST = """
import pytest
from site_app import events

{mark}
async def test_it(async_asgi_client):
    assert type(async_asgi_client).__name__ == "AsyncTestClient"
    assert (await async_asgi_client.get("/")).text == "lifespan"
    assert events == ["startup", "/"]

{mark}
async def test_the_lifespan_has_ended():
    assert events == ["startup", "/", "shutdown"]
    events.clear()

{mark}
async def test_make(make_async_asgi_client):
    first = await make_async_asgi_client()
    second = await make_async_asgi_client(first.app, base_url="http://example.org")
    assert (await second.get("/a")).url.host == "example.org"
    assert (await first.get("/b")).text == "/b"
    events.clear()
"""

needs_uvicorn = pytest.mark.skipif(
    importlib.util.find_spec("uvicorn") is None, reason="needs uvicorn: pip install uvicorn"
)
needs_asyncio = pytest.mark.skipif(
    importlib.util.find_spec("pytest_asyncio") is None, reason="needs pytest-asyncio: pip install pytest-asyncio"
)
needs_trio = pytest.mark.skipif(
    importlib.util.find_spec("pytest_trio") is None, reason="needs pytest-trio: pip install pytest-trio"
)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyfile(site_app=APP)
    pytester.makeini(INI)
    assert CLIENTS  # imported once, and not in every run
    return pytester


def run(project: pytest.Pytester, *options: str, **outcomes: int) -> pytest.RunResult:
    result = project.runpytest_inprocess("-q", "-rs", *options)
    result.assert_outcomes(**outcomes)
    return result


def test_the_client_is_started_and_stopped(project: pytest.Pytester) -> None:
    project.makepyfile("""
        from site_app import events

        def test_it(asgi_client, asgi_app):
            assert asgi_client.app is asgi_app
            assert asgi_client.get("/").text == "lifespan"
            assert events == ["startup", "/"]

        def test_the_lifespan_has_ended():
            assert events == ["startup", "/", "shutdown"]
    """)
    run(project, passed=2)


def test_clients_are_made_with_options_and_closed_in_turn(project: pytest.Pytester) -> None:
    project.makepyfile("""
        from site_app import events

        def test_it(make_asgi_client):
            first = make_asgi_client(headers={"x-a": "b"}, lifespan="off")
            second = make_asgi_client(first.app)
            assert (first.headers["x-a"], second.get("/").text) == ("b", "lifespan")

        def test_both_have_ended():
            assert events == ["startup", "/", "shutdown"]
    """)
    run(project, passed=2)


def test_a_project_defines_its_own_application(project: pytest.Pytester) -> None:
    project.makeini(INI.replace("site_app:app", ""))
    project.makepyfile("""
        import pytest, site_app

        @pytest.fixture(params=[1, 2])
        def asgi_app():
            return site_app.app

        def test_it(asgi_client, make_asgi_client):
            assert asgi_client.get("/a").text == make_asgi_client().get("/a").text == "/a"
    """)
    run(project, passed=2)


def test_an_attribute_of_an_attribute_can_be_named(project: pytest.Pytester) -> None:
    project.makeini(INI.replace("site_app:app", "site_app:namespace.inner"))
    project.makepyfile("def test_it(asgi_client): assert asgi_client.get('/a').text == '/a'")
    run(project, passed=1)


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ("", "no application to test: set `asgi_app = package.module:name`"),
        ("site_app", "asgi_app is package.module:name, not 'site_app'"),
        ("site_app:missing", "module 'site_app' has no attribute 'missing'"),
        ("missing:app", "No module named 'missing'"),
    ],
)
def test_a_value_that_is_not_an_application_is_explained(project: pytest.Pytester, setting: str, advice: str) -> None:
    project.makeini(INI.replace("site_app:app", setting))
    project.makepyfile("def test_it(asgi_client): pass")
    run(project, errors=1).stdout.fnmatch_lines([f"*{advice}*"])


def test_a_project_without_application_can_make_clients(project: pytest.Pytester) -> None:
    project.makeini(INI.replace("site_app:app", ""))
    project.makepyfile("""
        import pytest, site_app

        def test_it(make_asgi_client):
            assert make_asgi_client(site_app.app).get("/a").text == "/a"

        def test_the_default(asgi_app):
            with pytest.raises(pytest.UsageError, match="no application to test"):
                asgi_app({}, None, None).send(None)
    """)
    run(project, passed=2)


def test_settings_reach_the_clients(project: pytest.Pytester) -> None:
    project.makeini(INI + "asgi_timeout = 0.05\nasgi_strict = all\n")
    project.makepyfile("""
        import pytest
        from asgi_testclient import AppTimeout, ProtocolViolation

        async def silent(scope, receive, send):
            while True:
                await receive()

        async def loud(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"A", b"b")]})
            await send({"type": "http.response.body"})

        def test_timeout(make_asgi_client):
            with pytest.raises(AppTimeout):
                make_asgi_client(silent, lifespan="off").get("/")

        def test_strict(make_asgi_client):
            with pytest.raises(ProtocolViolation):
                make_asgi_client(loud, lifespan="off", timeout=5).get("/")
            make_asgi_client(loud, lifespan="off", timeout=5, strict="off").get("/")
    """)
    run(project, passed=2)


def test_the_time_limit_may_be_none(project: pytest.Pytester) -> None:
    project.makeini(INI + "asgi_timeout = none\n")
    project.makepyfile("def test_it(asgi_client): assert asgi_client.timeout.read is None")
    run(project, passed=1)


def test_a_time_limit_is_a_number(project: pytest.Pytester) -> None:
    project.makeini(INI + "asgi_timeout = soon\n")
    project.makepyfile("def test_it(asgi_client): pass")
    run(project, errors=1).stdout.fnmatch_lines(["*asgi_timeout is a number of seconds or none, not 'soon'*"])


def test_a_failure_shows_the_messages(project: pytest.Pytester) -> None:
    project.makepyfile("""
        def test_it(asgi_client, make_asgi_client):
            make_asgi_client()
            asgi_client.post("/a", content="x" * 1000)
            assert False
    """)
    result = run(project, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- ASGI messages -*",
            "<POST /a: done, 3 messages>",
            "receive http.request body=b'xxx*... more_body=False",
            "   send http.response.start status=200 headers=[[](b'content-type', b'text/plain')[]]",
            "   send http.response.body body=b'/a'",
        ]
    )
    assert str(result.stdout).count("- ASGI messages -") == 1


def test_a_failure_shows_the_message_that_broke_a_rule(project: pytest.Pytester) -> None:
    project.makepyfile("""
        async def start(scope, receive, send):
            await send({"type": "http.response.start", "status": "200"})

        async def text(scope, receive, send):
            await send("http.response.start")

        def test_start(make_asgi_client):
            make_asgi_client(start, lifespan="off").get("/")

        def test_text(make_asgi_client):
            make_asgi_client(text, lifespan="off").get("/")
    """)
    result = run(project, failed=2)
    result.stdout.fnmatch_lines(
        ["<GET /: done, 1 messages>", "   send http.response.start status='200'", "   send 'http.response.start'"],
    )


def test_a_long_exchange_is_shown_from_both_ends(project: pytest.Pytester) -> None:
    project.makepyfile("""
        async def counting(scope, receive, send):
            await send({"type": "http.response.start", "status": 200})
            for number in range(100):
                await send({"type": "http.response.body", "body": b"%d." % number, "more_body": True})
            await send({"type": "http.response.body"})

        def test_it(make_asgi_client):
            make_asgi_client(counting, lifespan="off").get("/")
            assert False
    """)
    result = run(project, failed=1)
    result.stdout.fnmatch_lines(["*body=b'0.'*", "... * more messages ...", "*body=b'99.'*"])
    result.stdout.no_fnmatch_line("*body=b'50.'*")


def test_a_success_shows_nothing(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it(asgi_client): asgi_client.get('/a')")
    run(project, "-rA", passed=1).stdout.no_fnmatch_line("*ASGI messages*")


@needs_asyncio
@pytest.mark.parametrize(
    ("mode", "mark"),
    [
        ("strict", "@pytest.mark.asyncio"),
        ("auto", ""),
        ("strict", "@pytest.mark.asyncio(loop_scope='module')"),
        ("strict", "@pytest.mark.asyncio(loop_scope='session')"),
    ],
)
@pytest.mark.parametrize("beside", [(), ("-p", "anyio.pytest_plugin")], ids=["alone", "beside anyio"])
def test_asynchronous_clients_go_with_pytest_asyncio(
    project: pytest.Pytester, mode: str, mark: str, beside: tuple[str, ...]
) -> None:
    project.makeini(INI + f"asyncio_mode = {mode}\nasyncio_default_fixture_loop_scope = function\n")
    project.makepyfile(ASYNC_TEST.format(mark=mark))
    run(project, "-p", "pytest_asyncio.plugin", *beside, passed=3)


@needs_asyncio
def test_the_default_loop_of_pytest_asyncio_is_honoured(project: pytest.Pytester) -> None:
    settings = "asyncio_default_fixture_loop_scope = function\nasyncio_default_test_loop_scope = session\n"
    project.makeini(INI + settings)
    project.makepyfile(ASYNC_TEST.format(mark="@pytest.mark.asyncio"))
    run(project, "-p", "pytest_asyncio.plugin", passed=3)


@pytest.mark.parametrize("beside", [(), pytest.param(("-p", "pytest_asyncio.plugin"), marks=needs_asyncio)])
def test_asynchronous_clients_go_with_anyio(project: pytest.Pytester, beside: tuple[str, ...]) -> None:
    if beside:
        project.makeini(INI + "asyncio_default_fixture_loop_scope = function\n")
    project.makepyfile(ASYNC_TEST.format(mark="@pytest.mark.anyio"))
    run(project, "-p", "anyio.pytest_plugin", *beside, "-k", "asyncio", passed=3)
    run(project, "-p", "anyio.pytest_plugin", *beside, "-k", "trio", passed=3)


def test_asynchronous_clients_go_with_anyio_in_auto_mode(project: pytest.Pytester) -> None:
    project.makeini(INI + "anyio_mode = auto\n")
    project.makepyfile(ASYNC_TEST.format(mark=""))
    run(project, "-p", "anyio.pytest_plugin", "-k", "asyncio", passed=3)


@needs_trio
def test_asynchronous_clients_go_with_pytest_trio(project: pytest.Pytester) -> None:
    project.makepyfile(ASYNC_TEST.format(mark="@pytest.mark.trio"))
    run(project, "-p", "pytest_trio.plugin", passed=3)


@needs_trio
def test_asynchronous_clients_go_with_pytest_trio_in_trio_mode(project: pytest.Pytester) -> None:
    project.makeini(INI + "trio_mode = true\n")
    project.makepyfile(ASYNC_TEST.format(mark=""))
    run(project, "-p", "pytest_trio.plugin", passed=3)


@pytest.mark.parametrize(
    ("plugin", "mark", "fixture"),
    [
        pytest.param("pytest_asyncio.plugin", "asyncio", "pytest_asyncio.fixture", marks=needs_asyncio),
        ("anyio.pytest_plugin", "anyio", "pytest.fixture"),
        pytest.param("pytest_trio.plugin", "trio", "pytest.fixture", marks=needs_trio),
    ],
)
def test_the_application_and_other_fixtures_may_be_asynchronous(
    project: pytest.Pytester, plugin: str, mark: str, fixture: str
) -> None:
    if mark == "asyncio":
        project.makeini(INI + "asyncio_default_fixture_loop_scope = function\n")
    project.makepyfile(f"""
        import pytest, site_app
        {"import pytest_asyncio" if mark == "asyncio" else ""}

        @{fixture}
        async def asgi_app():
            yield site_app.namespace.inner

        @{fixture}
        async def page(async_asgi_client):
            return (await async_asgi_client.get("/a")).text

        @pytest.mark.{mark}
        async def test_it(page, async_asgi_client):
            assert page == "/a"
            assert async_asgi_client.last_exchange.done
    """)
    options = ("-k", "not trio") if mark == "anyio" else ()
    run(project, "-p", plugin, *options, passed=1)


@pytest.mark.parametrize("plugin", [None, "anyio.pytest_plugin"])
def test_without_a_plugin_asynchronous_clients_skip_the_test(project: pytest.Pytester, plugin: str | None) -> None:
    project.makepyfile("def test_it(async_asgi_client): pass")
    result = run(project, *(("-p", plugin) if plugin else ()), skipped=1)
    result.stdout.fnmatch_lines(["*install pytest-asyncio, anyio or pytest-trio*"])


def test_a_project_may_use_the_names_for_its_own(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest

        @pytest.fixture
        def async_asgi_client():
            return 1

        def test_it(async_asgi_client):
            assert async_asgi_client == 1
    """)
    run(project, passed=1)


def test_loading_the_plugin_imports_no_client() -> None:
    code = """
import sys, pytest, asgi_testclient.pytest_plugin
print(sorted({name.partition(".")[0] for name in sys.modules} & {"httpx", "httpx2", "anyio", "trio", "asgiref"}))
print([name for name in sys.modules if name.startswith("asgi_testclient.")])
"""
    output: Any = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout.splitlines() == ["[]", "['asgi_testclient.pytest_plugin']"]


COUNTING = """
    from site_app import events

    def test_one(asgi_client):
        assert asgi_client.get("/").text == "lifespan"
        asgi_client.cookies["a"] = "b"
        asgi_client.headers["x-a"] = "b"
        assert events.count("startup") == 1

    def test_two(asgi_client, make_asgi_client, asgi_lifespan):
        assert not asgi_client.cookies and "x-a" not in asgi_client.headers
        assert asgi_client.get("/").text == make_asgi_client().get("/").text == "lifespan"
        assert asgi_client.app_state is asgi_lifespan.app_state
        assert (events.count("startup"), events.count("shutdown")) == (1, 0)
        assert make_asgi_client(backend="trio").get("/").text == "lifespan"
        assert events.count("startup") == 2

    def test_another_application(make_asgi_client):
        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 204})
            await send({"type": "http.response.body"})

        assert make_asgi_client(app, lifespan="off").get("/").status_code == 204
"""


@pytest.mark.parametrize("scope", ["session", "module"])
def test_the_lifespan_may_run_once_for_many_clients(project: pytest.Pytester, scope: str) -> None:
    project.makeini(f"{INI}asgi_lifespan_scope = {scope}\n")
    project.makepyfile(
        test_a=COUNTING,
        test_b="""
        from site_app import events

        def test_the_lifespan_ends_with_its_scope(request, asgi_client):
            ended = events.count("shutdown") - 1  # that of the client on trio
            assert ended == (request.config.getini("asgi_lifespan_scope") == "module")
    """,
    )
    run(project, "-p", "no:randomly", passed=4)


def test_a_narrower_application_is_a_mismatch_that_names_both(project: pytest.Pytester) -> None:
    project.makeini(f"{INI}asgi_lifespan_scope = session\n")
    project.makepyfile("""
        import pytest
        import site_app

        @pytest.fixture
        def asgi_app():
            return site_app.app

        def test_it(asgi_client):
            raise AssertionError
    """)
    result = run(project, errors=1)
    result.stdout.fnmatch_lines(["*ScopeMismatch*function scoped fixture asgi_app*"])


SERVED = """
    import site_app

    def test_one(asgi_server, asgi_server_client):
        assert asgi_server_client.get("/").text == "lifespan"
        asgi_server_client.cookies["a"] = "b"
        site_app.urls = [asgi_server.url]

    def test_two(asgi_server, asgi_server_client, request):
        assert asgi_server_client.get("/b").text == "/b"
        assert not asgi_server_client.cookies
        once = request.config.getini("asgi_server_scope") == "session"
        assert (asgi_server.url in site_app.urls) == once
        assert site_app.events.count("startup") == 2 - once
"""


@needs_uvicorn
@pytest.mark.parametrize("scope", ["session", "function"])
def test_the_server_runs_once_a_session_or_as_often_as_the_setting_says(project: pytest.Pytester, scope: str) -> None:
    project.makeini(f"{INI}asgi_server_scope = {scope}\n")
    project.makepyfile(SERVED)
    run(project, passed=2)


@needs_uvicorn
def test_each_worker_of_xdist_has_a_server_of_its_own(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("xdist")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    project.makepyfile("""
        import pytest

        @pytest.mark.parametrize("number", range(4))
        def test_it(asgi_server_client, number):
            assert asgi_server_client.get("/").text == "lifespan"
    """)
    result = project.runpytest_subprocess("-q", "-p", "xdist", "-n", "2")
    result.assert_outcomes(passed=4)


@needs_uvicorn
def test_a_server_whose_application_does_not_start_shows_where(project: pytest.Pytester) -> None:
    project.makeini(f"{INI}asgi_server = uvicorn\n")
    project.makepyfile(
        site_app="""
        async def app(scope, receive, send):
            await receive()
            raise LookupError("no database")
    """,
        test_it="def test_it(asgi_server):\n    raise AssertionError",
    )
    result = run(project, errors=1)
    result.stdout.fnmatch_lines(['>*raise LookupError("no database")', "site_app.py:3: LookupError"])


def test_an_unknown_server_is_named(project: pytest.Pytester) -> None:
    project.makeini(f"{INI}asgi_server = apache\n")
    project.makepyfile("def test_it(asgi_server):\n    raise AssertionError")
    result = run(project, errors=1)
    result.stdout.fnmatch_lines(["*server is one of 'uvicorn', *, not 'apache'"])
