"""Every middleware in front of five frameworks, called as a bare server calls it: nothing is lost and nothing damaged."""

from __future__ import annotations

import gc
from importlib import import_module
from types import ModuleType
from typing import Any

import anyio
import pytest

from asgi_testclient import Lint
from integrations.with_middleware import PAGES, SITES, STACKS, call_bare, decoded, page_scope, socket_scope
from raw_asgi import Reply, http_scope, run

REPLACED = {"content-length", "content-encoding", "etag", "vary", "accept-ranges", "date", "strict-transport-security"}


@pytest.fixture(scope="module", params=SITES)
def framework(request: pytest.FixtureRequest) -> tuple[ModuleType, Any]:
    """A site and its application, one for all middlewares: what one of them damaged, the next would find."""
    name: str = request.param
    pytest.importorskip(name, reason=f"needs {name}: pip install {SITES[name]}")
    site = import_module(f"integrations.site_{name}")
    return site, site.create()


def others(reply: Reply) -> list[tuple[str, bytes]]:
    """The headers that no middleware here has any business to change, in order."""
    pairs = [(name.decode().lower(), value) for name, value in reply.headers]
    return [(name, value) for name, value in pairs if name not in REPLACED]


def is_within(inner: list[Any], outer: list[Any]) -> bool:
    """Return whether all of one list are in the other, in their order."""
    rest = iter(outer)
    return all(item in rest for item in inner)


@pytest.mark.parametrize("stack", STACKS, ids=lambda subject: subject.id)
async def test_pages_streams_uploads_redirects_and_cookies_are_the_same(framework: Any, stack: Any) -> None:
    _, app = framework
    inner = Lint(app, ignore=["W01"])  # Django's Title-Case
    lint = Lint(stack.make(inner), ignore=["W01"])
    for page in PAGES:
        plain = await call_bare(app, page_scope(stack, page), page[3])
        reply = await call_bare(lint, page_scope(stack, page), page[3])
        again = await call_bare(app, page_scope(stack, page), page[3])
        # Frameworks leave it to the server to drop the body of HEAD, whose head says how that of GET is encoded.
        body = reply.body if page[0] == "HEAD" else decoded(reply)
        assert (reply.status, body) == (plain.status, plain.body), page[:2]
        assert is_within(others(plain), others(reply)), page[:2]
        assert (again.status, again.body, others(again)) == (plain.status, plain.body, others(plain)), page[:2]
        assert again.headers == plain.headers or "date" in again.headers
        length = reply.header("content-length")
        assert length is None or page[0] == "HEAD" or int(length) == len(reply.body), page[:2]
        assert len(reply.all("content-encoding")) < 2
        assert len(reply.all("vary")) < 2
    inner.assert_clean()
    lint.assert_clean()


@pytest.mark.parametrize("stack", STACKS, ids=lambda subject: subject.id)
async def test_a_failing_page_fails_as_it_does_alone(framework: Any, stack: Any) -> None:
    _, app = framework

    async def outcome(app: Any) -> tuple[Any, ...]:
        scope = http_scope("GET", "/error", headers=stack.request_headers(), **stack.scope)
        try:
            reply = await call_bare(app, scope)
        except ValueError as exc:
            return (500, str(exc))
        return (reply.status, "")

    assert await outcome(stack.make(app)) == await outcome(app)


@pytest.mark.parametrize("stack", STACKS, ids=lambda subject: subject.id)
async def test_events_arrive_one_by_one_and_end_with_the_client(framework: Any, stack: Any) -> None:
    site, app = framework
    site.events.clear()
    scope = http_scope("GET", "/sse", headers=stack.request_headers(), **stack.scope)
    with anyio.fail_after(20):
        reply = await call_bare(stack.make(app), scope, messages_wanted=5)
    assert decoded(reply).count(b"tick") >= 3
    assert reply.header("content-encoding") is None
    gc.collect()  # some leave their generators to the garbage collector, and so their end to the next turn of the loop
    await anyio.wait_all_tasks_blocked()
    assert site.events == ["sse ended"]


@pytest.mark.parametrize("stack", STACKS, ids=lambda subject: subject.id)
async def test_websockets_talk_and_are_refused_as_alone(framework: Any, stack: Any) -> None:
    site, app = framework
    if not site.features.get("websocket", True):
        with pytest.raises(ValueError, match="websocket"):
            await run(stack.make(app), socket_scope(stack, "/ws"), [{"type": "websocket.connect"}])
        return
    # Quart 0.23 receives in a task beside that of its handler, which may accept before it has received the connect.
    ignored = ["W01", "E27"] if site.__name__.endswith("quart") else ["W01"]
    wrapped = Lint(stack.make(Lint(app, ignore=ignored)), ignore=ignored)
    for path in ("/ws", "/ws-denied"):
        plain = await converse(app, socket_scope(stack, path))
        reply = await converse(wrapped, socket_scope(stack, path))
        assert reply.types == plain.types
        assert [without_headers(m) for m in reply.messages] == [without_headers(m) for m in plain.messages]
    wrapped.assert_clean()


def without_headers(message: Any) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key != "headers"}


def ends_a_denial(message: Any) -> bool:
    return message["type"] == "websocket.http.response.body" and not message.get("more_body")


async def converse(app: Any, scope: dict) -> Reply:
    """One conversation: two texts, and a word that makes the site close."""
    reply = Reply()
    said: list[Any] = [{"type": "websocket.connect"}]
    said += [{"type": "websocket.receive", "text": text} for text in ("one", "two", "close")]
    closed = anyio.Event()
    answered = anyio.Event()

    async def receive() -> Any:
        if len(said) == 4:
            return said.pop(0)
        await answered.wait()
        if said and not closed.is_set():
            return said.pop(0)
        await closed.wait()
        return {"type": "websocket.disconnect", "code": 4001, "reason": ""}

    async def send(message: Any) -> None:
        reply.messages.append(message)
        # After a denial, too, a server reports the end of the connection: Quart 0.23 waits for it before it returns.
        if message["type"] == "websocket.close" or ends_a_denial(message):
            closed.set()
        if message["type"] == "websocket.accept" or closed.is_set():
            answered.set()

    with anyio.fail_after(20):
        await app(scope, receive, send)
    return reply


@pytest.mark.parametrize("stack", STACKS, ids=lambda subject: subject.id)
async def test_the_lifespan_is_the_applications(framework: Any, stack: Any) -> None:
    site, app = framework
    site.events.clear()
    scope: dict[str, Any] = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    if not site.features.get("lifespan", True):
        with pytest.raises(ValueError, match="lifespan"):
            await run(stack.make(app), scope, messages)
        return
    reply = await run(stack.make(app), scope, messages)
    assert reply.types == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert site.events == ["startup", "shutdown"]
