"""The lifespan of a router and of what is mounted in it."""

from __future__ import annotations

import asyncio
import contextlib
import functools

import anyio
import pytest

from asgi_routing import Host, Mount, Route, Router, RouteWarning
from raw_asgi import Reply, run

STARTUP, SHUTDOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}


async def live(router, **scope):
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}} | scope
    reply = Reply()
    await run(router, scope, (STARTUP, SHUTDOWN), reply=reply)
    return reply, scope


async def live_badly(router, error):
    reply = Reply()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    with pytest.raises(error):
        await run(router, scope, (STARTUP, SHUTDOWN), reply=reply)
    return reply


COMPLETE = ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def kinds(events):
    async def async_generator(app):
        events.append(("start", app))
        yield {"key": 1}
        events.append("stop")

    def generator(app):
        events.append(("start", app))
        yield {"key": 1}
        events.append("stop")

    class Context:
        def __init__(self, app):
            self.app = app

        async def __aenter__(self):
            events.append(("start", self.app))
            return {"key": 1}

        async def __aexit__(self, *exc):
            events.append("stop")

    async def bound(extra, app):
        async for state in async_generator(app):
            yield state

    return {
        "async generator": async_generator,
        "generator": generator,
        "context manager": contextlib.asynccontextmanager(async_generator),
        "class": Context,
        "partial": functools.partial(bound, 1),
    }


@pytest.mark.parametrize("kind", kinds([]))
async def test_a_lifespan_of_any_kind_starts_stops_and_gives_state(kind):
    events = []
    reply, scope = await live(Router(lifespan=kinds(events)[kind]), app="the app")
    assert reply.types == COMPLETE
    assert events == [("start", "the app"), "stop"]
    assert scope["state"] == {"key": 1}


async def test_a_router_without_a_lifespan_completes():
    reply, scope = await live(Router())
    assert reply.types == COMPLETE
    assert scope["state"] == {}


async def test_a_lifespan_may_give_no_state():
    async def silent(app):
        yield

    reply, _ = await live(Router(lifespan=silent), state=None)
    assert reply.types == COMPLETE


async def test_state_needs_a_server_that_takes_it():
    async def giving(app):
        yield {"a": 1}

    reply = Reply()
    with pytest.raises(RuntimeError, match='The server does not support "state" in the lifespan scope'):
        await run(Router(lifespan=giving), {"type": "lifespan"}, [STARTUP], reply=reply)
    assert reply.types == ["lifespan.startup.failed"]


def failing_start(app):
    raise ValueError("no database")
    yield


async def failing_stop(app):
    yield
    raise ValueError("still busy")


@pytest.mark.parametrize(
    ("lifespan", "types", "text"),
    [
        (failing_start, ["lifespan.startup.failed"], "no database"),
        (failing_stop, ["lifespan.startup.complete", "lifespan.shutdown.failed"], "still busy"),
    ],
)
async def test_a_failure_is_reported_with_its_traceback_and_raised(lifespan, types, text):
    reply = await live_badly(Router(lifespan=lifespan), ValueError)
    assert reply.types == types
    assert "Traceback (most recent call last)" in reply.messages[-1]["message"]
    assert f"ValueError: {text}" in reply.messages[-1]["message"]


async def test_a_generator_sees_what_ends_its_lifespan():
    seen = []

    def watching(app):
        try:
            yield
        except ValueError as exc:
            seen.append(str(exc))
            raise

    async def broken(message):
        raise ValueError("server gone")

    async def receive():
        return STARTUP

    with pytest.raises(ValueError, match="server gone"):
        await Router(lifespan=watching)({"type": "lifespan"}, receive, broken)
    assert seen == ["server gone"]


def speaking(name, events, *, state=None, at_start=None, at_stop=None, answer_stop=True):
    """A foreign application: it supports the lifespan protocol, and may fail in either phase."""

    async def app(scope, receive, send):
        events.append(f"{name} called")
        assert (await receive())["type"] == "lifespan.startup"
        if at_start:
            await send({"type": "lifespan.startup.failed", "message": f"{name} cannot"})
            events.append(f"{name} failed")
            if isinstance(at_start, Exception):
                raise at_start
            return
        scope["state"].update(state or {})
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        events.append(f"{name} stopped")
        if isinstance(at_stop, Exception):
            raise at_stop
        if at_stop:
            await send({"type": "lifespan.shutdown.failed"})
        elif answer_stop:
            await send({"type": "lifespan.shutdown.complete"})

    return app


def own(events):
    async def lifespan(app):
        events.append("own started")
        yield {"own": 1}
        events.append("own stopped")

    return lifespan


def router_of(*apps, events, **options):
    routes = [Mount(f"/{i}", app) for i, app in enumerate(apps)]
    return Router(routes, lifespan=own(events), lifespan_of_mounts=True, **options)


