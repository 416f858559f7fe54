"""Lint as it is used: around an application, around a middleware on both sides, and in front of a broken server."""

from __future__ import annotations

import asyncio
import functools
import subprocess
import sys
import time
from typing import Any

import anyio
import pytest

from asgi_testclient.lint import Lint, ProtocolViolation, ProtocolWarning
from raw_asgi import Reply, body_messages, http_scope, request, run, websocket_scope

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
BODY = {"type": "http.response.body", "body": b"hello"}
LIFESPAN = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send(START)
    await send(BODY)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def living(scope: Any, receive: Any, send: Any) -> None:
    for phase in ("startup", "shutdown"):
        assert (await receive())["type"] == f"lifespan.{phase}"
        await send({"type": f"lifespan.{phase}.complete"})


def codes(lint: Lint) -> list[str]:
    return [violation.code for violation in lint.violations]


async def broken(app: Any, scope: Any = None, messages: Any = (), **options: Any) -> tuple[Lint, ProtocolViolation]:
    lint = Lint(app, **options)
    with pytest.raises(ProtocolViolation) as caught:
        await run(lint, scope or http_scope(), messages or body_messages(b""))
    assert codes(lint) == [caught.value.violation.code]
    return lint, caught.value


@pytest.mark.parametrize("strict", ["errors", "all", "off"])
async def test_a_right_application_goes_through_unchanged(strict: Any) -> None:
    lint = Lint(Lint(hello, strict=strict), strict=strict)
    reply = await request(lint)
    assert reply.messages[0] is START
    assert reply.messages[1] is BODY
    assert lint.violations == []
    lint.assert_clean()


