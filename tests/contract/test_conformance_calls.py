"""The conformance suite, around the call: scopes, receive and send as they were, exceptions, cancellation, tasks and loops."""

from __future__ import annotations

import asyncio
import contextvars
import copy
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from asgi_requests import Request
from contract.conformance.cases import row
from contract.conformance.exchange import (
    Linted,
    acting_scope,
    call,
    decoded,
    page,
    sending,
    socket_scope,
    touching,
)
from contract.conformance.subjects import Refused, Subject
from raw_asgi import Reply, body_messages, garbage_of, run

LIFESPAN = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
FUTURE = {"type": "x-custom", "asgi": {"version": "3.0"}, "headers": [(b"origin", b"https://a.example")], "path": "/"}
CONNECTION = [
    {"type": "websocket.connect"},
    {"type": "websocket.receive", "text": "hello"},
    {"type": "websocket.disconnect", "code": 1001, "reason": "bye"},
]


async def given(app: Callable[[Any], Any], scope: dict) -> tuple[Any, ...]:
    """The arguments that an application and the middleware around it were called with."""
    inside: list[Any] = []

    async def recording(*arguments: Any) -> None:
        inside.extend(arguments)

    async def receive() -> Any: ...

    async def send(message: Any) -> None: ...

    await app(recording)(scope, receive, send)
    return inside, [scope, receive, send]


class Stop(BaseException):
    """An exception that no middleware may answer: as KeyboardInterrupt, which event loops treat in ways of their own."""


class Failing:
    """An application that raises one exception, after it has sent some messages."""

    def __init__(self, exc: BaseException, *messages: Any) -> None:
        self.exc = exc
        self.messages = messages

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await sending(*self.messages)(scope, receive, send)
        raise self.exc


def assert_nothing_was_added(exc: BaseException) -> None:
    assert exc.__context__ is None
    assert exc.__cause__ is None
    assert getattr(exc, "__notes__", None) is None


@row("C01")
async def test_a_lifespan_reaches_the_application_as_it_is(subject: Subject) -> None:
    inside, outside = await given(subject.make, dict(LIFESPAN))
    assert all(one is other for one, other in zip(inside, outside, strict=True))


@row("C02")
async def test_a_scope_of_another_type_reaches_the_application_as_it_is(subject: Subject) -> None:
    inside, outside = await given(subject.make, dict(FUTURE))
    assert all(one is other for one, other in zip(inside, outside, strict=True))


@row("C02")
@pytest.mark.parametrize("scope", [LIFESPAN, FUTURE], ids=["C01", "C02"])
async def test_the_exception_of_an_application_without_lifespan_is_its_own(subject: Subject, scope: dict) -> None:
    error = ValueError("Django can only handle ASGI/HTTP connections, not lifespan.")
    with pytest.raises(ValueError, match="Django") as caught:
        await run(subject.make(Failing(error)), dict(scope))
    assert caught.value is error
    assert_nothing_was_added(error)