async def test_mounted_applications_start_in_order_and_stop_in_reverse():
    events = []
    router = router_of(
        speaking("a", events, state={"a": 1, "shared": "a"}),
        speaking("b", events, state={"b": 2, "shared": "b"}),
        events=events,
    )
    reply, scope = await live(router)
    assert reply.types == COMPLETE
    assert events == ["own started", "a called", "b called", "b stopped", "a stopped", "own stopped"]
    assert scope["state"] == {"own": 1, "a": 1, "b": 2, "shared": "b"}


async def test_mounted_applications_are_left_alone_by_default():
    events = []
    reply, _ = await live(Router([Mount("/a", speaking("a", events))]))
    assert reply.types == COMPLETE
    assert events == []


async def test_all_have_started_before_the_server_is_notified():
    events = []
    router = router_of(speaking("a", events), speaking("b", events), events=events)

    async def send(message):
        events.append(message["type"])

    script = iter([STARTUP, SHUTDOWN])

    async def receive():
        return next(script)

    await router({"type": "lifespan", "state": {}}, receive, send)
    assert events.index("lifespan.startup.complete") == 3
    assert events[-1] == "lifespan.shutdown.complete"


async def raises_at_once(scope, receive, send):
    raise ValueError("only HTTP here")


async def raises_after_receiving(scope, receive, send):
    await receive()
    raise KeyError("type")


async def returns_at_once(scope, receive, send):
    return


async def returns_after_receiving(scope, receive, send):
    await receive()


async def completes_and_returns(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})


async def only_waits_for_the_end(scope, receive, send):
    while (await receive())["type"] != "lifespan.shutdown":
        pass


async def sends_something_else(scope, receive, send):
    await receive()
    await send({"type": "lifespan.unheard.of"})


@pytest.mark.parametrize(
    "mute",
    [
        raises_at_once,
        raises_after_receiving,
        returns_at_once,
        returns_after_receiving,
        completes_and_returns,
        only_waits_for_the_end,
        sends_something_else,
    ],
)
async def test_applications_without_the_lifespan_protocol_are_tolerated(mute):
    events = []
    router = router_of(speaking("a", events), mute, speaking("b", events), events=events)
    reply, _ = await live(router)
    assert reply.types == COMPLETE
    assert events == ["own started", "a called", "b called", "b stopped", "a stopped", "own stopped"]


@pytest.mark.parametrize("error", [ValueError("down"), None])
async def test_a_failed_start_stops_what_had_started_and_is_reported(error):
    events = []
    router = router_of(
        speaking("a", events), speaking("b", events, at_start=error or True), speaking("c", events), events=events
    )
    if error is None:
        reply, _ = await live(router)
    else:
        reply = await live_badly(router, ValueError)
    assert reply.messages == [{"type": "lifespan.startup.failed", "message": "b cannot"}]
    assert events == ["own started", "a called", "b called", "b failed", "a stopped", "own stopped"]


