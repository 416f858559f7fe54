"""Applications that break a rule, one for each, and applications that hang: each is an error that says what to do."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest

from asgi_testclient import (
    AppTimeout,
    AsyncTestClient,
    LifespanFailed,
    LifespanNotSupported,
    Lint,
    ProtocolViolation,
    ProtocolWarning,
    TestClient,
    WebSocketDisconnect,
)
from asgi_testclient._checks.rules import RULES, WARNINGS

START = {"type": "http.response.start", "status": 200}
BODY = {"type": "http.response.body", "body": b"x"}
MORE = {**BODY, "more_body": True}
ACCEPT = {"type": "websocket.accept"}
TEXT = {"type": "websocket.send", "text": "x"}
CLOSE = {"type": "websocket.close"}
DENIAL = {"type": "websocket.http.response.start", "status": 403}
STARTED = {"type": "lifespan.startup.complete"}

Step = Any
App = Callable[[Any, Any, Any], Awaitable[object]]


class Script:
    """Does its steps: messages are sent, "receive" and "sleep" are done, functions are called, the last is returned.

    Where it is `careless`, it goes on after an error, as frameworks do that catch and log whatever is raised.
    """

    def __init__(self, *steps: Step, careless: bool = False) -> None:
        self.steps = steps
        self.careless = careless

    async def __call__(self, scope: Any, receive: Any, send: Any) -> object:
        result = None
        for step in self.steps:
            try:
                result = await self.step(step, scope, receive, send)
            except ProtocolViolation:
                if not self.careless:
                    raise
        return result

    @staticmethod
    async def step(step: Step, scope: Any, receive: Any, send: Any) -> object:
        if step == "receive":
            await receive()
        elif step == "sleep":
            await anyio.sleep(100)
        elif callable(step):
            return step(scope, receive, send)
        else:
            await send(dict(step) if isinstance(step, dict) else step)
        return None


class Case(NamedTuple):
    code: str
    came: str
    steps: tuple[Step, ...]
    kind: str = "http"
    options: dict[str, Any] = {}


def headers(*pairs: Any) -> dict[str, Any]:
    return {**START, "headers": list(pairs)}


CASES = [
    Case("E01", "'http.response.start' (str)", ("http.response.start",)),
    Case("E01", "the type None", ({"status": 200},)),
    Case("E02", "'websocket.accept' is not a message", (ACCEPT,)),
    Case("E02", "'http.response.begin' is not a message", ({**START, "type": "http.response.begin"},)),
    Case("E02", "'http.response.start' is not a message", ("receive", START), "websocket"),
    Case("E03", "'http.response.push'", (START, {"type": "http.response.push", "path": "/a"}, BODY)),
    Case("E04", "http.response.body was sent before", (BODY,)),
    Case("E05", "had started", (START, START, BODY)),
    Case("E06", "http.response.body was sent after the last body", (START, BODY, BODY)),
    Case("E07", "without sending http.response.start", ()),
    Case("E07", "it sent no body", (START,)),
    Case("E07", "1 bodies, each with more_body True", (START, MORE)),
    Case("E07", "without sending the trailers", ({**START, "trailers": True}, BODY)),
    Case("E08", "'200' (str)", ({**START, "status": "200"},)),
    Case("E08", "missing", ({"type": "http.response.start"},)),
    Case("E08", "103 (int)", ({**START, "status": 103},)),
    Case("E09", "('a', 'b')", (headers(("a", "b")), BODY)),
    Case("E09", "'text/plain' (str)", ({**START, "headers": "text/plain"}, BODY)),
    Case("E10", "b'a b'", (headers((b"a b", b"c")), BODY)),
    Case("E10", "b':status'", (headers((b":status", b"200")), BODY)),
    Case("E11", r"b'b\r\nc: d'", (headers((b"a", b"b\r\nc: d")), BODY)),
    Case("E12", "'text' (str)", (START, {**BODY, "body": "text"})),
    Case("E12", "'false' (str)", (START, {**BODY, "more_body": "false"})),
    Case("E13", "1 bytes; Content-Length said 10", (headers((b"content-length", b"10")), BODY)),
    Case("E13", "b'abc'", (headers((b"content-length", b"abc")), BODY)),
    Case("E14", "did not announce", (START, MORE, {"type": "http.response.trailers"})),
    Case("E15", "'file.txt' (str)", (START, {"type": "http.response.pathsend", "path": "file.txt"})),
    Case("E16", "returned None", (), "uncallable"),
    Case("E17", "receive() was called but never awaited", (lambda scope, receive, send: receive(), START, BODY)),
    Case("E20", "websocket.send was sent before", ("receive", TEXT), "websocket"),
    Case("E21", "a second time", ("receive", ACCEPT, ACCEPT), "websocket"),
    Case("E22", "both text and bytes", ("receive", ACCEPT, {**TEXT, "bytes": b"x"}), "websocket"),
    Case("E22", "b'x' (bytes)", ("receive", ACCEPT, {**TEXT, "text": b"x"}), "websocket"),
    Case("E23", "websocket.send was sent after", ("receive", ACCEPT, CLOSE, TEXT), "websocket"),
    Case("E24", "1005 (int)", ("receive", ACCEPT, {**CLOSE, "code": 1005}), "websocket"),
    Case("E24", "more than 123 bytes", ("receive", ACCEPT, {**CLOSE, "reason": "x" * 124}), "websocket"),
    Case("E25", "'chat' (str); the client offers none", ("receive", {**ACCEPT, "subprotocol": "chat"}), "websocket"),
    Case("E26", "after websocket.accept", ("receive", ACCEPT, DENIAL), "websocket"),
    Case("E27", "before websocket.connect was received", (ACCEPT, CLOSE), "websocket"),
    Case("E28", "before lifespan.startup was received", (STARTED,), "lifespan"),
    Case("E28", "had been answered", ("receive", STARTED, STARTED), "lifespan"),
    Case("E29", "'done' (str)", (START, BODY, lambda *_: "done")),
    Case("E30", "'info' of http.response.debug is None", ({"type": "http.response.debug"}, START, BODY)),
    Case("E31", "b'connection' over HTTP/2", (headers((b"connection", b"close")), BODY), "http", {"http_version": "2"}),
    Case("W01", "b'Content-Type'", (headers((b"Content-Type", b"text/plain")), BODY)),
    Case("W02", "b'transfer-encoding'", (headers((b"transfer-encoding", b"chunked")), BODY)),
    Case("W03", "status 204: b'x'", ({**START, "status": 204}, BODY)),
    Case("W04", "b' x'", (headers((b"a", b" x")), BODY)),
    Case("W05", "another 'path'", (lambda scope, *_: scope.update(path="/other"), START, BODY)),
    Case("W06", "the event loop for", (lambda *_: time.sleep(0.11), START, BODY)),
    Case("W07", "HTTP/1.0", (START, BODY), "http", {"http_version": "1.0"}),
]
UNSEEN = {"W05", "W06"}  # only strict="all" looks for these
AT_THE_END = {"E07", "E16", "E17", "E29", *UNSEEN}

every_case = pytest.mark.parametrize("case", CASES, ids=[f"{case.code} {case.came}"[:40] for case in CASES])
every_backend = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def application(case: Case, *, careless: bool = False) -> Any:
    if case.kind == "uncallable":
        return lambda scope, receive, send: None
    return Script(*case.steps, careless=careless)


def options(case: Case, strict: str) -> dict[str, Any]:
    given = {"strict": strict, "timeout": 5, "lifespan": "on" if case.kind == "lifespan" else "off"}
    return {**given, **case.options}


def strictness(case: Case) -> str:
    return "all" if case.code in WARNINGS else "errors"


def provoke(case: Case, client: TestClient) -> None:
    with client:
        if case.kind == "websocket":
            with client.websocket_connect("/") as websocket:
                websocket.wait_closed()
        elif case.kind != "lifespan":
            client.get("/")


async def provoke_async(case: Case, client: AsyncTestClient) -> None:
    async with client:
        if case.kind == "websocket":
            async with client.websocket_connect("/") as websocket:
                await websocket.wait_closed()
        elif case.kind != "lifespan":
            await client.get("/")


def agrees(case: Case, warned: Any) -> bool:
    """Return whether an error or a warning names the code, the message, its place and what to do."""
    violation = warned.violation
    assert violation.code == case.code
    assert case.came in violation.message
    assert violation.where is not None
    assert "test_misbehaving" in violation.where
    text = str(warned)
    return text.startswith(f"{case.code}: ") and RULES[case.code] in text


def test_there_is_an_application_for_every_rule_of_applications() -> None:
    tested = {case.code for case in CASES} | {"E18"}
    assert tested == {code for code in RULES if code[0] in "EW"}


README = Path(__file__).parents[2] / "packages" / "asgi-testclient" / "README.md"


@pytest.mark.skipif(not README.exists(), reason="reads the README of the repository")
def test_the_readme_lists_every_code_once() -> None:
    assert re.findall(r"^\| ([EWS]\d\d) \|", README.read_text(), re.MULTILINE) == list(RULES)


@every_case
@every_backend
def test_the_client_names_the_broken_rule(case: Case, backend: Any) -> None:
    client = TestClient(application(case), backend=backend, **options(case, strictness(case)))
    with pytest.raises(ProtocolViolation) as caught:
        provoke(case, client)
    assert agrees(case, caught.value)


@every_case
async def test_the_asynchronous_client_names_the_broken_rule(case: Case) -> None:
    client = AsyncTestClient(application(case), **options(case, strictness(case)))
    with pytest.raises(ProtocolViolation) as caught:
        await provoke_async(case, client)
    assert agrees(case, caught.value)


@every_case
def test_lint_names_the_broken_rule(case: Case) -> None:
    lint = Lint(application(case), strict=strictness(case))  # type: ignore[arg-type]
    with pytest.raises(ProtocolViolation) as caught:
        provoke(case, TestClient(lint, **options(case, "off")))
    assert agrees(case, caught.value)
    assert case.code in {violation.code for violation in lint.violations}


@pytest.mark.parametrize("case", [case for case in CASES if case.code not in AT_THE_END], ids=lambda case: case.code)
async def test_an_application_that_swallows_the_error_does_not_hide_it(case: Case) -> None:
    client = AsyncTestClient(application(case, careless=True), **options(case, strictness(case)))
    with pytest.raises(ProtocolViolation) as caught:
        await provoke_async(case, client)
    assert agrees(case, caught.value)


@pytest.mark.parametrize("case", [case for case in CASES if case.code in WARNINGS - UNSEEN], ids=lambda case: case.code)
def test_what_works_today_is_only_a_warning(case: Case) -> None:
    with pytest.warns(ProtocolWarning) as warned:
        provoke(case, TestClient(application(case), **options(case, "errors")))
    assert [agrees(case, warning.message) for warning in warned] == [True]


@pytest.mark.parametrize("case", [case for case in CASES if case.code in WARNINGS], ids=lambda case: case.code)
def test_a_code_may_be_left_out(case: Case) -> None:
    client = TestClient(application(case), ignore={case.code}, **options(case, "all"))
    provoke(case, client)
    assert client.last_exchange is None or client.last_exchange.violations == []


async def test_sending_after_the_application_has_returned_raises_in_the_sender() -> None:
    errors: list[ProtocolViolation] = []

    async with anyio.create_task_group() as tasks:

        async def late(send: Any) -> None:
            await anyio.sleep(0.01)
            with pytest.raises(ProtocolViolation) as caught:
                await send(BODY)
            errors.append(caught.value)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send(START)
            await send(BODY)
            tasks.start_soon(late, send)

        response = await AsyncTestClient(app).get("/")
    assert [violation.code for violation in response.asgi.violations] == ["E18"]
    assert agrees(Case("E18", "after the application had returned", ()), errors[0])


async def ticking(scope: Any, receive: Any, send: Any) -> None:
    await send(START)
    while True:
        await send(MORE)


async def stubborn(scope: Any, receive: Any, send: Any) -> None:
    for _ in range(2):
        try:
            await anyio.sleep(100)
        except anyio.get_cancelled_exc_class():
            continue


class Hang(NamedTuple):
    name: str
    error: type[BaseException]
    words: str
    app: Any
    kind: str = "http"
    options: dict[str, Any] = {}


HERE = r"suspended at .*test_misbehaving\.py:\d+ in "
HANGS = [
    Hang("returns before accept", ProtocolViolation, "E07: .*without accepting or closing", Script("receive"), "ws"),
    Hang("returns after accept", WebSocketDisconnect, "1006.*without websocket.close", Script("receive", ACCEPT), "ws"),
    Hang("sends before accept", ProtocolViolation, "E20: .*\n.*\n.*websocket.accept", Script("receive", TEXT), "ws"),
    Hang("denies without a body", ProtocolViolation, "E26: .*last body of its denial", Script("receive", DENIAL), "ws"),
    Hang(
        "denies and goes on without a body",
        AppTimeout,
        f"no end of the denial response after .*{HERE}",
        Script("receive", DENIAL, "sleep"),
        "ws",
    ),
    Hang(
        "never accepts",
        AppTimeout,
        f"neither websocket.accept nor websocket.close after .*{HERE}",
        Script("receive", "sleep"),
        "ws",
    ),
    Hang(
        "never sends",
        AppTimeout,
        f"no message from the application after .*{HERE}",
        Script("receive", ACCEPT, "sleep"),
        "ws",
        {"timeout": 5},
    ),
    Hang(
        "waits for the test, which waits for it",
        AppTimeout,
        r"waits in receive\(\), and the test waits for a message: both sides wait",
        Script("receive", ACCEPT, "receive"),
        "ws",
        {"timeout": 5},
    ),
    Hang(
        "answers a handshake over HTTP",
        ProtocolViolation,
        r"E02: .*\n.*\n.*Look at scope\['type'\]",
        Script("receive", START, BODY),
        "ws",
    ),
    Hang("hangs before its start", AppTimeout, f"no http.response.start after 0.1 s.*{HERE}", Script("sleep")),
    Hang(
        "hangs in its response", AppTimeout, r"no end of the response \(1 bytes so far\)", Script(START, MORE, "sleep")
    ),
    Hang(
        "hangs after its response",
        AppTimeout,
        "has not returned .*\n.*wait_for_app=False",
        Script(START, BODY, "sleep"),
    ),
    Hang(
        "waits in receive",
        AppTimeout,
        r"waits in receive\(\): the request body is complete, only a disconnect can follow",
        Script("receive", "receive"),
    ),
    Hang("streams forever", AppTimeout, r'use client.stream\("GET", \.\.\.\) and leave its block', ticking),
    Hang("swallows its cancellation", AppTimeout, f"no http.response.start .*{HERE}stubborn", stubborn),
    Hang(
        "never answers startup",
        AppTimeout,
        f"lifespan startup: no lifespan.startup.complete after .*{HERE}",
        Script("receive", "sleep"),
        "lifespan",
    ),
    Hang(
        "never answers shutdown",
        AppTimeout,
        f"lifespan shutdown: no lifespan.shutdown.complete after .*{HERE}",
        Script("receive", STARTED, "receive", "sleep"),
        "lifespan",
    ),
    *(
        Hang(
            f"{phase} fails, then it {then or 'returns'}",
            LifespanFailed,
            rf"lifespan\.{phase}\.failed: no database",
            Script(*before, {"type": f"lifespan.{phase}.failed", "message": "no database"}, *filter(None, [then])),
            "lifespan",
        )
        for phase, before in (("startup", ["receive"]), ("shutdown", ["receive", STARTED, "receive"]))
        for then in ("", "receive", "sleep")
    ),
    Hang(
        "lifespan returns without a message",
        LifespanNotSupported,
        'returned without a word. lifespan="auto" goes on without it',
        Script("receive"),
        "lifespan",
        {"lifespan": "on"},
    ),
]
every_hang = pytest.mark.parametrize("hang", HANGS, ids=[hang.name for hang in HANGS])
in_a_hurry = pytest.mark.filterwarnings(
    "ignore::asgi_testclient.AppIgnoredDisconnect", "ignore::asgi_testclient.UnfinishedTasks"
)


def use(hang: Hang, client: TestClient) -> None:
    with client:
        if hang.kind == "ws":
            with client.websocket_connect("/") as websocket:
                websocket.receive(timeout=limit(hang))
        elif hang.kind == "http":
            client.get("/")


async def use_async(hang: Hang, client: AsyncTestClient) -> None:
    async with client:
        if hang.kind == "ws":
            async with client.websocket_connect("/") as websocket:
                await websocket.receive(timeout=limit(hang))
        elif hang.kind == "http":
            await client.get("/")


def limit(hang: Hang) -> float:
    """Seconds: few where the test waits for the limit, else many, for the machine may be slow."""
    return 0.1 if hang.error is AppTimeout else 5


def limits(hang: Hang) -> dict[str, Any]:
    lifespan = "auto" if hang.kind == "lifespan" else "off"
    return {"timeout": limit(hang), "disconnect_grace": 0.01, "lifespan": lifespan, **hang.options}


@every_hang
@every_backend
@in_a_hurry
def test_a_hang_is_an_error_of_the_client(hang: Hang, backend: Any) -> None:
    client = TestClient(hang.app, backend=backend, **limits(hang))
    with pytest.raises(hang.error) as caught:
        use(hang, client)
    assert re.search(hang.words, str(caught.value), re.DOTALL)


@every_hang
@in_a_hurry
async def test_a_hang_is_an_error_of_the_asynchronous_client(hang: Hang) -> None:
    client = AsyncTestClient(hang.app, **limits(hang))
    with pytest.raises(hang.error) as caught:
        await use_async(hang, client)
    assert re.search(hang.words, str(caught.value), re.DOTALL)


def test_a_lifespan_that_returns_without_a_message_is_none() -> None:
    with TestClient(Script("receive")):
        pass


@every_backend
def test_the_limit_of_one_request_counts_for_it(backend: Any) -> None:
    client = TestClient(Script("sleep"), backend=backend, timeout=None, lifespan="off")
    with client, pytest.raises(AppTimeout, match=r"after 0\.01 s"):
        client.get("/", timeout=0.01)
