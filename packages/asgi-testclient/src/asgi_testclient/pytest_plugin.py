"""Fixtures for pytest: test clients for the project's application, synchronous and asynchronous.

    # in pytest.ini, below [pytest]: asgi_app = shop.asgi:application
    def test_the_front_page_greets(asgi_client):
        assert "Welcome" in asgi_client.get("/").text

A project may define the fixture `asgi_app` itself instead. The clients run the application's lifespan, and show what
passed between them and the application when a test fails. The asynchronous ones go with pytest-asyncio, anyio's plugin
and pytest-trio. Nothing but pytest is imported before a test asks for a client.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AsyncExitStack, ExitStack
from importlib import import_module
from operator import attrgetter
from types import FunctionType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from . import AsyncTestClient, LiveClient, LiveServer, TestClient

    MakeClient = Callable[..., TestClient]
    MakeAsyncClient = Callable[..., Awaitable[AsyncTestClient]]

__all__ = [
    "asgi_app",
    "asgi_client",
    "asgi_lifespan",
    "asgi_server",
    "asgi_server_client",
    "async_asgi_client",
    "make_asgi_client",
    "make_async_asgi_client",
]

CLIENTS = pytest.StashKey[list[Any]]()
ASYNC_FIXTURES = frozenset({"async_asgi_client", "make_async_asgi_client"})
SHOWN = 40  # messages of an exchange in a report
ADVICE = (
    "no application to test: set `asgi_app = package.module:name` in the pytest configuration, "
    "define a fixture named asgi_app that returns it, or pass it to make_asgi_client(app)"
)
NO_PLUGIN = (
    "asynchronous test clients need an asynchronous test: install pytest-asyncio, anyio or pytest-trio and mark the "
    "test with pytest.mark.asyncio, anyio or trio; synchronous tests use asgi_client"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the settings of the plugin."""
    parser.addini("asgi_app", "the ASGI application that asgi_client tests: package.module:name", default="")
    parser.addini("asgi_timeout", "seconds the asgi clients wait for the application, or none", default="")
    parser.addini("asgi_strict", "how strict the asgi clients check messages: errors, all or off", default="")
    scopes = "session, package, module, class or function"
    parser.addini("asgi_lifespan_scope", f"how long the lifespan of asgi_client runs: {scopes}", default="function")
    parser.addini("asgi_server", "the server of asgi_server: uvicorn, granian, hypercorn, hypercorn-trio", default="")
    parser.addini("asgi_server_scope", f"the scope of asgi_server: {scopes}", default="session")


def _lifespan_scope(fixture_name: str, config: pytest.Config) -> Any:
    return config.getini("asgi_lifespan_scope")


def _server_scope(fixture_name: str, config: pytest.Config) -> Any:
    return config.getini("asgi_server_scope")


class NoApplication:
    """Stands for the application of a project that names none."""

    async def __call__(self, *args: object) -> None:
        raise pytest.UsageError(ADVICE)


@pytest.fixture(scope="session")
def asgi_app(request: pytest.FixtureRequest) -> Any:
    """Return the application under test: the one that the setting asgi_app names. Projects may override it."""
    path: str = request.config.getini("asgi_app")
    if not path:
        # Not an error yet: a test may pass an application to make_asgi_client.
        return NoApplication()
    module, _, name = path.partition(":")
    if not module or not name:
        raise pytest.UsageError(f"asgi_app is package.module:name, not {path!r}")
    try:
        return attrgetter(name)(import_module(module))
    except AttributeError as exc:
        raise pytest.UsageError(f"asgi_app: {exc}") from exc


@pytest.fixture(scope=_lifespan_scope)
def asgi_lifespan(request: pytest.FixtureRequest, asgi_app: Any) -> Iterator[TestClient]:
    """Return the client whose block runs the lifespan for asgi_client, if asgi_lifespan_scope is not function.

    An `asgi_app` that a project defines has the scope of this fixture, or a wider one.
    """
    from . import TestClient

    with TestClient(_given(asgi_app), **_settings(request.config)) as client:
        yield client


@pytest.fixture
def make_asgi_client(request: pytest.FixtureRequest, asgi_app: Any) -> Iterator[MakeClient]:
    """Return a function that makes started clients of an application and options, and closes them with the test."""
    from . import TestClient
    from ._clients.client import SHARED

    shared = request.config.getini("asgi_lifespan_scope") != "function"
    with ExitStack() as stack:

        def make(app: Any = asgi_app, **options: Any) -> TestClient:
            options = _settings(request.config) | options
            # Options that belong to the loop or the lifespan cannot be another client's: it gets a lifespan of its own.
            if shared and app is asgi_app and not SHARED & options.keys():
                client: TestClient = request.getfixturevalue("asgi_lifespan").sibling(**options)
            else:
                client = TestClient(_given(app), **options)
            _remember(request, client)
            return stack.enter_context(client)

        yield make


