"""Long texts of clients are read and forgotten: no table keeps as many of them as it has entries."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from asgi_framework import App, JSONResponse, Response, Route, StaticFiles
from asgi_middleware.concurrency import ConcurrencyLimitMiddleware
from asgi_middleware.csrf import CSRFMiddleware
from asgi_middleware.disconnect import CancelOnDisconnectMiddleware
from asgi_middleware.rate_limit import by_client
from asgi_requests import HTTPException, Request
from asgi_requests.files import evaluate_preconditions
from asgi_requests.negotiation import negotiate, negotiate_language
from asgi_routing import Mount, Router
from asgi_testclient import Lint
from contract.conformance.subjects import SUBJECTS, Refused, Subject, plain
from raw_asgi import body_messages, http_scope, run

LENGTH, REQUESTS = 20_000, 30
# A table that kept one text of each request would hold LENGTH * REQUESTS.
MOST_KEPT = LENGTH * REQUESTS // 3


def scope_of(number: int) -> Any:
    """A request in which each value that a client chooses is long and occurs once."""
    text = f"x{number}" * (LENGTH // len(f"x{number}"))
    long = text.encode()
    values = {
        b"accept": b"text/html,a/" + long,
        b"accept-encoding": b"gzip," + long,
        b"accept-language": b"de," + long,
        b"access-control-request-headers": long,
        b"access-control-request-method": b"GET",
        b"authorization": b"Bearer " + long,
        b"cache-control": long,
        b"content-type": b"text/" + long,
        b"cookie": b"session=" + long,
        b"forwarded": b"for=" + long,
        b"host": long,
        b"idempotency-key": long,
        b"if-modified-since": long,
        b"if-none-match": b'"' + long + b'"',
        b"if-range": long,
        b"origin": b"https://" + long,
        b"range": b"bytes=0-" + long,
        b"referer": b"https://a.example/" + long,
        b"traceparent": long,
        b"user-agent": long,
        b"x-csrf-token": long,
        b"x-forwarded-for": long,
        b"x-forwarded-host": long,
        b"x-forwarded-proto": long,
        b"x-request-id": long,
        long: b"1",
    }
    return http_scope(
        ("GET", "POST", "OPTIONS")[number % 3],
        f"/{text}",
        query=b"q=" + long,
        headers=[*values.items()],
        client=(text, 1),
    )


async def kept(call: Callable[[Any], Any]) -> int:
    """The bytes that are held after many requests and were not after a few."""
    tracemalloc.start()
    try:
        for number in range(3):
            await call(scope_of(number))
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for number in range(3, 3 + REQUESTS):
            await call(scope_of(number))
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def served(app: Any) -> Any:
    async def call(scope: Any) -> None:
        await run(app, scope, body_messages(b"a" * 10))

    return call


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.id)
async def test_a_middleware_keeps_no_long_text(subject: Subject) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        subject.touch(scope)
        if scope["path"].startswith("/x1"):
            raise Refused
        await plain(200, "page")(scope, receive, send)

    middleware = subject.make(app)

    async def call(scope: Any) -> None:
        with suppress(Refused):
            await run(middleware, scope, body_messages(b"a" * 10))

    assert await kept(call) < MOST_KEPT


async def reads_everything(request: Request) -> Response:
    request.cookies, request.query_params, request.url, request.client
    await request.body()
    negotiate(request, ["application/json", "text/html"], default=None)
    negotiate_language(request, ["en", "de-CH"])
    evaluate_preconditions(request.scope, etag='"1"', last_modified=0)
    return Response("page", media_type=request.headers["content-type"], headers={request.path_params["name"]: "1"})


@pytest.fixture
def files(tmp_path: Path) -> Any:
    (tmp_path / "index.html").write_text("page")
    (tmp_path / "index.html.gz").write_bytes(b"page")
    return StaticFiles(directory=tmp_path, html=True, fallback="index.html", precompressed=True, stat_max_age=60)


async def test_an_application_keeps_no_long_text() -> None:
    app = App(routes=[Route("/{name}", reads_everything, methods=["GET", "POST"])])
    assert await kept(served(app)) < MOST_KEPT


async def test_content_types_and_names_of_headers_are_not_kept_if_they_are_long(monkeypatch: Any) -> None:
    monkeypatch.setattr("asgi_requests._response._TYPES", {})
    assert await kept(served(App(routes=[Route("/{name}", reads_everything)]))) < MOST_KEPT


async def test_a_router_and_an_exception_keep_no_long_text() -> None:
    router = Router([Mount("/a", routes=[]), Mount("/{name}", app=HTTPException(404))])
    assert await kept(served(router)) < MOST_KEPT


async def test_static_files_keep_no_long_text(files: Any) -> None:
    async def call(scope: Any) -> None:
        with suppress(HTTPException):
            await run(files, {**scope, "method": "GET"}, body_messages(b""))
        await run(files, {**scope, "method": "HEAD", "path": "/index.html"}, body_messages(b""))

    assert await kept(call) < MOST_KEPT


async def test_lint_keeps_no_long_text(monkeypatch: Any) -> None:
    monkeypatch.setattr("asgi_testclient._checks.headers.KINDS", {})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await JSONResponse({}, headers={scope["path"][1:]: "1"})(scope, receive, send)

    assert await kept(served(Lint(app))) < MOST_KEPT


async def test_a_rate_limit_keeps_no_long_address() -> None:
    async def call(scope: Any) -> None:
        by_client(scope)
        by_client({"client": ("fe80::1%" + scope["path"], 1)})

    assert await kept(call) < MOST_KEPT


PIECES = 2_000
# Each message of one byte is a dictionary of some 250 bytes.
MOST_AHEAD = 100 * PIECES


class Pieces:
    """A client that sends its body byte by byte, as fast as it is read, and then stops without having ended it."""

    def __init__(self) -> None:
        self.sent = 0

    async def receive(self) -> Any:
        await checkpoint()
        if self.sent == PIECES:
            await anyio.sleep_forever()
        self.sent += 1
        return {"type": "http.request", "body": b"a", "more_body": True}


async def ahead(middleware: Callable[[Any], Any], *scopes: Any) -> int:
    """The bytes that are held while the application has not asked for the body of any of these requests."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await anyio.sleep_forever()

    async def send(message: Any) -> None:
        pass

    served = middleware(app)
    clients = [Pieces() for _ in scopes]
    tracemalloc.start()
    try:
        async with anyio.create_task_group() as tasks:
            for scope, client in zip(scopes, clients, strict=True):
                tasks.start_soon(served, scope, client.receive, send)
            for _ in range(2 * PIECES):
                await checkpoint()
            kept, _ = tracemalloc.get_traced_memory()
            tasks.cancel_scope.cancel()
    finally:
        tracemalloc.stop()
    return kept


async def test_a_request_whose_client_is_watched_keeps_few_small_pieces_of_its_body() -> None:
    assert await ahead(CancelOnDisconnectMiddleware, http_scope("POST")) < MOST_AHEAD


async def test_a_request_in_the_queue_keeps_few_small_pieces_of_its_body() -> None:
    scopes = [http_scope("POST") for _ in range(3)]
    assert await ahead(lambda app: ConcurrencyLimitMiddleware(app, 1, queue=2, wait=600), *scopes) < MOST_AHEAD


async def test_the_search_for_a_token_keeps_few_small_pieces() -> None:
    headers = [(b"cookie", b"a=b"), (b"content-type", b"application/x-www-form-urlencoded")]
    scope = http_scope("POST", headers=headers)
    assert await ahead(lambda app: CSRFMiddleware(app, secret_key="swordfish"), scope) < MOST_AHEAD
