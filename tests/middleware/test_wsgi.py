"""WSGIMiddleware: a WSGI application that streams both ways and never notices where it runs."""

from __future__ import annotations

import contextvars
import io
import sys
import threading

import anyio
import pytest

from asgi_middleware.body_limit import RequestBodyLimitMiddleware
from asgi_middleware.wsgi import ClientGone, WSGIMiddleware
from raw_asgi import Reply, body_messages, http_scope, request, run, websocket_scope


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"hello"]


def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [])
    yield body


async def test_a_list_of_one_is_sent_with_its_length():
    reply = await request(WSGIMiddleware(hello))
    assert (reply.status, reply.text) == (200, "hello")
    assert reply.headers == [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"5")]
    assert reply.types == ["http.response.start", "http.response.body"]


async def test_space_around_a_value_is_not_part_of_it():
    def app(environ, start_response):
        start_response("200 OK", [("Set-Cookie", " a=b; Path=/"), ("X-A", "a b\t")])  # as Django writes its cookies
        return []

    reply = await request(WSGIMiddleware(app))
    assert reply.headers[:2] == [(b"set-cookie", b"a=b; Path=/"), (b"x-a", b"a b")]


@pytest.mark.parametrize("chunks", [b"", b"abc", [b"a" * 100_000, b"", b"b" * 10], [b"", b"x"]])
@pytest.mark.parametrize("declared", [False, True])
async def test_the_body_arrives_whole(chunks, declared):
    body = b"".join([chunks] if isinstance(chunks, bytes) else chunks)
    headers = [(b"Content-Length", b"%d" % len(body))] if declared else []
    assert (await request(WSGIMiddleware(echo), "POST", body=chunks, headers=headers)).body == body


async def test_the_body_is_read_as_the_application_asks():
    def reading(environ, start_response):
        start_response("200 OK", [])
        stream = environ["wsgi.input"]
        return [stream.readline(), stream.read(2), *stream, stream.read(), stream.read(5), b"."]

    reply = await request(WSGIMiddleware(reading), "POST", body=[b"one\ntw", b"o\nthr", b"ee\nfour"])
    messages = [message["body"] for message in reply.messages[1:]]
    assert messages == [b"one\n", b"tw", b"o\n", b"three\n", b"four", b".", b""]


async def test_both_ways_stream_at_once():
    steps = []

    def app(environ, start_response):
        start_response("200 OK", [])
        while piece := environ["wsgi.input"].read1(10):
            yield piece.upper()

    messages = iter(body_messages([b"one", b"two"]))

    async def receive():
        for message in messages:
            steps.append(message["body"])
            return message
        return await anyio.sleep_forever()

    async def send(message):
        steps.append(message.get("body"))

    await WSGIMiddleware(app)(http_scope("POST", headers=[(b"transfer-encoding", b"chunked")]), receive, send)
    assert steps == [b"one", None, b"ONE", b"two", b"TWO", b""]


def environ_of(scope_changes, headers=()):
    seen = {}

    def app(environ, start_response):
        seen.update(environ)
        return hello(environ, start_response)

    async def call():
        await request(WSGIMiddleware(app), headers=headers, **scope_changes)
        return seen

    return call()


async def test_the_environ_is_that_of_pep_3333():
    headers = [
        (b"Host", b"e.org"),
        (b"content-type", b"text/a"),
        (b"content-type", b"text/b"),
        (b"content-length", b"0"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
        (b"accept", b"x"),
        (b"Accept", b"\xe9"),
        (b"x-real", b"true"),
        (b"x_real", b"forged"),
        (b"proxy", b"http://evil"),
    ]
    environ = await environ_of({"path": "/a b/ü", "raw_path": b"/a%20b/%C3%BC", "query": b"q=%20"}, headers)
    plain = {key: value for key, value in environ.items() if key.isupper()}
    assert plain == {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b/Ã¼",
        "QUERY_STRING": "q=%20",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "CONTENT_TYPE": "text/a",
        "CONTENT_LENGTH": "0",
        "HTTP_HOST": "e.org",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_ACCEPT": "x,é",
        "HTTP_X_REAL": "true",
    }
    assert environ["wsgi.version"] == (1, 0)
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["wsgi.errors"] is sys.stderr
    assert (environ["wsgi.multithread"], environ["wsgi.multiprocess"], environ["wsgi.run_once"]) == (True, True, False)
    assert environ["asgi.scope"]["path"] == "/a b/ü"


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [
        ("/app/x", "/app", ("/app", "/x")),
        ("/app", "/app", ("/app", "")),
        ("/application", "/app", ("/app", "/application")),
        ("/app/", "/app/", ("/app", "/")),
        ("/x", "", ("", "/x")),
    ],
)
async def test_the_path_is_split_at_the_mount_by_segments(path, root, expected):
    environ = await environ_of({"path": path, "root_path": root})
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == expected


