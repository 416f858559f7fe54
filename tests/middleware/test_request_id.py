"""One id for a request: in the scope, in its log records, on its response."""

from __future__ import annotations

import logging
import re
import uuid

import anyio
import anyio.to_thread
import pytest

from asgi_middleware.request_id import (
    RequestIDFilter,
    RequestIDMiddleware,
    TraceContext,
    new_id,
    parse_traceparent,
    request_id,
    trace_context,
)
from raw_asgi import http_scope, run, websocket_scope

PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def page(scope, receive, send):
    headers = [(b"X-Request-ID", b"the application's"), (b"x-other", b"1")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": scope["asgi_middleware.request_id"].encode()})


async def ask(*headers, **options):
    return await run(RequestIDMiddleware(page, **options), http_scope(headers=headers))


async def test_a_clean_id_of_the_client_is_kept_and_set_once():
    reply = await ask((b"host", b"a"), (b"x-request-id", b"abc-1.2_3"))
    assert (reply.text, reply.header("x-request-id"), reply.header("x-other")) == ("abc-1.2_3", "abc-1.2_3", "1")
    assert (await ask((b"X-Request-ID", b"abc"))).text == "abc"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"x-request-id", b"")],
        [(b"x-request-id", b"a b")],
        [(b"x-request-id", b"a\x1b[31m")],
        [(b"x-request-id", b"x" * 129)],
        [(b"x-request-id", b"\xe9")],
        [(b"x-request-id", b"one"), (b"x-request-id", b"two")],
        [(b"x-request-id", b"one"), (b"X-Request-ID", b"two")],
        [(b"x-request-id", b"x" * 10_000)],
        [(b"x-request-id", b"a\r\nset-cookie: b=c")],
    ],
)
async def test_any_other_is_replaced_by_a_new_one(headers):
    reply = await ask(*headers)
    assert uuid.UUID(reply.text).version == 7
    assert reply.header("x-request-id") == reply.text


async def test_the_client_need_not_be_trusted_and_names_and_ids_are_yours():
    reply = await ask((b"x-rid", b"theirs"), header="X-RID", trust_client=False, generate=lambda: "mine")
    assert (reply.text, reply.header("x-rid")) == ("mine", "mine")


def test_ids_are_of_version_7_and_sort_by_time():
    ids = [new_id() for _ in range(100)]
    assert len({*ids}) == 100
    assert all(uuid.UUID(one).version == 7 and uuid.UUID(one).variant == uuid.RFC_4122 for one in ids)
    assert [one[:13] for one in ids] == sorted(one[:13] for one in ids)


async def test_a_websocket_is_accepted_or_refused_with_its_id():
    async def app(scope, receive, send):
        await send({"type": scope["path"][1:]})

    for kind in ("websocket.accept", "websocket.http.response.start"):
        scope = websocket_scope(f"/{kind}", headers=[(b"x-request-id", b"abc")])
        reply = await run(RequestIDMiddleware(app), scope)
        assert reply.messages == [{"type": kind, "headers": [(b"x-request-id", b"abc")]}]


async def test_an_answer_to_an_exception_has_it_where_it_is_answered_inside():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 500, "headers": []})
        raise ValueError("boom")

    with pytest.raises(ValueError, match="^boom$"):
        await run(RequestIDMiddleware(app), http_scope())
    assert request_id.get() == "-"


async def test_log_records_have_it_in_tasks_and_threads(caplog):
    log = logging.getLogger("test_request_id")
    log.addFilter(RequestIDFilter())

    async def app(scope, receive, send):
        log.warning("here")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(in_a_task)
        await anyio.to_thread.run_sync(log.warning, "in a thread")

    async def in_a_task():
        log.warning("in a task")

    log.warning("outside")
    headers = [(b"x-request-id", b"abc"), (b"traceparent", PARENT)]
    await run(RequestIDMiddleware(app), http_scope(headers=headers))
    logged = [(record.getMessage(), record.request_id, record.trace_id) for record in caplog.records]
    trace = "0af7651916cd43dd8448eb211c80319c"
    assert logged == [
        ("outside", "-", "-"),
        ("here", "abc", trace),
        ("in a task", "abc", trace),
        ("in a thread", "abc", trace),
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (PARENT, TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", True)),
        (PARENT[:-2] + b"00", TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", False)),
        (PARENT[:-2] + b"ff", TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", True)),
        (b"cc" + PARENT[2:] + b"-more", TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", True)),
        (PARENT + b"-more", None),
        (b"ff" + PARENT[2:], None),
        (b"cc" + PARENT[2:] + b"more", None),
        (PARENT.upper(), None),
        (b"00-" + b"0" * 32 + PARENT[35:], None),
        (PARENT[:36] + b"0" * 16 + b"-01", None),
        (PARENT[:-1], None),
        (b"", None),
    ],
)
def test_traceparent_is_read_as_the_w3c_has_it(value, expected):
    assert parse_traceparent(value) == expected


async def test_a_request_without_a_trace_begins_one():
    seen = []

    async def app(scope, receive, send):
        seen.append(trace_context.get())
        assert scope["asgi_middleware.trace_context"] is seen[-1]

    for headers in ([], [(b"traceparent", PARENT), (b"traceparent", PARENT)], [(b"traceparent", b"junk")]):
        await run(RequestIDMiddleware(app), http_scope(headers=headers))
    assert len({trace.trace_id for trace in seen}) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", trace.trace_id) and not trace.sampled for trace in seen)
    assert trace_context.get() is None


async def test_other_scopes_pass():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)

    await run(RequestIDMiddleware(app), {"type": "lifespan"})
    assert seen == [{"type": "lifespan"}]


@pytest.mark.parametrize("header", ["", "a b", "a\r\nb", "é"])
def test_the_header_has_a_valid_name(header):
    with pytest.raises(ValueError, match="header="):
        RequestIDMiddleware(page, header=header)
