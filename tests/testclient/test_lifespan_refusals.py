"""lifespan="auto" goes on without a lifespan where an application refuses it, and warns where one is broken."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from asgi_testclient import AsyncTestClient, LifespanManager, LifespanNotSupported, LifespanSkipped, TestClient


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Has a lifespan; fails at /fails, for want of it."""
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            scope["state"]["started"] = True
            await send({"type": f"lifespan.{phase}.complete"})
        return
    if scope["path"] == "/fails":
        raise AttributeError("no database")
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"ok"})


async def asserts_the_type(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    await application(scope, receive, send)


async def raises_for_the_type(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] not in ("http", "websocket"):
        raise RuntimeError("only the web")
    await application(scope, receive, send)


async def names_the_lifespan(scope: Any, receive: Any, send: Any) -> None:
    def refuse(kind: str) -> None:
        raise ValueError(f"this can only handle HTTP, not {kind}")

    if scope["type"] != "http":
        refuse(scope["type"])
    await application(scope, receive, send)


async def not_implemented(scope: Any, receive: Any, send: Any) -> None:
    def refuse() -> None:
        raise NotImplementedError

    if scope["type"] != "http":
        refuse()
    await application(scope, receive, send)


async def outer(scope: Any, receive: Any, send: Any) -> None:
    await asserts_the_type(dict(scope), receive, send)


async def returns(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await application(scope, receive, send)


REFUSING = [asserts_the_type, raises_for_the_type, names_the_lifespan, not_implemented, outer, returns]


@pytest.mark.parametrize("app", REFUSING)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_application_that_refuses_the_lifespan_goes_on_silently(app: Any, backend: Any) -> None:
    with TestClient(app, backend=backend) as client:
        assert client.get("/").text == "ok"
        with pytest.raises(AttributeError, match="^no database$"):
            client.get("/fails")


async def reads_the_path(scope: Any, receive: Any, send: Any) -> None:
    """A middleware that takes every scope for one of HTTP."""
    scope["path"].strip("/")
    await application(scope, receive, send)


class Request:
    def __init__(self, scope: Any) -> None:
        assert scope["type"] == "http"


async def makes_a_request(scope: Any, receive: Any, send: Any) -> None:
    Request(scope)
    await application(scope, receive, send)


async def calls_a_helper(scope: Any, receive: Any, send: Any) -> None:
    def parse(header: Any) -> None:
        if header is None:
            raise ValueError("no such header")

    parse(dict(scope.get("headers", ())).get(b"host"))
    await application(scope, receive, send)


BROKEN = [reads_the_path, makes_a_request, calls_a_helper]


@pytest.mark.parametrize("app", BROKEN)
def test_a_middleware_that_fails_on_the_lifespan_is_a_warning_and_a_note(app: Any) -> None:
    with pytest.warns(LifespanSkipped, match=rf"raised .* at .*{__name__.split('.')[-1]}.py:\d+ in ") as caught:
        client = TestClient(app).__enter__()
    assert [warning.filename for warning in caught] == [__file__]
    try:
        assert client.get("/").text == "ok"
        with pytest.raises(
            AttributeError, match="(?s)^no database\nThe lifespan was not run, for the application raised"
        ):
            client.get("/fails")
    finally:
        client.close()


async def test_the_asynchronous_client_warns_and_notes_too() -> None:
    with pytest.warns(LifespanSkipped, match="KeyError"):
        client = await AsyncTestClient(reads_the_path).__aenter__()
    with pytest.raises(AttributeError, match="The lifespan was not run, for"):
        await client.get("/fails")
    await client.aclose()


class Configured:
    """An application that builds its middleware at its first call."""

    def __init__(self, *options: str) -> None:
        self.options = options

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.build_middleware_stack()(scope, receive, send)

    def build_middleware_stack(self) -> Any:
        return Middleware(*self.options)


class Middleware:
    def __init__(self, app: Any) -> None:
        raise LookupError("no secret key")


@pytest.mark.parametrize(("options", "kind"), [(["app"], LookupError), ([], TypeError)])
def test_a_middleware_that_cannot_be_built_is_raised(options: list[str], kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        TestClient(Configured(*options)).__enter__()
    assert type(caught.value) is kind


async def test_a_middleware_that_cannot_be_built_is_raised_in_the_asynchronous_client() -> None:
    with pytest.raises(LookupError, match="^no secret key$"):
        await AsyncTestClient(Configured("app")).__aenter__()


@pytest.mark.parametrize("app", [*REFUSING[:-1], *BROKEN])
def test_raise_raises_whatever_the_application_raises(app: Any) -> None:
    kinds = (AssertionError, RuntimeError, ValueError, NotImplementedError, KeyError)
    with pytest.raises(kinds) as caught:
        TestClient(app, lifespan="raise").__enter__()
    assert not isinstance(caught.value, LifespanNotSupported)
    assert not hasattr(caught.value, "__notes__")


def test_raise_goes_on_where_the_application_just_returns() -> None:
    with TestClient(returns, lifespan="raise") as client:
        assert client.get("/").text == "ok"


def test_raise_leaves_no_note_outside_a_block() -> None:
    with pytest.raises(AttributeError, match="^no database$"):
        TestClient(application, lifespan="raise").get("/fails")


async def test_a_manager_starts_and_stops_the_application_and_passes_its_state_on() -> None:
    events: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                events.append((await receive())["type"])
                scope["state"]["database"] = ["open"]
                await send({"type": f"lifespan.{phase}.complete"})
            return
        events.append(scope["state"])
        scope["state"]["own"] = True

    async with LifespanManager(app) as manager:
        assert manager.state == {"database": ["open"]}
        scope: Any = {"type": "http", "state": {"given": 1}}
        await manager.app(scope, None, None)
        assert scope["state"]["own"]
        await manager.app({"type": "websocket"}, None, None)
    assert events == [
        "lifespan.startup",
        {"database": ["open"], "given": 1, "own": True},
        {"database": ["open"], "own": True},
        "lifespan.shutdown",
    ]
    assert manager.state == {"database": ["open"]}


async def test_a_manager_hands_a_lifespan_scope_to_the_application_as_it_is() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    scope = {"type": "lifespan"}
    await LifespanManager(app).app(scope, None, None)
    assert seen[0] is scope


@pytest.mark.parametrize("app", REFUSING)
async def test_a_manager_goes_on_without_a_lifespan(app: Any) -> None:
    async with LifespanManager(app) as manager:
        assert manager.state == {}


@pytest.mark.parametrize("phase", ["startup", "shutdown"])
async def test_a_manager_raises_what_the_application_raises(phase: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if phase == "shutdown":
            await send({"type": "lifespan.startup.complete"})
            await receive()
        raise LookupError(phase)

    manager = LifespanManager(app)
    if phase == "startup":
        with pytest.raises(LookupError, match="^startup$"):
            await manager.__aenter__()
    else:
        await manager.__aenter__()
        with pytest.raises(LookupError, match="^shutdown$"):
            await manager.__aexit__(None, None, None)


async def test_the_tests_own_exception_is_the_one_that_a_manager_raises() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise LookupError("in the shutdown")

    with pytest.raises(KeyError, match="LookupError: in the shutdown"):
        async with LifespanManager(app):
            raise KeyError("in the test")


@pytest.mark.parametrize("phase", ["startup", "shutdown"])
async def test_a_manager_waits_no_longer_than_it_may(phase: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if phase == "shutdown":
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await anyio.sleep_forever()

    limits: dict[str, Any] = {f"{phase}_timeout": 0.01}
    manager = LifespanManager(app, **limits)
    if phase == "startup":
        with pytest.raises(TimeoutError, match=r"lifespan startup: no lifespan.startup.complete after 0.01 s"):
            await manager.__aenter__()
    else:
        await manager.__aenter__()
        with pytest.raises(TimeoutError, match=r"lifespan shutdown: no lifespan.shutdown.complete after 0.01 s"):
            await manager.__aexit__(None, None, None)


async def test_a_manager_may_be_used_again_but_not_twice_at_a_time() -> None:
    manager = LifespanManager(application, None, None)
    for _ in range(2):
        async with manager:
            with pytest.raises(RuntimeError, match="is running already"):
                await manager.__aenter__()
    await manager.__aexit__(None, None, None)


async def test_a_manager_may_be_left_in_another_task_than_it_was_entered_in() -> None:
    manager = LifespanManager(application)
    async with anyio.create_task_group() as group:
        group.start_soon(manager.__aenter__)
    async with anyio.create_task_group() as group:
        group.start_soon(manager.__aexit__, None, None, None)
