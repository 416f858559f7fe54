"""Every middleware in front of five frameworks under uvicorn, as clients over sockets see it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

from integrations.with_middleware import PAGES, SITES, STACKS
from serving import Uvicorn

pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'uvicorn[standard]'")
websockets = pytest.importorskip("websockets.sync.client", reason="needs websockets: pip install websockets")
from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402

OWN = {"content-length", "content-encoding", "etag", "vary", "accept-ranges", "date", "strict-transport-security"}
each_stack = pytest.mark.parametrize("stack", STACKS, ids=lambda subject: subject.id)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Uvicorn]]:
    """One server for each framework that is there; they start side by side."""
    logs = tmp_path_factory.mktemp("uvicorn")
    with ExitStack() as stack:
        yield {name: stack.enter_context(serve(name, logs)) for name in SITES if find_spec(name) is not None}


def serve(name: str, logs: Path) -> Uvicorn:
    lifespan = "off" if name == "django" else "on"
    return Uvicorn(
        f"integrations.with_middleware:{name}", log=logs / name, factory=True, proxy_headers=True, lifespan=lifespan
    )


@pytest.fixture(scope="module", params=SITES)
def server(request: pytest.FixtureRequest, servers: dict[str, Uvicorn]) -> Uvicorn:
    name: str = request.param
    if name not in servers:
        pytest.skip(f"needs {name}: pip install {SITES[name]}")
    servers[name].site = import_module(f"integrations.site_{name}")
    return servers[name]


@pytest.fixture(scope="module")
def client(server: Uvicorn) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


def headers_of(stack: Any, *more: tuple[bytes, bytes], wrapped: bool = True) -> list[tuple[bytes, bytes]]:
    name = [(b"x-middleware", stack.id.encode())] if wrapped else []
    accept = (b"accept", b"text/html")  # what Falcon's errors look like depends on it
    return [*stack.request_headers(accept, *more), (b"x-forwarded-proto", b"https"), *name]


def others(response: httpx.Response) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in response.headers.multi_items() if name.lower() not in OWN]


def ask(client: httpx.Client, stack: Any, page: Any, *, wrapped: bool) -> httpx.Response:
    method, target, headers, chunks = page
    content: Any = iter(chunks) if len(chunks) > 1 else chunks[0]
    return client.request(method, target, headers=headers_of(stack, *headers, wrapped=wrapped), content=content)


@pytest.fixture(scope="module")
def without(client: httpx.Client) -> Iterator[list[httpx.Response]]:
    """The answers of the site alone; once every middleware has been there, it still answers that."""
    before = [ask(client, STACKS[0], page, wrapped=False) for page in PAGES]
    yield before
    for page, plain in zip(PAGES, before, strict=True):
        after = ask(client, STACKS[0], page, wrapped=False)
        assert (after.status_code, after.content, others(after)) == (plain.status_code, plain.content, others(plain))


@each_stack
def test_a_browser_gets_what_it_gets_without(client: httpx.Client, without: list[Any], stack: Any) -> None:
    for page, plain in zip(PAGES, without, strict=True):
        response = ask(client, stack, page, wrapped=True)
        assert (response.status_code, response.content) == (plain.status_code, plain.content), page[1]
        assert [pair for pair in others(plain) if pair not in others(response)] == [], page[1]
        assert len(response.headers.get_list("content-length")) < 2
        assert len(response.headers.get_list("vary")) < 2


@each_stack
def test_a_failing_page_leaves_the_server_whole(client: httpx.Client, stack: Any) -> None:
    for _ in range(2):
        failed = client.get("/error", headers=headers_of(stack, (b"connection", b"close")))  # or it is reset
        assert failed.status_code == 500
    assert client.get("/", headers=headers_of(stack)).text == "hello world"


@each_stack
def test_events_arrive_while_more_are_made(client: httpx.Client, stack: Any) -> None:
    with client.stream("GET", "/sse", headers=headers_of(stack)) as response:
        assert "content-encoding" not in response.headers
        lines = response.iter_lines()
        assert sum("tick" in next(lines) for _ in range(6)) >= 2
    assert client.get("/", headers=headers_of(stack)).status_code == 200


def connect(server: Uvicorn, path: str, headers: list[tuple[bytes, bytes]]) -> Any:
    named = [(name.decode(), value.decode()) for name, value in headers if name not in (b"host", b"origin")]
    given = dict(headers)
    return websockets.connect(
        f"ws://127.0.0.1:{server.port}{path}",
        subprotocols=["chat"],
        additional_headers=named,
        origin=given[b"origin"].decode() if b"origin" in given else None,
        proxy=None,
    )


@each_stack
def test_websockets_talk_to_the_application(server: Any, stack: Any) -> None:
    if not server.site.features.get("websocket", True):
        pytest.skip("Django speaks no WebSocket")
    if stack.path.endswith("TrustedHostMiddleware") or stack.path.endswith("Stack"):
        pytest.skip("the client names the host it connects to: the refusals below are the test")
    with connect(server, "/ws", headers_of(stack)) as socket:
        assert socket.subprotocol == "chat"
        for text in ("one", "zwei ☃" * 1):
            socket.send(text)
            assert socket.recv(30) == text
        socket.send("close")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(30)
        assert closed.value.rcvd.code == 4001
    with pytest.raises(InvalidStatus) as refused, connect(server, "/ws-denied", headers_of(stack)):
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    "stack", [stack for stack in STACKS if stack.refuses_sockets and not stack.raises], ids=lambda subject: subject.id
)
def test_a_refused_websocket_gets_an_answer(server: Any, stack: Any) -> None:
    if stack.path.endswith("ExceptionMiddleware"):
        pytest.skip("these sites raise nothing on their WebSockets")
    wrong = [(b"origin", b"https://evil.example"), (b"authorization", b"wrong"), (b"x-middleware", stack.id.encode())]
    with pytest.raises(InvalidStatus) as refused, connect(server, "/ws", wrong):
        pass
    assert 400 <= refused.value.response.status_code < 500