@row("C01")
async def test_a_lifespan_goes_round(subject: Subject) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"]["begun"] = True
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        await send({"type": "lifespan.shutdown.complete"})

    linted = Linted(subject, app)
    scope: dict = {**LIFESPAN, "state": {}}
    reply = await run(linted, scope, [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    linted.assert_clean()
    assert reply.types == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert scope["state"] == {"begun": True}


@row("C03")
async def test_a_conversation_over_a_websocket_is_relayed(subject: Subject) -> None:
    accept = {"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"x-a", b"1"), (b"set-cookie", b"a=1")]}
    answers = [{"type": "websocket.send", "text": "hi"}, {"type": "websocket.send", "bytes": b"\xff"}]
    heard = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append(await receive())
        subject.touch(scope)
        await send(accept)
        heard.append(await receive())
        for answer in answers:
            await send(answer)
        heard.append(await receive())

    linted = Linted(subject, app)
    reply = await call_socket(linted, socket_scope(subject, subprotocols=["chat"]))
    assert heard == CONNECTION
    accepted, *others = reply.messages
    assert others == answers
    assert accepted["headers"][:2] == accept["headers"] or subject.sockets
    assert {*accept["headers"]} <= {*map(tuple, accepted["headers"])}
    assert accepted | {"headers": accept["headers"]} == accept
    assert accept["headers"] == [(b"x-a", b"1"), (b"set-cookie", b"a=1")]


async def call_socket(linted: Linted, scope: dict) -> Reply:
    reply = await run(linted, scope, CONNECTION)
    linted.assert_clean()
    return reply


@row("C03")
@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "websocket.close", "code": 4001, "reason": "no"}],
        [
            {"type": "websocket.http.response.start", "status": 403, "headers": [(b"x-a", b"1")]},
            {"type": "websocket.http.response.body", "body": b"no"},
        ],
    ],
    ids=["close", "denial"],
)
async def test_an_application_may_refuse_a_websocket(subject: Subject, messages: list[Any]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await sending(*messages)(scope, receive, send)

    reply = await call_socket(Linted(subject, app), socket_scope(subject))
    assert [m | {"headers": []} for m in reply.messages] == [m | {"headers": []} for m in messages]
    assert reply.messages[0].get("headers", [(b"x-a", b"1")])[:1] == [(b"x-a", b"1")]


# What a server has said of a connection, and its other middleware has read already.
SERVERS_KEYS = (
    *("type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "query_string", "root_path"),
    *("headers", "client", "server", "subprotocols", "state", "extensions"),
)
# The keys that outlive a call: documented, and meant for those outside.
LASTING_KEYS = {"session", "user", "auth", "asgi_requests.body", "contract.tag"}


def assert_the_servers_keys_are_as_they_were(scope: dict, before: dict, originals: dict) -> None:
    for key in SERVERS_KEYS:
        assert scope.get(key) == before.get(key), key
        assert scope.get(key) is originals.get(key), key


@row("C04")
@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_what_a_scope_says_of_the_connection_is_never_overwritten(subject: Subject, kind: str) -> None:
    scope = acting_scope(subject) if kind == "http" else socket_scope(subject)
    originals, before = dict(scope), copy.deepcopy(scope)
    seen = []

    async def app(inner: Any, receive: Any, send: Any) -> None:
        subject.touch(inner)
        seen.append((inner["state"] is originals["state"], inner["headers"]))
        if kind == "http":
            await sending(*page(b"x" * 1000))(inner, receive, send)
        else:
            await receive()
            await send({"type": "websocket.accept"})

    await run(subject.make(app), scope, CONNECTION if kind == "websocket" else body_messages(b""))
    assert_the_servers_keys_are_as_they_were(scope, before, originals)
    assert seen == [(True, before["headers"])]
    left = scope.keys() - before.keys() - LASTING_KEYS - subject.leaves
    assert not left, f"{sorted(left)} would outlive the call: restore them, or name them in Subject(leaves=...)"


WRITTEN = {"route": "a route", "endpoint": "an endpoint", "path_params": {"id": 1}, "user": "ada", "example.mine": 1}


@row("C04", only=lambda subject: not subject.copies)
@pytest.mark.parametrize("fails", [False, True])
async def test_keys_that_the_application_adds_are_there_for_everybody_outside_at_once(
    subject: Subject, fails: bool
) -> None:
    scope = acting_scope(subject)
    seen = []

    async def app(inner: Any, receive: Any, send: Any) -> None:
        inner |= WRITTEN
        await sending(*page(b"x" * 1000))(inner, receive, send)
        if fails:
            raise LookupError

    async def send(message: Any) -> None:
        seen.append({key: scope.get(key) for key in WRITTEN})

    with suppress(LookupError):
        await subject.make(app)(scope, quiet, send)
    assert seen == [WRITTEN] * len(seen)
    assert seen
    assert {key: scope.get(key) for key in WRITTEN} == WRITTEN


@row("C04")
@pytest.mark.parametrize("fails", [False, True])
async def test_two_applications_may_be_tried_in_turn_with_one_scope(subject: Subject, fails: bool) -> None:
    async def missing(scope: Any, receive: Any, send: Any) -> None:
        subject.touch(scope)
        if fails:
            raise LookupError

    scope = acting_scope(subject)
    unanswered = Reply()
    with suppress(LookupError, RuntimeError):  # BaseHTTPMiddleware wants a response
        await run(subject.make(missing), scope, reply=unanswered)
    if unanswered.messages:
        return  # it has answered the failure itself
    answering = touching(subject, sending(*page(b"x" * 1000)))
    reply = await call(Linted(subject, answering), scope)
    alone = await call(Linted(subject, answering), acting_scope(subject))
    assert (reply.status, decoded(reply)) == (alone.status, decoded(alone))
    assert [name for name, _ in reply.headers] == [name for name, _ in alone.headers]


@row("C14")
async def test_an_exception_passes_unchanged(subject: Subject) -> None:
    for kind, sent in product([LookupError, OSError], [0, 1, 2]):
        reply = await failed(subject, kind("broken"), sent)
        assert len(reply.messages) == (2 if sent == 0 and subject.raises else sent)
        assert reply.types[:1] == ["http.response.start"] * bool(reply.messages)


@row("C14")
async def test_an_exception_that_is_not_an_error_is_not_answered(subject: Subject) -> None:
    for sent in range(3):
        assert len((await failed(subject, Stop(), sent)).messages) <= sent


async def failed(subject: Subject, error: BaseException, sent: int) -> Reply:
    """The messages of a page whose application raised after so many messages; the very exception came out."""
    reply = Reply()
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        await run(subject.make(Failing(error, *page(b"x" * 1000)[:sent])), acting_scope(subject), reply=reply)
    assert caught.value is error
    assert_nothing_was_added(error)
    return reply


@row("C14")
async def test_an_exception_of_a_websocket_passes_unchanged(subject: Subject) -> None:
    error = LookupError("broken")
    with pytest.raises(LookupError) as caught:
        await run(subject.make(Failing(error)), socket_scope(subject), CONNECTION)
    assert caught.value is error
    assert_nothing_was_added(error)


@row("C15")
async def test_an_application_learns_at_the_body_that_the_client_has_left(subject: Subject) -> None:
    await left_at(subject, "http.response.body")


@row("C15")
async def test_an_application_learns_at_the_start_that_the_client_has_left(subject: Subject) -> None:
    await left_at(subject, "http.response.start")


async def left_at(subject: Subject, failing: str) -> None:
    error = OSError("gone")
    seen: list[BaseException] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await sending(*page(b"x" * 1000))(scope, receive, send)
        except OSError as exc:
            seen.append(exc)
            raise

    async def send(message: Any) -> None:
        if message["type"] == failing:
            raise error

    with pytest.raises(OSError, match="gone") as caught:
        await subject.make(app)(acting_scope(subject), quiet, send)
    assert seen == [error]
    assert caught.value is error


async def quiet() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


@row("C15")
async def test_an_exception_of_receive_reaches_the_application(subject: Subject) -> None:
    error = RuntimeError("receive is broken")

    async def receive() -> Any:
        raise error

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with pytest.raises(RuntimeError) as caught:
            await receive()
        assert caught.value is error
        await sending(*page(b"done"))(scope, receive, send)

    reply = Reply()

    async def send(message: Any) -> None:
        reply.messages.append(message)

    await subject.make(app)(acting_scope(subject), receive, send)
    assert decoded(reply) == b"done"


@row("C16")
@pytest.mark.parametrize("started", [False, True])
async def test_cancellation_reaches_the_application_and_leaves_nothing_behind(
    subject: Subject, started: bool, anyio_backend: str
) -> None:
    ended = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            if started:
                await send(page(b"")[0])
                await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
            cancelling.cancel()
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            ended.append("cancelled")
            raise
        finally:
            ended.append("cleaned up")

    tasks = asyncio.all_tasks() if anyio_backend == "asyncio" else set()
    reply = Reply()
    with anyio.CancelScope() as cancelling:
        await run(subject.make(app), acting_scope(subject), reply=reply)
    assert cancelling.cancelled_caught
    assert ended == ["cancelled", "cleaned up"]
    assert len(reply.messages) == 2 * started
    assert (asyncio.all_tasks() if anyio_backend == "asyncio" else set()) == tasks


variable = contextvars.ContextVar("variable", default="unset")


@row("C17")
async def test_the_application_runs_in_the_callers_task(subject: Subject) -> None:
    tasks = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        tasks.append(anyio.get_current_task().id)
        await sending(*page(b"hello"))(scope, receive, send)

    await call(Linted(subject, app), acting_scope(subject))
    assert tasks == [anyio.get_current_task().id]


@row("C17")
async def test_context_variables_flow_both_ways(subject: Subject) -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(variable.get())
        variable.set("by application")
        await sending(*page(b"hello"))(scope, receive, send)

    variable.set("by server")
    await call(Linted(subject, app), acting_scope(subject))
    assert (seen, variable.get()) == (["by server"], "by application")


@row("C18")
async def test_a_cancelled_receive_loses_no_message(subject: Subject) -> None:
    server, arriving = anyio.create_memory_object_stream[Any](10)
    heard = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(page(b"x" * 1000, length=False)[0])
        for number in range(3):
            async with anyio.create_task_group() as tasks:  # as Django: a receive is pending while it sends
                tasks.start_soon(receive)
                for _ in range(5):
                    await checkpoint()
                await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
                tasks.cancel_scope.cancel()
            await server.send({"type": "http.request", "body": b"%d" % number, "more_body": number < 2})
            heard.append((await receive())["body"])
        await send({"type": "http.response.body", "body": b""})

    reply = Reply()

    async def send(message: Any) -> None:
        await checkpoint()
        reply.messages.append(message)

    with anyio.fail_after(20):
        await Linted(subject, app)(acting_scope(subject, method="POST"), arriving.receive, send)
    server.close()
    arriving.close()
    assert heard == [b"0", b"1", b"2"]
    assert decoded(reply) == b"x" * 3000


@row("C19")
async def test_the_disconnect_is_the_servers_own(subject: Subject) -> None:
    left = {"type": "http.disconnect", "x-note": "as the server says it"}
    script = [*body_messages([b"one", b"two"]), left]
    leave = anyio.Event()
    heard = []

    async def receive() -> Any:
        if len(script) == 1:
            await leave.wait()
        return script.pop(0)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append(await receive())
        heard.append(await receive())
        async with anyio.create_task_group() as tasks:

            async def wait() -> None:
                heard.append(await receive())

            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            assert len(heard) == 2, "a disconnect was invented"
            await sending(*page(b"hello"))(scope, receive, send)
            leave.set()

    reply = Reply()

    async def send(message: Any) -> None:
        reply.messages.append(message)

    await subject.make(app)(acting_scope(subject, method="POST"), receive, send)
    assert heard == [*body_messages([b"one", b"two"]), left]


@row("C21")
async def test_requests_at_a_time_share_nothing(subject: Subject) -> None:
    everyone = anyio.Event()
    arrived = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        subject.touch(scope)
        body = (await receive())["body"]
        arrived.append(body)
        if len(arrived) == 100:
            everyone.set()
        await everyone.wait()
        await sending(*page(body * 100, headers=[(b"x-number", body)]))(scope, receive, send)

    linted = Linted(subject, app)
    before = dict(vars(linted.middleware)) if hasattr(linted.middleware, "__dict__") else {}
    replies: dict[int, Reply] = {}

    async def one(number: int) -> None:
        replies[number] = await call(linted, acting_scope(subject, method="POST"), body=b"%03d" % number)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for number in range(100):
                tasks.start_soon(one, number)
    for number, reply in replies.items():
        assert (reply.header("x-number"), decoded(reply)) == (f"{number:03}", b"%03d" % number * 100)
    assert before == (dict(vars(linted.middleware)) if before else {})


@row("C21")
def test_one_instance_serves_many_event_loops(subject: Subject) -> None:
    linted = Linted(subject, touching(subject, sending(*page(b"x" * 8192))))

    async def several() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(one)

    async def one() -> None:
        assert decoded(await call(linted, acting_scope(subject))) == b"x" * 8192

    for backend in ("asyncio", "trio", "asyncio"):
        anyio.run(several, backend=backend)


MINIMAL = ("type", "asgi", "http_version", "method", "path", "query_string", "headers")


OPTIONAL: list[dict[str, Any] | None] = [
    {"http_version": "1.0"},
    {"http_version": "2", "scheme": "https"},
    {"server": None, "client": None},
    {"client": ["127.0.0.1", 1], "server": ["/run/app.sock", None], "extensions": None},
    None,
]


@row("C27")
async def test_optional_keys_may_be_missing(subject: Subject) -> None:
    for changes in OPTIONAL:
        scope = acting_scope(subject) | (changes or {})
        if changes is None:
            scope = {key: scope[key] for key in MINIMAL} | subject.scope
        linted = Linted(subject, touching(subject, sending(*page(b"x" * 1000))))
        reply = await call(linted, scope)
        assert (reply.status, decoded(reply)) == (200, b"x" * 1000), changes


@row("C27")
async def test_a_handshake_may_name_no_optional_keys(subject: Subject) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})

    minimal = {"type", "asgi", "path", "headers", "scheme"}
    scope = {key: value for key, value in socket_scope(subject).items() if key in minimal}
    assert (await call_socket(Linted(subject, app), scope)).types == ["websocket.accept"]


