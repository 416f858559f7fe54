"""One record for each exchange, at its true end, that no client can forge."""

from __future__ import annotations

import gc
import json
import logging
import re
import threading
import weakref
from contextvars import ContextVar

import anyio
import pytest

from asgi_middleware.access_log import AccessLogMiddleware, Entry, combined, json_lines, logfmt
from asgi_middleware.request_id import RequestIDFilter, RequestIDMiddleware
from raw_asgi import Reply, body_messages, http_scope, run, websocket_scope

LOGGER = "asgi_middleware.access"


def part(body=b"", more=False):
    return {"type": "http.response.body", "body": body, "more_body": more}


def answering(*messages, status=200, **start):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": [], **start})
        for message in messages or [part(b"hello")]:
            await send(message)

    return app


@pytest.fixture
def logged(caplog):
    """logged(app, scope, messages, **options): what was logged of one exchange."""
    caplog.set_level(logging.INFO, LOGGER)

    async def logged(app, scope=None, messages=(), **options):
        caplog.clear()
        options = {"background": False} | options
        reply = Reply()
        try:
            await run(
                AccessLogMiddleware(app, **options), http_scope() if scope is None else scope, messages, reply=reply
            )
        except (ValueError, OSError):
            pass
        return [record.access for record in caplog.records]

    return logged