async def test_bytes_that_are_not_utf8_and_missing_keys():
    environ = await environ_of(
        {"path": "/\ufffd", "raw_path": b"/%ff", "server": None, "client": None, "scheme": "https"}
    )
    assert environ["PATH_INFO"] == "/\xff"
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"], "REMOTE_ADDR" in environ) == ("localhost", "443", False)
    environ = await environ_of({"path": "/rewritten", "raw_path": b"/other", "server": ("/run/socket", None)})
    assert environ["PATH_INFO"] == "/rewritten"


@pytest.mark.parametrize(("scheme", "port"), [("http", "80"), ("https", "443")])
@pytest.mark.parametrize("server", [("/run/socket", None), ("", 0), None])
async def test_server_name_and_port_are_never_empty(scheme, port, server):
    """PEP 3333; over a unix socket there is a path and no port."""
    environ = await environ_of({"server": server, "scheme": scheme})
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("localhost", port)


async def test_write_and_a_second_head_before_the_first_byte():
    def app(environ, start_response):
        write = start_response("200 OK", [("X", "1")])
        try:
            raise LookupError
        except LookupError:
            write = start_response("500 Oops", [("Set-Cookie", "é"), ("Set-Cookie", "b")], sys.exc_info())
        write(b"one")
        return [b"two"]

    reply = await request(WSGIMiddleware(app))
    assert (reply.status, reply.body, reply.all("set-cookie")) == (500, b"onetwo", ["é", "b"])


def twice(environ, start_response):
    start_response("200 OK", [])
    start_response("200 OK", [])


def too_late(environ, start_response):
    write = start_response("200 OK", [])
    write(b"x")
    try:
        raise LookupError("no")
    except LookupError:
        start_response("500 Oops", [], sys.exc_info())


def never(environ, start_response):
    return []


def too_early(environ, start_response):
    return [b"x"]


def too_long(environ, start_response):
    start_response("200 OK", [("Content-Length", "1")])
    return [b"xx"]


def too_short(environ, start_response):
    start_response("200 OK", [("Content-Length", "3")])
    return [b"xx"]


def too_short_at_the_end(environ, start_response):
    start_response("200 OK", [("Content-Length", "3")])
    yield b"xx"


def not_latin(environ, start_response):
    start_response("200 OK", [("x", "\u20ac")])


def two_lines(environ, start_response):
    start_response("200 OK", [("x", "a\r\nset-cookie: b=c")])


def two_names(environ, start_response):
    start_response("200 OK", [("x\r\nset-cookie: b=c\r\ny", "a")])


def no_name(environ, start_response):
    start_response("200 OK", [("a b", "c")])


def no_text(environ, start_response):
    start_response("200 OK", [("content-length", 5)])


def no_status(environ, start_response):
    start_response("OK", [])


@pytest.mark.parametrize(
    ("app", "error", "sent"),
    [
        (twice, AssertionError, 0),
        (too_late, LookupError, 2),
        (never, RuntimeError, 0),
        (too_early, AssertionError, 0),
        (too_long, RuntimeError, 0),
        (too_short, RuntimeError, 0),
        (too_short_at_the_end, RuntimeError, 2),
        (not_latin, ValueError, 0),
        (two_lines, ValueError, 0),
        (two_names, ValueError, 0),
        (no_name, ValueError, 0),
        (no_text, TypeError, 0),
        (no_status, ValueError, 0),
    ],
)
async def test_a_broken_application_is_an_error_and_nothing_is_sent_twice(app, error, sent):
    reply = Reply()
    with pytest.raises(error) as caught:
        await run(WSGIMiddleware(app), http_scope(), body_messages(b""), reply=reply)
    assert type(caught.value) is error
    assert len(reply.messages) == sent


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")]
)
async def test_what_has_no_body_sends_none(method, status):
    def app(environ, start_response):
        start_response(status, [("Content-Length", "5")])
        return [b"hello"]

    reply = await request(WSGIMiddleware(app), method)
    assert (reply.body, reply.header("content-length")) == (b"", "5")


class Closing:
    def __init__(self, pieces):
        self.pieces = iter(pieces)
        self.closed = []

    def __iter__(self):
        return self.pieces

    def close(self):
        self.closed.append(threading.get_ident())