@pytest.mark.parametrize("strict", ["errors", "all"])
async def test_websockets_and_lifespans_go_through_unchanged(strict: Any) -> None:
    lint = Lint(echo, strict=strict)
    text = {"type": "websocket.receive", "text": "a"}
    gone = {"type": "websocket.disconnect", "code": 1000}
    reply = await run(lint, websocket_scope(), [{"type": "websocket.connect"}, text, gone])
    assert reply.types == ["websocket.accept", "websocket.send"]
    lint = Lint(living, strict=strict)
    reply = await run(lint, LIFESPAN, [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    assert reply.types == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert lint.violations == []


async def test_every_object_is_the_one_that_was_given() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        seen.append(await receive())
        await send(START)
        await send(BODY)

    scope, (message,) = http_scope(), body_messages(b"a")
    await run(Lint(app), scope, [message])
    assert seen[0] is scope
    assert seen[1] is message


async def test_other_scopes_pass_untouched() -> None:
    calls: list[Any] = []

    async def app(*args: Any) -> None:
        calls.append(args)

    args = ({"type": "asgi_x.queue"}, object(), object())
    await Lint(app)(*args)
    assert calls == [args]


async def test_an_error_is_raised_where_the_application_sends() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": "200"})

    _, error = await broken(app)
    assert error.violation.code == "E08"
    assert error.violation.where is not None
    assert error.violation.where.startswith(__file__)
    assert error.violation.where.endswith("<locals>.app")


async def test_a_swallowed_error_is_raised_again_at_the_end() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await send({"type": "http.response.start", "status": "200"})
        except Exception:
            await send(START)
            await send(BODY)

    lint, error = await broken(app)
    assert error.violation.code == "E08"
    with pytest.raises(ProtocolViolation) as caught:
        lint.assert_clean()
    assert caught.value.violation is error.violation


async def test_an_error_swallowed_by_outer_code_is_still_found_by_assert_clean() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(BODY)
        await send(BODY)

    lint = Lint(app)

    async def errors(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(2):
            try:
                await lint(scope, receive, send)
            except ProtocolViolation:
                pass
        with pytest.raises(ProtocolViolation):
            await Lint(hello, ignore=["S08"])({"type": "http"}, receive, send)
        await send(START)
        await send(BODY)

    await request(errors)
    with pytest.raises(ProtocolViolation) as caught:
        lint.assert_clean()
    assert codes(lint) == ["E04"]
    assert not hasattr(caught.value, "__notes__")


async def test_assert_clean_names_every_error() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(BODY if scope["path"] == "/" else None)

    lint = Lint(app)
    for path in ("/", "/other"):
        with pytest.raises(ProtocolViolation):
            await request(lint, path=path)
    with pytest.raises(ProtocolViolation, match="E04") as caught:
        lint.assert_clean()
    (note,) = caught.value.__notes__
    assert note.startswith("E01")


async def test_warnings_are_clean_unless_all_is_strict() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START | {"headers": [(b"X-A", b"b")]})
        await send(BODY)

    lint = Lint(app)
    with pytest.warns(ProtocolWarning, match="W01"):
        await request(lint)
    assert codes(lint) == ["W01"]
    lint.assert_clean()
    await broken(app, strict="all")
    await request(Lint(app, strict="all", ignore=["W01"]))


async def test_what_is_missing_names_the_application() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)

    _, error = await broken(app)
    assert error.violation.code == "E07"
    assert error.violation.where is not None
    assert error.violation.where.startswith(__file__)

    class Application:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            pass

    _, error = await broken(Application())
    assert error.violation.where is not None
    assert error.violation.where.endswith("Application.__call__")
    lint = Lint(Lint(Application(), ignore=["E07"]))
    with pytest.raises(ProtocolViolation) as caught:
        await request(lint)
    assert caught.value.violation.where == error.violation.where
    _, error = await broken(functools.partial(app))
    assert error.violation.where is not None
    assert error.violation.where.startswith("functools.partial(")


def asgi2(scope: Any) -> Any:
    return functools.partial(hello, scope)


def plain(scope: Any, receive: Any, send: Any) -> int:
    return 3


@pytest.mark.parametrize("app", [asgi2, plain, 3, lambda: None])
async def test_a_value_that_is_not_an_application_is_reported(app: Any) -> None:
    _, error = await broken(app)
    assert error.violation.code == "E16"
    assert "async def app(scope, receive, send)" in str(error)


async def test_a_type_error_of_the_application_is_its_own() -> None:
    def app(scope: Any, receive: Any, send: Any) -> Any:
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        await request(Lint(app))


@pytest.mark.parametrize("app", [asgi2, plain])
async def test_a_value_that_is_not_an_application_fails_with_the_rule_ignored_too(app: Any) -> None:
    with pytest.raises(TypeError):
        await request(Lint(app, ignore=["E16"]))


async def test_a_send_without_await_is_found() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        send(START)
        await send(START)
        await send(BODY)

    _, error = await broken(app)
    assert error.violation.code == "E17"
    assert error.violation.message == "send() was called but never awaited"
    assert error.violation.where is not None
    assert error.violation.where.startswith(__file__)
    assert error.violation.where.endswith("<locals>.app")


async def test_a_receive_without_await_is_found() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        message = receive()
        assert message
        await send(START)
        await send(BODY)

    _, error = await broken(app)
    assert error.violation.message == "receive() was called but never awaited"


async def test_a_send_without_await_can_be_ignored() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        send(START)
        await hello(scope, receive, send)

    lint = Lint(app, ignore=["E17"])
    assert (await request(lint)).status == 200
    assert lint.violations == []


async def test_a_send_without_await_is_found_when_the_application_raises_for_it() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        send(START)
        raise RuntimeError

    lint = Lint(app)
    with pytest.raises(RuntimeError):
        await request(lint)
    assert codes(lint) == ["E17"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_task_that_has_not_begun_is_not_a_forgotten_call(anyio_backend: str) -> None:
    tasks: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(BODY)
        tasks.append(asyncio.create_task(receive()))
        tasks[0].cancel()

    lint = Lint(app)
    await request(lint)
    assert lint.violations == []
    await asyncio.wait(tasks)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_send_after_the_application_returned_is_found(anyio_backend: str) -> None:
    tasks: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(BODY)
        tasks.append(asyncio.create_task(send(BODY)))

    lint = Lint(app, ignore=["E06"])
    reply = await request(lint)
    with pytest.raises(ProtocolViolation) as caught:
        await tasks[0]
    assert caught.value.violation.code == "E18"
    assert caught.value.violation.where is None
    assert len(reply.messages) == 2
    assert codes(lint) == ["E18"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_warning_in_a_task_of_its_own_is_issued(anyio_backend: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.create_task(send(START | {"headers": [(b"x-a", b" a")]}))
        await send(BODY)

    with pytest.warns(ProtocolWarning, match="W04"):
        await request(Lint(app))


async def test_concurrent_sends_and_receives_are_allowed() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(START)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(receive)
            tasks.start_soon(receive)
            async with anyio.create_task_group() as senders:
                for _ in range(3):
                    senders.start_soon(send, BODY | {"more_body": True})
            tasks.cancel_scope.cancel()
        await send(BODY)

    reply = await request(Lint(app, strict="all"))
    assert len(reply.messages) == 5


async def test_a_cancelled_receive_loses_nothing() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        for _ in range(2):
            with anyio.move_on_after(0):
                await receive()
        await send(START)
        await send(BODY)

    lint = Lint(app, strict="all")
    await request(lint)
    lint.assert_clean()


async def test_an_application_that_changes_the_scope_is_found_when_all_is_strict() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["path"] = "/other"
        await hello(scope, receive, send)

    await request(Lint(app))
    _, error = await broken(app, strict="all")
    assert error.violation.code == "W05"


async def test_blocking_the_loop_is_found_when_all_is_strict() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await anyio.sleep(0)
        time.sleep(0.15)
        await hello(scope, receive, send)

    await request(Lint(app))
    _, error = await broken(app, strict="all")
    assert error.violation.code == "W06"
    assert "ms" in error.violation.message


async def test_blocking_the_loop_at_the_end_is_found_too() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await hello(scope, receive, send)
        time.sleep(0.15)
        raise RuntimeError

    lint = Lint(app, strict="all")
    with pytest.raises(RuntimeError):
        await request(lint)
    assert codes(lint) == ["W06"]


async def test_cancelling_reaches_an_application_that_is_timed() -> None:
    ended: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("cancelled")

    with anyio.move_on_after(0.01):
        await request(Lint(app, strict="all"))
    assert ended == ["cancelled"]


def test_closing_reaches_an_application_that_is_timed() -> None:
    ended: list[str] = []

    class Pause:
        def __await__(self) -> Any:
            yield

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await Pause()
        finally:
            ended.append("closed")

    call = Lint(app, strict="all")(http_scope(), hello, hello)
    call.send(None)
    call.close()
    assert ended == ["closed"]


async def test_what_the_server_raises_passes_unchanged() -> None:
    class Gone(OSError):
        pass

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        raise Gone

    lint = Lint(hello, strict="all")
    with pytest.raises(Gone):
        await lint(http_scope(), receive, send)
    assert lint.violations == []


def middleware(app: Any, **faults: Any) -> Any:
    """A middleware with the faults that a test asks for."""

    async def call(scope: Any, receive: Any, send: Any) -> None:
        async def wrapped_receive() -> Any:
            return faults.get("message") or await receive()

        async def wrapped_send(message: Any) -> None:
            if "edit" in faults:
                message[faults["edit"]] = True
            await send(faults.get("sent", message))

        try:
            await app(faults.get("scope", scope), wrapped_receive, wrapped_send)
        except AssertionError:
            if not faults.get("swallow"):
                raise
            await send(START)
            await send(BODY)

    return call


async def test_a_right_middleware_is_clean_on_both_sides() -> None:
    inner = Lint(hello, strict="all")
    outer = Lint(middleware(inner), strict="all")
    await request(outer)
    inner.assert_clean()
    outer.assert_clean()


@pytest.mark.parametrize(
    ("code", "faults"),
    [
        ("S01", {"scope": {}}),
        ("S01", {"scope": None}),
        ("S02", {"scope": {"type": "http"}}),
        ("S03", {"scope": http_scope(query="")}),
        ("S03", {"scope": http_scope(extensions=5)}),
        ("S04", {"scope": http_scope(headers=[("a", "b")])}),
        ("S05", {"message": {"kind": "http.request"}}),
        ("S06", {"message": {"type": "lifespan.startup"}}),
        ("S07", {"message": {"type": "http.request", "body": "a"}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("swallow", [False, True])
async def test_a_middleware_is_checked_as_a_server(code: str, faults: dict, swallow: bool) -> None:
    inner = Lint(hello)
    outer = Lint(middleware(inner, **faults, swallow=swallow))
    if swallow:
        await request(outer)
    else:
        with pytest.raises(ProtocolViolation):
            await request(outer)
    outer.assert_clean()
    assert codes(inner) == [code]
    with pytest.raises(ProtocolViolation, match=code):
        inner.assert_clean()


async def test_a_middleware_is_checked_as_an_application() -> None:
    inner = Lint(hello)
    outer = Lint(middleware(inner, sent=BODY))
    with pytest.raises(ProtocolViolation, match="E04"):
        await request(outer)
    inner.assert_clean()
    with pytest.raises(ProtocolViolation, match="E04"):
        outer.assert_clean()


async def test_a_middleware_that_edits_a_message_is_found_when_all_is_strict() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(dict(START))
        await send(dict(BODY))

    await request(middleware(Lint(app), edit="x"))
    inner = Lint(app, strict="all")
    with pytest.raises(ProtocolViolation, match="while it was sent"):
        await request(middleware(inner, edit="x"))
    assert codes(inner) == ["S10"]


async def test_a_server_error_that_the_application_swallows_is_raised_at_the_end() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await receive()
        except AssertionError:
            pass
        await send(START)
        await send(BODY)

    _, error = await broken(app, messages=[{"type": "http.request", "body": None}])
    assert error.violation.code == "S07"


async def test_one_side_can_be_checked_alone() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(START)
        await send(BODY)

    lint = Lint(app, strict="all", both_sides=False)
    reply = await run(lint, {"type": "http"}, [{"type": "http.request", "body": None}])
    assert reply.status == 200
    assert lint.violations == []


def not_awaitable(*args: Any) -> dict:
    return {"type": "http.request"}


@pytest.mark.parametrize(("receive", "send"), [(None, hello), (hello, None), (not_awaitable, hello)])
async def test_a_server_gives_two_callables_that_return_awaitables(receive: Any, send: Any) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        await Lint(hello)(http_scope(), receive, send)
    assert caught.value.violation.code == "S09"


async def test_a_websocket_server_sends_nothing_before_the_accept() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await receive()

    messages = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "a"}]
    lint = Lint(app)
    with pytest.raises(ProtocolViolation) as caught:
        await run(lint, websocket_scope(), messages)
    assert caught.value.violation.code == "S08"


async def test_header_generators_reach_the_server_whole() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START | {"headers": (pair for pair in [(b"a", b"b")])})
        await send(BODY)

    reply = await request(Lint(Lint(app, strict="all")))
    assert reply.headers == [(b"a", b"b")]


async def test_extensions_are_offered_by_the_scope() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.debug", "info": {}})
        await hello(scope, receive, send)

    await request(Lint(app), extensions={"http.response.debug": {}})
    for extensions in ({}, None):
        with pytest.raises(ProtocolViolation, match="E03"):
            await request(Lint(app), extensions=extensions)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValueError, match="E99"):
        Lint(hello, ignore=["E99"])
    with pytest.raises(ValueError, match="strict"):
        Lint(hello, strict="some")  # type: ignore[arg-type]


async def test_concurrent_calls_are_kept_apart() -> None:
    lint = Lint(hello, strict="all")
    replies = [Reply() for _ in range(5)]
    async with anyio.create_task_group() as tasks:
        for reply in replies:
            tasks.start_soon(functools.partial(run, lint, http_scope(), body_messages(b""), reply=reply))
    assert [reply.body for reply in replies] == [b"hello"] * 5
    lint.assert_clean()


def test_lint_needs_no_client() -> None:
    code = """
import sys, asgi_testclient.lint
print([name for name in sys.modules if name.partition(".")[0] in ("httpx", "httpx2", "anyio", "trio", "asyncio")])
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout.strip() == "[]"