async def test_a_whole_exchange(logged):
    async def app(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        await answering(part(b"hel", more=True), part(b"lo"))(scope, receive, send)

    headers = [(b"user-agent", b"curl"), (b"referer", b"https://a.example/"), (b"x-tenant", b"acme")]
    scope = http_scope("POST", "/a", query=b"b=1&token=swordfish&Code=2", headers=headers)
    scope |= {"route": type("Route", (), {"path_format": "/{x}"})(), "asgi_middleware.request_id": "abc"}
    scope["user"] = type("User", (), {"display_name": "ada"})()
    (entry,) = await logged(app, scope, body_messages([b"1234", b"56"]), headers=["X-Tenant", "x-other"])
    assert {name: entry[name] for name in entry if name not in ("began", "duration", "first_byte")} == {
        "kind": "http",
        "client": "127.0.0.1",
        "method": "POST",
        "target": "/a?b=1&token=***&Code=***",
        "http_version": "1.1",
        "status": 200,
        "outcome": "complete",
        "bytes_in": 6,
        "bytes_out": 5,
        "user": "ada",
        "route": "/{x}",
        "request_id": "abc",
        "referer": "https://a.example/",
        "user_agent": "curl",
        "headers": {"x-tenant": "acme"},
    }
    assert 0 <= entry["first_byte"] <= entry["duration"]


async def test_the_record_is_written_at_the_last_byte_and_not_after_background_work(caplog):
    caplog.set_level(logging.INFO, LOGGER)
    seen = []

    async def app(scope, receive, send):
        await send(
            {"type": "http.response.start", "status": 200, "headers": [], "trailers": scope["path"] == "/trailers"}
        )
        await send(part(b"a", more=True))
        seen.append(len(caplog.records))
        await send(part(b"b"))
        seen.append(len(caplog.records))
        if scope["path"] == "/trailers":
            await send({"type": "http.response.trailers", "headers": [], "more_trailers": True})
            await send({"type": "http.response.trailers", "headers": []})
        seen.append(len(caplog.records))

    await run(AccessLogMiddleware(app, background=False), http_scope())
    assert seen == [0, 1, 1]
    caplog.clear()
    await run(AccessLogMiddleware(app, background=False), http_scope(path="/trailers"))
    assert seen[3:] == [0, 0, 1]


async def test_a_file_that_the_server_sends_is_an_end(logged):
    (entry,) = await logged(answering({"type": "http.response.pathsend", "path": "/etc/motd"}))
    assert (entry["outcome"], entry["status"]) == ("complete", 200)
    (entry,) = await logged(answering({"type": "http.response.zerocopysend", "file": 3}))
    assert (entry["outcome"], entry["status"]) == ("complete", 200)


async def test_the_page_that_a_client_comes_from_may_have_secrets_in_its_query(logged):
    for referer, expected in [
        (b"https://a.example/reset?user=1&token=swordfish", "https://a.example/reset?user=1&token=***"),
        (b"https://a.example/token=1", "https://a.example/token=1"),
        (b"https://a.example/?" + b"x" * 3000, "https://a.example/?" + "x" * 2029),
    ]:
        (entry,) = await logged(answering(), http_scope(headers=[(b"referer", referer)]))
        assert entry["referer"] == expected
        (entry,) = await logged(answering(), http_scope(headers=[(b"referer", referer)]), redact=())
        assert entry["referer"] == referer.decode()[:2048]


async def test_no_byte_of_a_body_is_sent_to_head(logged):
    (entry,) = await logged(answering(), http_scope("HEAD"))
    assert entry["bytes_out"] == 0


def failing(after=()):
    async def app(scope, receive, send):
        for message in after:
            await send(message)
        raise ValueError("boom")

    return app


START = {"type": "http.response.start", "status": 200, "headers": []}


@pytest.mark.parametrize(
    ("app", "status", "outcome", "error"),
    [
        (failing(), 500, "failed", "ValueError"),
        (failing([START]), 200, "failed", "ValueError"),
        (failing([START, part()]), 200, "complete", None),
        (answering(part(b"a", more=True)), 200, "incomplete", None),
        (lambda scope, receive, send: anyio.sleep(0), None, "incomplete", None),
    ],
)
async def test_what_happened_instead_is_said(logged, app, status, outcome, error):
    (entry,) = await logged(app)
    assert (entry.get("status"), entry["outcome"], entry.get("error")) == (status, outcome, error)


@pytest.mark.parametrize("started", [False, True])
async def test_a_client_that_leaves_is_not_a_failure(logged, started):
    async def app(scope, receive, send):
        if started:
            await send(START)
        assert (await receive())["type"] == "http.disconnect"
        raise ValueError("not handled")

    (entry,) = await logged(app, None, [{"type": "http.disconnect"}])
    assert (entry["status"], entry["outcome"]) == (200 if started else 499, "disconnected")
    assert "error" not in entry


async def test_a_send_that_fails_says_that_the_client_has_left(caplog):
    caplog.set_level(logging.INFO, LOGGER)

    async def send(message):
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await AccessLogMiddleware(answering(), background=False)(http_scope(), None, send)
    assert caplog.records[0].access["outcome"] == "disconnected"


async def test_a_cancelled_exchange_is_logged(caplog):
    caplog.set_level(logging.INFO, LOGGER)
    with anyio.move_on_after(0.01):
        await run(AccessLogMiddleware(lambda s, r, send: anyio.sleep_forever(), background=False), http_scope())
    assert caplog.records[0].access["outcome"] == "failed"


@pytest.mark.parametrize(
    ("closing", "code", "outcome"),
    [
        (
            [{"type": "websocket.receive", "text": "é"}, {"type": "websocket.disconnect", "code": 1001}],
            1001,
            "complete",
        ),
        ([{"type": "websocket.receive", "bytes": b"ab"}, {"type": "websocket.disconnect"}], 1005, "complete"),
        ([{"type": "websocket.receive", "text": "close"}], 1000, "complete"),
    ],
)
async def test_a_websocket_is_logged_with_its_code(logged, closing, code, outcome):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        message = await receive()
        if message.get("text") == "close":
            return await send({"type": "websocket.close"})
        await send({"type": "websocket.send", "text": "hi"})
        await send({"type": "websocket.send", "bytes": b"hi"})
        await receive()
        raise ValueError("left")

    (entry,) = await logged(app, websocket_scope(), [{"type": "websocket.connect"}, *closing])
    assert (entry["kind"], entry["status"], entry["close_code"], entry["outcome"]) == ("websocket", 101, code, outcome)
    if code != 1000:
        assert (entry["bytes_in"], entry["bytes_out"]) == (2, 4)


async def test_a_refused_websocket_is_logged_with_its_status(logged):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.close", "code": 1008})

    (entry,) = await logged(app, websocket_scope(), [{"type": "websocket.connect"}])
    assert (entry["status"], entry["close_code"], entry["outcome"]) == (403, 1008, "complete")

    async def denying(scope, receive, send):
        await send({"type": "websocket.http.response.start", "status": 401, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"no"})

    (entry,) = await logged(denying, websocket_scope())
    assert (entry["status"], entry["bytes_out"], entry["outcome"]) == (401, 2, "complete")


async def test_what_is_excluded_or_a_probe_is_passed_over(logged):
    async def probe(scope, receive, send):
        scope["asgi_middleware.health"] = True
        await answering()(scope, receive, send)

    assert await logged(probe) == []
    assert await logged(answering(), exclude=lambda scope: scope["path"] == "/") == []
    assert await logged(lambda s, r, send: anyio.sleep(0), {"type": "lifespan"}) == []


async def test_of_a_sample_failures_are_always_logged(logged):
    assert await logged(answering(), sample=0) == []
    assert len(await logged(answering(status=503), sample=0)) == 1
    assert len(await logged(failing(), sample=0)) == 1
    assert len(await logged(answering(), sample=1.0)) == 1
    counts = [len(await logged(answering(), sample=0.5)) for _ in range(100)]
    assert {*counts} == {0, 1}


async def test_a_level_that_is_off_costs_nothing(caplog):
    caplog.set_level(logging.WARNING, LOGGER)
    await run(AccessLogMiddleware(answering()), http_scope())
    assert caplog.records == []


async def test_long_targets_are_cut_and_scopes_may_be_bare(logged):
    (entry,) = await logged(answering(), {"type": "http", "path": "/" + "x" * 5000})
    assert (len(entry["target"]), entry["method"], entry["http_version"]) == (2048, "GET", "1.1")
    assert "client" not in entry
    (entry,) = await logged(answering(), http_scope(query=b"token=1"), redact=())
    assert entry["target"] == "/?token=1"


HOSTILE = Entry(
    0.0,
    "http",
    "1.2.3.4",
    "GET",
    '/"\n\x1b[31m\\é€',
    "1.1",
    200,
    bytes_out=5,
    user="a b",
    referer='"',
    user_agent="\r\n",
)


def test_the_combined_format_is_apaches():
    entry = Entry(0.0, "http", "1.2.3.4", "GET", "/a?b", "1.1", 200, bytes_out=5, user_agent="curl/8")
    pattern = r'1\.2\.3\.4 - - \[01/Jan/1970:\d\d:\d\d:\d\d [+-]\d{4}\] "GET /a\?b HTTP/1\.1" 200 5 "-" "curl/8"'
    assert re.fullmatch(pattern, combined(entry)) or combined(entry).startswith("1.2.3.4 - - [31/Dec/1969")
    empty = Entry(0.0, "http", None, "GET", "/", "2")
    assert re.fullmatch(r'- - - \[.*\] "GET / HTTP/2" - - "-" "-"', combined(empty))


def test_no_name_of_a_client_or_user_is_another_field():
    entry = Entry(0.0, "http", '1.2.3.4 - - [x] "GET / "', "GET", "/", "1.1", 200, user='a [b] "c')
    assert combined(entry).startswith(r"1.2.3.4\x20-\x20-\x20[x]\x20\"GET\x20/\x20\" - a\x20[b]\x20\"c [")
    entry = Entry(0.0, "http", "", "GET", "/", "1.1", 200, user="")
    assert combined(entry).startswith("- - - [")


@pytest.mark.parametrize("style", [combined, logfmt, json_lines])
def test_nothing_of_a_client_breaks_a_line(style):
    line = style(HOSTILE)
    assert line.isascii()
    assert line.isprintable()
    assert '"\\"' in line or '\\"' in line


def test_logfmt_quotes_what_has_blanks():
    entry = Entry(0.0, "http", "1.2.3.4", "GET", "/a=b", "1.1", 200, user="a b", headers={"x-a": ""}, duration=0.5)
    line = logfmt(entry)
    assert line.startswith('began=0.000000 kind=http client=1.2.3.4 method=GET target="/a=b" ')
    assert line.endswith('duration=0.500000 bytes_in=0 bytes_out=0 user="a b" header.x-a=""')


def test_json_is_one_object_with_its_time():
    entry = Entry(1.5, "http", None, "GET", "/", "1.1", 200, first_byte=0.1234567)
    fields = json.loads(json_lines(entry))
    assert (fields["began"], fields["first_byte"], fields["status"]) == ("1970-01-01T00:00:01.500Z", 0.123457, 200)


class Slow(logging.Handler):
    """A handler that waits until it may go on, and keeps the threads it ran in."""

    def __init__(self):
        super().__init__()
        self.go = threading.Event()
        self.records, self.threads = [], set()

    def emit(self, record):
        self.go.wait(10)
        self.records.append(record)
        self.threads.add(threading.current_thread())


@pytest.fixture
def slow():
    handler = Slow()
    logger = logging.Logger("slow", logging.INFO)
    logger.addHandler(handler)
    yield logger, handler
    handler.go.set()


async def test_a_slow_handler_holds_nothing_up(slow):
    logger, handler = slow
    middleware = AccessLogMiddleware(answering(), logger=logger, style="json")
    for _ in range(3):
        await run(middleware, http_scope())
    assert handler.records == []
    handler.go.set()
    middleware.flush()
    assert [json.loads(record.getMessage())["status"] for record in handler.records] == [200] * 3
    assert threading.current_thread() not in handler.threads
    assert handler.records[0].created >= handler.records[0].access["began"]


async def test_a_filter_finds_the_context_of_the_request(slow):
    logger, handler = slow
    handler.addFilter(RequestIDFilter())
    handler.go.set()
    middleware = AccessLogMiddleware(answering(), logger=logger)
    await run(RequestIDMiddleware(middleware), http_scope(headers=[(b"x-request-id", b"abc")]))
    middleware.flush()
    assert [record.request_id for record in handler.records] == ["abc"]


async def test_a_slow_handler_keeps_few_contexts_in_memory(slow):
    class Body:
        pass

    logger, handler = slow
    middleware = AccessLogMiddleware(answering(), logger=logger)
    middleware._writer.most_contexts = 3
    held, bodies = ContextVar("held"), []
    for _ in range(20):
        held.set(body := Body())
        bodies.append(weakref.ref(body))
        await run(middleware, http_scope())
    held.set(body := None)
    gc.collect()
    assert sum(one() is not None for one in bodies) <= 4  # the handler has taken one
    handler.go.set()
    middleware.flush()
    assert len(handler.records) == 20


async def test_a_queue_that_is_full_drops_the_newest_and_reports_it(slow):
    logger, handler = slow
    middleware = AccessLogMiddleware(answering(), logger=logger)
    middleware._writer.most_waiting = 2
    for _ in range(6):
        await run(middleware, http_scope())
    handler.go.set()
    middleware.flush()
    lines = [record.getMessage() for record in handler.records]
    assert any(re.fullmatch(r"\d access records were dropped: the handlers are too slow", line) for line in lines)


async def test_a_style_that_fails_does_not_stop_the_log(slow):
    logger, handler = slow
    handler.go.set()

    def style(entry):
        if entry.target == "/bad":
            raise ValueError("no")
        return "fine"

    middleware = AccessLogMiddleware(answering(), logger=logger, style=style)
    for path in ("/bad", "/good"):
        await run(middleware, http_scope(path=path))
    middleware.flush()
    assert [record.getMessage() for record in handler.records] == ["an access record could not be written", "fine"]


def test_one_thread_is_enough():
    writer = AccessLogMiddleware(answering())._writer
    writer._start()
    thread = writer._thread
    writer._start()
    assert writer._thread is thread


def test_nothing_to_flush():
    AccessLogMiddleware(answering()).flush()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"sample": 2}, "from 0 to 1"),
        ({"headers": ["Cookie"]}, "credentials"),
        ({"headers": ["authorization"]}, "credentials"),
    ],
)
def test_options_without_a_meaning_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        AccessLogMiddleware(answering(), **options)