@pytest.mark.parametrize("fails", [False, True])
async def test_the_result_is_closed_in_its_thread_whatever_happens(fails):
    def pieces():
        yield b"one"
        if fails:
            raise LookupError("no")

    result = Closing(pieces())

    def app(environ, start_response):
        start_response("200 OK", [])
        return result

    if fails:
        with pytest.raises(LookupError):
            await request(WSGIMiddleware(app))
    else:
        assert (await request(WSGIMiddleware(app))).body == b"one"
    assert len(result.closed) == 1
    assert result.closed[0] != threading.get_ident()


async def test_a_client_that_leaves_within_its_body_does_not_end_the_body():
    seen = []

    def app(environ, start_response):
        try:
            environ["wsgi.input"].read()
        except OSError as exc:
            seen.append(exc)
            raise

    messages = [{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}]
    reply = await run(WSGIMiddleware(app), http_scope("POST", headers=[(b"content-length", b"8")]), messages)
    assert reply.messages == []
    assert type(seen[0]) is ClientGone


async def test_a_client_that_has_left_already_gets_nothing():
    assert (await run(WSGIMiddleware(hello), http_scope(), [{"type": "http.disconnect"}])).messages == []
    assert (await run(WSGIMiddleware(echo), http_scope(), [{"type": "http.disconnect"}])).messages == []


async def test_an_application_that_reads_nothing_waits_for_nothing():
    assert (await run(WSGIMiddleware(hello), http_scope())).text == "hello"


@pytest.mark.parametrize("broken", [False, True])
async def test_a_client_that_leaves_ends_an_endless_response(broken):
    left, result = anyio.Event(), None

    def endless():
        while True:
            yield b"x"

    def app(environ, start_response):
        nonlocal result
        start_response("200 OK", [])
        result = Closing(endless())
        return result

    messages = iter([*body_messages(b""), {"type": "http.x-future"}])
    sent = []

    async def receive():
        for message in messages:
            return message
        await left.wait()
        if broken:
            raise OSError("no connection")
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)
        if len(sent) == 5:
            left.set()
        await anyio.sleep(0)

    with anyio.fail_after(30):
        await WSGIMiddleware(app)(http_scope(), receive, send)
    assert len(sent) >= 5
    assert len(result.closed) == 1


@pytest.mark.parametrize("headers", [[], [(b"transfer-encoding", b"chunked")], [(b"content-length", b"9")]])
@pytest.mark.parametrize("first", [[], [{"type": "http.request", "body": b"abc", "more_body": True}]])
async def test_an_exception_of_receive_is_raised_where_the_application_reads(headers, first):
    """Without a Content-Length, as over HTTP/2, the first piece is read for the application."""
    error, seen = LookupError("no"), []
    messages = iter(first)

    async def receive():
        for message in messages:
            return message
        raise error

    def app(environ, start_response):
        for _ in range(2):
            try:
                environ["wsgi.input"].read()
            except LookupError as exc:
                seen.append(exc)
        start_response("200 OK", [])
        return [b"x"]

    reply = Reply()

    async def send(message):
        reply.messages.append(message)

    await WSGIMiddleware(app)(http_scope("POST", headers=headers), receive, send)
    assert seen == [error, error]
    assert reply.status == 200

    with pytest.raises(LookupError) as caught:
        await WSGIMiddleware(echo)(http_scope("POST", headers=headers), receive, send)
    assert caught.value is error


async def test_an_exception_of_receive_is_nothing_to_an_application_that_does_not_read():
    async def receive():
        raise LookupError

    reply = Reply()

    async def send(message):
        reply.messages.append(message)

    await WSGIMiddleware(hello)(http_scope("POST"), receive, send)
    assert reply.text == "hello"


@pytest.mark.parametrize("app", [hello, echo])
@pytest.mark.parametrize("overridable", [True, False])
async def test_a_body_limit_outside_is_a_413_without_a_content_length_too(app, overridable):
    limited = RequestBodyLimitMiddleware(WSGIMiddleware(app), 10, overridable=overridable)
    reply = await request(limited, "POST", body=[b"a" * 20, b"b"], http_version="2")
    assert (reply.status, reply.text) == (413, "Content Too Large")
    reply = await request(limited, "POST", body=b"a" * 10, http_version="2")
    assert reply.status == 200