@row("C28")
async def test_nothing_is_invented_for_an_application_that_sends_nothing(subject: Subject) -> None:
    assert (await run(subject.make(touching(subject, sending())), acting_scope(subject))).messages == []


@row("C28")
async def test_nothing_is_invented_for_an_application_that_stops_after_the_start(subject: Subject) -> None:
    app = touching(subject, sending(page(b"x" * 1000)[0]))
    assert (await run(subject.make(app), acting_scope(subject))).types == ["http.response.start"]


@row("C29")
async def test_a_response_never_starts_twice(subject: Subject) -> None:
    for application in ("sends", "raises", "raises late", "insists"):
        await start_once(subject, application)


async def start_once(subject: Subject, application: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if application == "raises":
            raise Refused
        try:
            await sending(*page(b"x" * 1000))(scope, receive, send)
        except OSError:
            if application != "insists":
                raise
            await send({"type": "http.response.body", "body": b""})
        if application == "raises late":
            raise Refused

    for failing in range(3):
        tried = await tried_until(failing, subject.make(app), acting_scope(subject))
        assert tried.count("http.response.start") <= 1


async def tried_until(failing: int, app: Any, scope: dict) -> list[str]:
    """The types of all messages that were sent to a server whose client leaves before one of them."""
    tried: list[str] = []

    async def send(message: Any) -> None:
        tried.append(message["type"])
        if len(tried) > failing:
            raise OSError("gone")

    with suppress(OSError, Refused, RuntimeError):  # which of them is another test's question
        await app(scope, quiet, send)
    return tried


@row("C06")
async def test_the_headers_of_a_request_may_be_any_iterable(subject: Subject) -> None:
    for kind in (tuple, iter):
        await read_twice(subject, kind)


async def read_twice(subject: Subject, kind: Callable[[Any], Any]) -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        subject.touch(scope)
        seen.extend(scope["headers"])
        await sending(*page(b"x" * 1000))(scope, receive, send)

    scope = acting_scope(subject, (b"x-last", b"1"))
    wanted = list(scope["headers"])
    scope["headers"] = kind(wanted)
    reply = await run(subject.make(app), scope)
    assert (seen, decoded(reply)) == (wanted, b"x" * 1000)


async def reading(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body", False):
        pass
    await sending(*page(b"read"))(scope, receive, send)


async def failing_after_reading(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    raise LookupError("no")


@row("C35")
@pytest.mark.parametrize("app", [reading, failing_after_reading])
async def test_no_reference_cycle_is_left(subject: Subject, app: Any) -> None:
    middleware = subject.make(touching(subject, app))

    async def requests() -> None:
        for scope in (acting_scope(subject, method="POST"), subject.refusal):
            if scope is not None:
                with suppress(Exception):
                    await call(middleware, copy.copy(scope), body=b"some bytes")

    assert await garbage_of(requests) == 0


@row("C36")
@pytest.mark.parametrize("begun", ["body", "stream"])
async def test_a_body_that_an_outer_request_has_read_reaches_the_application(subject: Subject, begun: str) -> None:
    bodies = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        bodies.append(await Request(scope, receive).body())
        for message in page(b"thanks"):
            await send(message)

    middleware = subject.make(touching(subject, app))

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        assert not await request.is_disconnected() if begun == "stream" else await request.body()
        await middleware(scope, receive, send)

    with anyio.fail_after(20):
        await call(outer, acting_scope(subject, method="POST"), body=[b"some ", b"bytes"])
    assert bodies == [b"some bytes"]
