"""A body that an outer Request has read is there for middleware that reads it itself, and for what follows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from asgi_middleware.concurrency import ConcurrencyLimitMiddleware
from asgi_middleware.csrf import CSRFMiddleware, csrf_token
from asgi_middleware.wsgi import WSGIMiddleware
from asgi_requests import PlainTextResponse, Request
from asgi_testclient import Lint
from raw_asgi import body_messages, http_scope, run

App = Callable[[Any, Any, Any], Awaitable[None]]


def reading(app: App) -> App:
    """An application behind one that reads the body, as a middleware that checks a signature does."""

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        await Request(scope, receive).body()
        await app(scope, receive, send)

    return outer


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse(await Request(scope, receive).body())(scope, receive, send)


async def test_a_token_is_found_in_a_form_that_has_been_read():
    async def page(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse(csrf_token(scope))(scope, receive, send)

    shown = await run(CSRFMiddleware(page, secret_key="swordfish"), http_scope(scheme="https"))
    cookie = shown.header("set-cookie").partition(";")[0].encode()
    form = [(b"cookie", cookie), (b"content-type", b"application/x-www-form-urlencoded")]
    body = b"csrf_token=" + shown.body
    protected = reading(CSRFMiddleware(echo, secret_key="swordfish"))
    with anyio.fail_after(20):
        reply = await run(protected, http_scope("POST", headers=form, scheme="https"), body_messages(body))
    assert (reply.status, reply.body) == (200, body)


@pytest.mark.parametrize("both_sides", [False, True])
async def test_a_lint_passes_on_a_body_that_has_been_read(both_sides: bool):
    with anyio.fail_after(20):
        reply = await run(
            reading(Lint(echo, both_sides=both_sides)), http_scope("POST"), body_messages([b"some ", b"bytes"])
        )
    assert reply.body == b"some bytes"


async def test_a_wsgi_application_gets_a_body_that_has_been_read():
    def wsgi(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    headers = [(b"content-length", b"10")]
    with anyio.fail_after(20):
        reply = await run(
            reading(WSGIMiddleware(wsgi)), http_scope("POST", headers=headers), body_messages([b"some ", b"bytes"])
        )
    assert reply.body == b"some bytes"


async def test_a_request_that_waits_for_its_turn_keeps_a_body_that_has_been_read():
    async def first(scope: Any, receive: Any, send: Any) -> None:
        await (go.wait() if scope["path"] == "/first" else echo(scope, receive, send))

    go = anyio.Event()
    limited = reading(ConcurrencyLimitMiddleware(first, 1, queue=1, wait=60))
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: run(limited, http_scope(path="/first"), body_messages(b"")))
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(release, go)
            reply = await run(limited, http_scope("POST"), body_messages([b"some ", b"bytes"]))
    assert reply.body == b"some bytes"


async def release(go: anyio.Event) -> None:
    await anyio.wait_all_tasks_blocked()
    go.set()