async def test_a_send_that_fails_is_raised_in_the_application_and_goes_on():
    seen = []
    gone = OSError("gone")

    def app(environ, start_response):
        write = start_response("200 OK", [])
        try:
            write(b"x")
        except OSError as exc:
            seen.append(exc)
            raise

    async def send(message):
        raise gone

    messages = iter(body_messages(b""))

    async def receive():
        for message in messages:
            return message
        return await anyio.sleep_forever()

    with pytest.raises(OSError, match="gone") as caught:
        await WSGIMiddleware(app)(http_scope(), receive, send)
    assert caught.value is gone
    assert seen == [gone]


async def test_cancellation_reaches_a_thread_that_waits_for_the_client():
    ended = threading.Event()

    def app(environ, start_response):
        try:
            environ["wsgi.input"].read()
        finally:
            ended.set()

    async def receive():
        cancelled.cancel()
        await anyio.sleep_forever()

    scope = http_scope("POST", headers=[(b"content-length", b"8")])
    with anyio.fail_after(30), anyio.CancelScope() as cancelled:
        await WSGIMiddleware(app)(scope, receive, None)
    assert cancelled.cancelled_caught
    assert ended.is_set()


async def test_context_variables_are_copied_into_the_thread():
    variable = contextvars.ContextVar("variable")
    variable.set("here")

    def app(environ, start_response):
        start_response("200 OK", [])
        return [variable.get().encode()]

    assert (await request(WSGIMiddleware(app))).text == "here"


async def test_it_has_its_own_threads_and_no_more():
    running, most = 0, 0
    lock = threading.Lock()
    wsgi = WSGIMiddleware(lambda environ, start_response: app(environ, start_response), max_threads=2)

    def app(environ, start_response):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        start_response("200 OK", [])
        yield b"x"
        with lock:
            running -= 1

    async with anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(request, wsgi)
    assert most <= 2


def sending_file(file, length=None):
    def app(environ, start_response):
        start_response("200 OK", [] if length is None else [("Content-Length", str(length))])
        return environ["wsgi.file_wrapper"](file, 4)

    return WSGIMiddleware(app)


PATHSEND = {"extensions": {"http.response.pathsend": {}}}


async def test_a_file_is_sent_by_the_server_where_it_can(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    for length in (None, 10):
        with path.open("rb") as file:
            reply = await request(sending_file(file, length), **PATHSEND)
            assert reply.messages[1:] == [{"type": "http.response.pathsend", "path": str(path)}]
            assert file.closed


@pytest.mark.parametrize("case", ["no extension", "part", "length", "head", "memory", "moved"])
async def test_else_a_file_is_streamed_in_blocks_and_closed(tmp_path, case):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    file = io.BytesIO(path.read_bytes()) if case == "memory" else path.open("rb")
    expected = b"0123456789"
    if case == "part":
        file.seek(4)
        expected = b"456789"
    if case == "moved":
        path.rename(tmp_path / "other")
    if case == "head":
        expected = b""
    scope = {"extensions": None} if case == "no extension" else PATHSEND
    wsgi = sending_file(file, 99 if case in ("length", "head") else None)
    if case == "length":
        with pytest.raises(RuntimeError, match="10 bytes, but its Content-Length is 99"):
            await request(wsgi, **scope)
    else:
        reply = await request(wsgi, "HEAD" if case == "head" else "GET", **scope)
        assert reply.body == expected
        assert "http.response.pathsend" not in reply.types
    assert file.closed


async def test_a_file_before_start_response_or_without_close():
    class Readable:
        def read(self, size):
            return b""

    def app(environ, start_response):
        return environ["wsgi.file_wrapper"](Readable())

    with pytest.raises(RuntimeError, match="without having called start_response"):
        await request(WSGIMiddleware(app))


async def test_the_lifespan_is_answered_and_websockets_are_refused():
    wsgi = WSGIMiddleware(hello)
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    reply = await run(wsgi, {"type": "lifespan"}, messages)
    assert reply.types == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    reply = await run(wsgi, websocket_scope(), [{"type": "websocket.connect"}])
    assert (reply.status, reply.text) == (404, "Not Found")
    with pytest.raises(ValueError, match="x-custom"):
        await run(wsgi, {"type": "x-custom"})


async def test_request_headers_may_be_a_generator():
    scope = http_scope("POST") | {"headers": iter([(b"content-length", b"3")])}
    assert (await run(WSGIMiddleware(echo), scope, body_messages(b"abc"))).body == b"abc"


def test_it_needs_at_least_one_thread():
    with pytest.raises(ValueError, match="at least 1"):
        WSGIMiddleware(hello, max_threads=0)


def test_without_anyio_it_says_what_to_install(monkeypatch):
    for name in ("anyio", "anyio.lowlevel"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install asgi-middleware\[wsgi\]"):
        WSGIMiddleware(hello)