@pytest.fixture
def asgi_client(make_asgi_client: MakeClient) -> TestClient:
    """Return a TestClient for asgi_app, its lifespan started."""
    return make_asgi_client()


@pytest.fixture
async def make_async_asgi_client(request: pytest.FixtureRequest, asgi_app: Any) -> AsyncIterator[MakeAsyncClient]:
    """Return the function of make_asgi_client for asynchronous tests; it is awaited."""
    from . import AsyncTestClient

    async with AsyncExitStack() as stack:

        async def make(app: Any = asgi_app, **options: Any) -> AsyncTestClient:
            client = AsyncTestClient(_given(app), **_settings(request.config) | options)
            _remember(request, client)
            return await stack.enter_async_context(client)

        yield make


@pytest.fixture
async def async_asgi_client(make_async_asgi_client: MakeAsyncClient) -> AsyncTestClient:
    """Return an AsyncTestClient for asgi_app on the test's own event loop, its lifespan started."""
    return await make_async_asgi_client()


@pytest.fixture(scope=_server_scope)
def asgi_server(request: pytest.FixtureRequest, asgi_app: Any) -> Iterator[LiveServer]:
    """Return a LiveServer of asgi_app: the one that the setting asgi_server names, started once a session.

    An `asgi_app` that a project defines has the scope of this fixture, or a wider one.
    """
    from . import LiveServer

    with LiveServer(_given(asgi_app), request.config.getini("asgi_server") or None) as server:
        yield server


@pytest.fixture
def asgi_server_client(asgi_server: LiveServer) -> Iterator[LiveClient]:
    """Return a client of asgi_server, with cookies of its own."""
    with asgi_server.client() as client:
        yield client


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Give the asynchronous fixtures to the plugin that runs the test: anyio and pytest-trio take them as they are."""
    function: Any = fixturedef.func
    if fixturedef.argname not in ASYNC_FIXTURES or function.__module__ != __name__:
        return (yield)
    if request.node.get_closest_marker("asyncio") is not None:
        fixturedef.func = _for_asyncio(function, _loop_scope(request.node))  # type: ignore[misc]
    elif request.node.get_closest_marker("trio") is None and "anyio_backend" not in request.fixturenames:
        pytest.skip(NO_PLUGIN)
    try:
        return (yield)
    finally:
        fixturedef.func = function  # type: ignore[misc]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the section "ASGI messages" to the report of a failure: the last exchange of each client."""
    report = yield
    if report.failed:
        for client in item.stash.get(CLIENTS, ()):
            if client.last_exchange is not None:
                report.sections.append(("ASGI messages", _report_on(client.last_exchange)))
    return report


def _given(app: Any) -> Any:
    if isinstance(app, NoApplication):
        pytest.fail(ADVICE, pytrace=False)
    return app


def _settings(config: pytest.Config) -> dict[str, Any]:
    """Return the options of a client that the configuration sets."""
    options: dict[str, Any] = {}
    if timeout := config.getini("asgi_timeout"):
        try:
            options["timeout"] = None if timeout.lower() == "none" else float(timeout)
        except ValueError:
            raise pytest.UsageError(f"asgi_timeout is a number of seconds or none, not {timeout!r}") from None
    if strict := config.getini("asgi_strict"):
        options["strict"] = strict
    return options


def _remember(request: pytest.FixtureRequest, client: Any) -> None:
    request.node.stash.setdefault(CLIENTS, []).append(client)


def _loop_scope(item: pytest.Item) -> Any:
    """Return the scope of the event loop that pytest-asyncio runs the test on."""
    marker = item.get_closest_marker("asyncio")
    options = {} if marker is None else marker.kwargs
    return options.get("loop_scope") or options.get("scope") or item.config.getini("asyncio_default_test_loop_scope")


def _for_asyncio(function: FunctionType, scope: Any) -> FunctionType:
    """Return a copy of a fixture function, marked as one of pytest-asyncio's for the loop of the test."""
    # A copy: the mark of pytest-asyncio must not stay on the fixture, which a test on trio may use next.
    copy = FunctionType(function.__code__, function.__globals__, function.__name__, None, function.__closure__)
    copy.__annotations__ = function.__annotations__
    sys.modules["pytest_asyncio"].fixture(copy, loop_scope=scope)
    return copy


def _report_on(exchange: Any) -> str:
    from ._texts import in_full

    lines = [repr(exchange), *(in_full(direction, message) for direction, message in exchange.messages)]
    if len(lines) > SHOWN:
        # The first messages say how it began, the last why it failed.
        lines[SHOWN // 2 : -SHOWN // 2] = [f"... {len(lines) - SHOWN} more messages ..."]
    return "\n".join(lines)