async def test_an_application_that_waits_after_its_failure_is_let_go():
    async def waiting(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed"})
        assert (await receive())["type"] == "lifespan.shutdown"

    reply, _ = await live(router_of(waiting, events=[]))
    assert reply.messages == [{"type": "lifespan.startup.failed", "message": ""}]


async def test_a_failed_stop_still_stops_the_others():
    events = []
    router = router_of(
        speaking("a", events, at_stop=ValueError("a stuck")),
        speaking("b", events, at_stop=ValueError("b stuck")),
        speaking("c", events, at_stop=True),
        events=events,
    )
    reply = await live_badly(router, ValueError)
    assert reply.types == ["lifespan.startup.complete", "lifespan.shutdown.failed"]
    assert "b stuck" in reply.messages[-1]["message"]
    assert "a stuck" in reply.messages[-1]["message"]
    assert events[-4:] == ["c stopped", "b stopped", "a stopped", "own stopped"]


async def test_an_application_that_only_says_its_stop_failed_is_reported():
    reply, _ = await live(router_of(speaking("a", [], at_stop=True), events=[]))
    assert reply.types == ["lifespan.startup.complete", "lifespan.shutdown.failed"]


async def test_an_application_may_wait_in_another_task():
    events = []

    async def tasks(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        async with anyio.create_task_group() as group:
            group.start_soon(receive)
        events.append("tasks stopped")

    reply, _ = await live(router_of(tasks, speaking("b", events), events=events))
    assert reply.types == COMPLETE
    assert events == ["own started", "b called", "b stopped", "tasks stopped", "own stopped"]


async def test_scopes_of_mounted_applications_are_their_own():
    async def writing(scope, receive, send):
        scope["mine"] = 1

    reply, scope = await live(router_of(writing, events=[]))
    assert reply.types == COMPLETE
    assert "mine" not in scope


async def test_routers_within_routers_start_what_is_mounted_in_them():
    events = []

    async def inner_lifespan(app):
        events.append("inner started")
        yield
        events.append("inner stopped")

    shared = speaking("shared", events)
    grown = Router([Mount("/d", speaking("d", events))], lifespan_of_mounts=True)
    router = Router(
        [
            Route("/", raises_at_once),
            Mount("/group", routes=[Mount("/a", speaking("a", events)), Mount("/s", shared)]),
            Mount("/inner", Router([Host("h", speaking("b", events))], lifespan=inner_lifespan)),
            Mount("/again", shared),
            Mount("/grown", grown),
        ],
        lifespan_of_mounts=True,
    )
    reply, _ = await live(router)
    assert reply.types == COMPLETE
    started = ["a called", "shared called", "inner started", "b called", "d called"]
    stopped = ["d stopped", "b stopped", "inner stopped", "shared stopped", "a stopped"]
    assert events == started + stopped


async def test_a_router_mounted_in_itself_starts_once():
    events = []
    router = Router([Mount("/a", speaking("a", events))], lifespan_of_mounts=True)
    router.mount("/self", router)
    reply, _ = await live(router_of(router, events=events))
    assert reply.types == COMPLETE


async def test_cancellation_passes_through_the_nest():
    events = []

    def closing(name):
        async def app(scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.complete"})
            try:
                await receive()
            finally:
                events.append(f"{name} closed")

        return app

    router, reply = router_of(closing("a"), closing("b"), events=events), Reply()
    with anyio.move_on_after(0.01) as limit:
        await run(router, {"type": "lifespan", "state": {}}, [STARTUP], reply=reply)
    assert limit.cancelled_caught
    assert reply.types == ["lifespan.startup.complete", "lifespan.shutdown.failed"]
    assert events == ["own started", "b closed", "a closed"]


@pytest.mark.parametrize("started", [False, True], ids=["start", "stop"])
@pytest.mark.parametrize(
    "error",
    [
        SystemExit("no database configured"),
        KeyboardInterrupt(),
        asyncio.CancelledError(),
        GeneratorExit(),
        BaseExceptionGroup("both", [SystemExit(1), ValueError("no")]),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("where", ["own", "mounted", "between others"])
async def test_whatever_ends_a_lifespan_is_reported_to_the_server_and_raised(where, error, started):
    events = []

    @contextlib.asynccontextmanager
    async def lifespan(app):
        if not started:
            raise error
        yield
        raise error

    router = Router(lifespan=lifespan)
    if where == "mounted":
        router = router_of(router, events=events)
    elif where == "between others":
        router = router_of(speaking("a", events), router, speaking("c", events), events=events)
    reply = await live_badly(router, type(error))
    phase = "shutdown" if started else "startup"
    assert reply.types == [*(["lifespan.startup.complete"] if started else []), f"lifespan.{phase}.failed"]
    assert type(error).__name__ in reply.messages[-1]["message"]
    assert "c called" not in events or started


async def test_an_exit_comes_before_an_error():
    async def failing(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise ValueError("first")

    async def leaving(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise SystemExit(1)

    reply = await live_badly(router_of(leaving, failing, events=[]), SystemExit)
    assert "ValueError: first" in reply.messages[-1]["message"]
    assert "SystemExit: 1" in reply.messages[-1]["message"]


async def test_what_the_server_raises_about_a_failure_is_raised():
    """Hypercorn stops by such an exception."""

    async def refuse(message):
        raise OSError(message["type"])

    async def receive():
        return STARTUP

    with pytest.raises(OSError, match="lifespan.startup.failed") as caught:
        await Router(lifespan=failing_start)({"type": "lifespan"}, receive, refuse)
    assert str(caught.value.__context__) == "no database"


async def a_coroutine(app):
    raise NotImplementedError


class WithoutContext:
    def __call__(self, app):
        return 7


@pytest.mark.parametrize(
    ("lifespan", "text"),
    [
        (lambda app: None, "the lifespan .*<lambda> returned None"),
        (a_coroutine, "the lifespan a_coroutine returned <coroutine"),
        (WithoutContext(), "the lifespan <.*WithoutContext.*> returned 7"),
    ],
)
async def test_a_lifespan_that_makes_no_context_manager_is_named(lifespan, text):
    reply = Reply()
    scope = {"type": "lifespan", "state": {}}
    with pytest.raises(TypeError, match=f"{text}.*: decorate it with contextlib.asynccontextmanager"):
        await run(Router(lifespan=lifespan), scope, (STARTUP, SHUTDOWN), reply=reply)
    assert reply.types == ["lifespan.startup.failed"]


class Lifespans:
    def bound(self):
        raise NotImplementedError

    def right(self, app):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("lifespan", "text"),
    [
        (lambda: None, "Router: the lifespan .*<lambda> takes no argument: it is called with the application"),
        (Lifespans().bound, "Router: the lifespan Lifespans.bound takes no argument"),
        (7, "Router: the lifespan 7 cannot be called: pass a function of the application that yields once"),
    ],
)
def test_a_lifespan_that_could_never_be_called_is_warned_of(lifespan, text):
    with pytest.warns(RouteWarning, match=text) as caught:
        Router(lifespan=lifespan)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "lifespan", [Lifespans().right, lambda *args: None, contextlib.asynccontextmanager(a_coroutine), None]
)
def test_a_lifespan_that_takes_the_application_is_not_warned_of(lifespan):
    Router(lifespan=lifespan)
