"""RequestBodyLimitMiddleware: no way round it, and no more than it says."""

from __future__ import annotations

from contextlib import suppress

import anyio
import pytest

from asgi_middleware.body_limit import LIMIT_SCOPE_KEY, RequestBodyLimitMiddleware, RequestBodyTooLarge
from asgi_middleware.cors import CORSMiddleware
from asgi_middleware.exceptions import ExceptionMiddleware
from raw_asgi import Reply, body_messages, http_scope, request, run, websocket_scope


async def answer(send, status=200, content=b"done"):
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": content})


async def reader(scope, receive, send):
    received = 0
    while True:
        message = await receive()
        received += len(message.get("body", b""))
        if not message.get("more_body"):
            return await answer(send, content=b"%d" % received)


async def quick(scope, receive, send):
    await answer(send)


def catching(status=200):
    async def app(scope, receive, send):
        for _ in range(3):
            try:
                await receive()
            except RequestBodyTooLarge:
                continue
        await answer(send, status)

    return app


def length(*values):
    return [(b"Content-Length", value.encode()) for value in values]


def limited(app, size=3, **options):
    return RequestBodyLimitMiddleware(app, size, **options)


def is_413(reply):
    return reply.types == ["http.response.start", "http.response.body"] and (reply.status, reply.text) == (
        413,
        "Content Too Large",
    )


@pytest.mark.parametrize(
    ("body", "passes"), [(b"", True), (b"abc", True), (b"abcd", False), ([b"ab", b"", b"cd"], False)]
)
async def test_a_body_is_counted_as_it_is_read(body, passes):
    reply = await request(limited(reader), "POST", body=body)
    assert reply.text == str(len(body)) if passes else is_413(reply)


@pytest.mark.parametrize("http_version", ["1.0", "1.1", "2"])
async def test_a_refusal_does_not_close_the_connection(http_version):
    """A server that closes with unread data resets the connection, and clients and proxies lose the answer."""
    for headers in ([], length("4"), length("x")):
        for overridable in (True, False):
            app = limited(reader, overridable=overridable)
            reply = await request(app, "POST", body=b"abcd", headers=headers, http_version=http_version)
            assert reply.status in (400, 413)
            assert reply.header("connection") is None


CLOSING = [{"http_version": "1.0"}, {"http_version": "1.1", "headers": [(b"Connection", b"keep-alive, Close")]}]
OPEN = [
    {"http_version": "1.0", "headers": [(b"connection", b"Keep-Alive")]},
    {"http_version": "1.1"},
    {"http_version": "2", "headers": [(b"connection", b"close")]},
]


class Upload:
    """A client that sends a body in chunks; `taken` counts what has been received of it when a message is sent."""

    def __init__(self, *chunks, end=None):
        self.rest = body_messages(chunks)
        self.end = end
        self.taken = 0
        self.sent = []

    async def receive(self):
        self.taken += 1
        if self.rest:
            return self.rest.pop(0)
        if isinstance(self.end, Exception):
            raise self.end
        return self.end or await anyio.sleep_forever()

    async def send(self, message):
        self.sent.append((message["type"].rpartition(".")[2], message.get("more_body"), self.taken))


async def own_413(scope, receive, send):
    with suppress(RequestBodyTooLarge):
        await receive()
    await answer(send, 413)


async def raising(scope, receive, send):
    await receive()


@pytest.mark.parametrize("scope", CLOSING)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda: limited(reader),
        lambda: limited(quick),
        lambda: limited(own_413),
        lambda: limited(raising),
        lambda: limited(limited(reader, 3), 10),
        lambda: limited(limited(reader, 3, overridable=False), 3, overridable=False),
        lambda: limited(reader, overridable=False),
    ],
)
@pytest.mark.parametrize("declared", [True, False])
async def test_before_a_connection_is_closed_the_rest_of_the_body_is_read(scope, wrap, declared):
    """Or the client, which still sends, would be reset and lose the answer; it has been sent whole by then."""
    if not declared and wrap().app is quick:
        return
    scope = http_scope("POST", **scope)
    scope["headers"] += length("15") if declared else []
    upload = Upload(*[b"abcde"] * 3)
    await wrap()(scope, upload.receive, upload.send)
    first = upload.sent[0][2]
    assert first < 3
    assert upload.sent == [("start", None, first), ("body", True, first), ("body", False, 3)]


async def test_only_the_last_piece_of_a_413_waits():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 413, "headers": []})
        await send({"type": "http.response.body", "body": b"too ", "more_body": True})
        await send({"type": "http.response.body", "body": b"large"})

    upload = Upload(*[b"abcde"] * 3)
    await limited(app)(http_scope("POST", http_version="1.0"), upload.receive, upload.send)
    assert upload.sent == [("start", None, 0), ("body", True, 0), ("body", True, 0), ("body", False, 3)]


@pytest.mark.parametrize("scope", OPEN)
async def test_a_connection_that_stays_open_is_left_to_the_server(scope):
    upload = Upload(*[b"abcde"] * 3)
    await limited(reader)(http_scope("POST", **scope), upload.receive, upload.send)
    assert [kind for kind, _, _ in upload.sent] == ["start", "body"]
    assert upload.taken == 1


@pytest.mark.parametrize("end", [{"type": "http.disconnect"}, OSError("gone")])
async def test_a_client_that_leaves_is_read_no_further(end):
    upload = Upload(b"abcde", b"abcde", end=end)
    upload.rest[-1]["more_body"] = True
    await limited(reader)(http_scope("POST", http_version="1.0"), upload.receive, upload.send)
    assert upload.sent[-1] == ("body", False, 3)


@pytest.mark.parametrize("chunk", [b"abcde", b""])
async def test_a_body_without_end_is_read_within_limits(monkeypatch, chunk):
    monkeypatch.setattr("asgi_middleware.body_limit._discard._MOST_BYTES", 100)

    async def receive():
        taken.append(1)
        return {"type": "http.request", "body": chunk, "more_body": True}

    taken, upload = [], Upload()
    app = limited(reader, 3 if chunk else 0)
    headers = length("9999")
    await app(http_scope("POST", http_version="1.0", headers=headers), receive, upload.send)
    assert len(taken) == (20 if chunk else 100)
    assert upload.sent[-1][:2] == ("body", False)


async def test_a_client_that_sends_nothing_more_is_not_awaited_forever(monkeypatch):
    monkeypatch.setattr("asgi_middleware.body_limit._discard._MOST_SECONDS", 0.01)
    upload = Upload(b"abcde", b"")
    upload.rest.pop()
    with anyio.fail_after(60):
        await limited(reader)(http_scope("POST", http_version="1.0"), upload.receive, upload.send)
    assert upload.sent[-1][:2] == ("body", False)


async def test_a_receive_that_is_pending_is_not_called_a_second_time():
    """As that of an application that waits for the disconnect beside its answer."""
    upload = Upload(b"")
    upload.rest[0]["more_body"] = True

    async def app(scope, receive, send):
        await receive()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(receive)
            await anyio.wait_all_tasks_blocked()
            await answer(send, 413)
            tasks.cancel_scope.cancel()

    await limited(app)(http_scope("POST", http_version="1.0"), upload.receive, upload.send)
    assert upload.sent == [("start", None, 2), ("body", None, 2)]


@pytest.mark.parametrize(
    ("app", "declared"),
    [(quick, True), *((app, d) for app in (reader, catching(), catching(500), catching(302)) for d in (False, True))],
)
async def test_the_limit_cannot_be_caught_and_bypassed(app, declared):
    reply = await request(limited(app), "POST", body=b"abcd", headers=length("4") if declared else [])
    assert is_413(reply)


async def test_an_application_that_knows_may_answer_in_its_own_words():
    reply = await request(limited(catching(422)), "POST", body=b"abcd")
    assert (reply.status, reply.text) == (422, "done")


async def test_an_application_that_never_reads_is_overruled_whatever_it_answers():
    async def missing(scope, receive, send):
        await answer(send, 404)

    assert is_413(await request(limited(missing), "POST", headers=length("4")))


async def test_nothing_is_sent_after_the_413_even_if_the_application_goes_on():
    async def stubborn(scope, receive, send):
        for _ in range(3):
            try:
                await answer(send)
            except RequestBodyTooLarge:
                continue

    assert is_413(await request(limited(stubborn), "POST", headers=length("4")))


async def test_the_end_of_an_overruled_answer_is_not_answered():
    assert is_413(await request(limited(ExceptionMiddleware(quick)), "POST", headers=length("4")))


async def test_an_overflow_after_the_start_is_raised():
    async def early(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await receive()

    reply = Reply()
    with pytest.raises(RequestBodyTooLarge):
        await run(limited(early), http_scope("POST"), body_messages(b"abcd"), reply=reply)
    assert reply.types == ["http.response.start"]


async def test_other_exceptions_pass_as_they_are():
    error = LookupError("no")

    async def failing(scope, receive, send):
        raise error

    with pytest.raises(LookupError) as caught:
        await request(limited(failing), "POST", body=b"abcd", headers=length("4"))
    assert caught.value is error


@pytest.mark.parametrize("values", [("x",), ("-1",), ("",), ("3", "3"), ("+1",), ("1.5",)])
async def test_a_malformed_or_repeated_content_length_is_400(values):
    reply = await request(limited(quick), "POST", headers=length(*values))
    assert (reply.status, reply.text) == (400, "Invalid Content-Length header")


@pytest.mark.parametrize("value", ["4", "9" * 5000, "0" * 30 + "4"])
@pytest.mark.parametrize("overridable", [True, False])
async def test_a_declared_body_is_refused_before_it_is_read(value, overridable):
    calls = []

    async def app(scope, receive, send):
        calls.append("called")
        await reader(scope, receive, send)

    async def receive():
        raise AssertionError("nothing is read")

    reply = Reply()

    async def send(message):
        reply.messages.append(message)

    await limited(app, overridable=overridable)(http_scope("POST", headers=length(value)), receive, send)
    assert is_413(reply)
    assert calls == (["called"] if overridable else [])


@pytest.mark.parametrize(
    ("outer", "inner", "size", "passes"), [(3, 10, 4, True), (10, 3, 4, False), (3, 10, 12, False), (0, 5, 5, True)]
)
@pytest.mark.parametrize("declared", [False, True])
async def test_an_inner_limit_replaces_the_outer_one(outer, inner, size, passes, declared):
    app = limited(limited(reader, inner), outer)
    reply = await request(app, "POST", body=b"a" * size, headers=length(str(size)) if declared else [])
    assert reply.text == str(size) if passes else is_413(reply)


async def test_an_inner_limit_holds_for_what_a_middleware_has_read_before():
    def reading(app):
        async def middleware(scope, receive, send):
            message = await receive()

            async def replay():
                return message

            await app(scope, replay, send)

        return middleware

    for size in (3, 4):
        reply = await request(limited(reading(limited(reader, 3)), 10), "POST", body=b"a" * size)
        assert reply.text == "3" if size == 3 else is_413(reply)


@pytest.mark.parametrize(("outer", "inner"), [((3, False), (10, True)), ((10, True), (3, False))])
async def test_a_limit_that_is_not_overridable_holds_inside_and_outside(outer, inner):
    app = limited(limited(reader, inner[0], overridable=inner[1]), outer[0], overridable=outer[1])
    assert is_413(await request(app, "POST", body=b"abcd"))
    assert is_413(await request(app, "POST", headers=length("4")))
    assert (await request(app, "POST", body=b"abc", headers=length("3"))).text == "3"


async def test_a_limit_of_nothing_lets_empty_bodies_through():
    assert (await request(limited(reader, 0))).text == "0"
    assert is_413(await request(limited(reader, 0), "POST", body=b"a"))


async def test_the_exception_is_an_application_and_may_be_another():
    class Mine(Exception):
        pass

    async def passing_on(scope, receive, send):
        try:
            await receive()
        except RequestBodyTooLarge as exc:
            await exc(scope, receive, send)

    reply = await request(limited(passing_on), "POST", body=b"abcd")
    assert is_413(reply)
    assert (RequestBodyTooLarge(3).status_code, RequestBodyTooLarge(3).limit) == (413, 3)
    assert str(RequestBodyTooLarge(3)) == "Content Too Large"
    seen = []

    async def app(scope, receive, send):
        try:
            await receive()
        except Mine as exc:
            seen.append(exc)
            raise

    assert is_413(await request(limited(app, too_large=lambda limit: Mine()), "POST", body=b"abcd"))
    assert len(seen) == 1


async def test_disconnects_and_unknown_messages_pass():
    seen = []

    async def app(scope, receive, send):
        seen.extend([await receive(), await receive()])
        await send({"type": "http.response.x-future"})

    messages = [{"type": "http.x-future"}, {"type": "http.disconnect"}]
    reply = await run(limited(app), http_scope("POST"), messages)
    assert seen == messages
    assert reply.types == ["http.response.x-future"]


async def test_the_scope_is_the_callers_and_its_keys_are_there_during_the_call_alone():
    seen = []

    async def app(scope, receive, send):
        scope["route"] = "r"
        seen.append(scope[LIMIT_SCOPE_KEY])
        raise LookupError

    for given in ({}, {LIMIT_SCOPE_KEY: 10}):
        scope = http_scope("POST") | given
        with pytest.raises(LookupError):
            await run(limited(limited(app, 4)), scope)
        assert scope == http_scope("POST") | {"route": "r"} | given
    assert seen == [4, 4]


async def test_two_applications_may_be_tried_in_turn_with_one_scope():
    async def missing(scope, receive, send):
        pass

    scope = http_scope("POST")
    await run(limited(missing, 1), scope, body_messages(b"abc"))
    assert (await run(limited(reader, 3), scope, body_messages(b"abc"))).text == "3"


class Held:
    """The holder of bodies that asgi-requests has read, by its protocol."""

    def __init__(self, of, *messages):
        self.of = of
        self.messages = list(messages)

    def replay(self, receive):
        if receive != self.of:
            return receive
        messages = iter(self.messages)

        async def replayed():
            for message in messages:
                return message
            return await receive()

        return replayed


@pytest.mark.parametrize("size", [3, 4])
@pytest.mark.parametrize("pieces", [1, 2])
async def test_a_body_that_an_outer_reader_has_read_is_counted(size, pieces):
    """All of the body, or the piece that a poll for a disconnect has read; without Content-Length."""
    chunks = [b"a" * (size - pieces + 1), *[b"a"] * (pieces - 1)]
    rest = iter(
        [{"type": "http.request", "body": chunk, "more_body": i + 1 < pieces} for i, chunk in enumerate(chunks)]
    )

    async def receive():
        for message in rest:
            return message
        raise AssertionError("nothing is left to read")

    scope = http_scope("POST")
    scope["asgi_requests.body"] = Held(receive, await receive())
    reply = Reply()

    async def send(message):
        reply.messages.append(message)

    await limited(reader)(scope, receive, send)
    assert reply.text == "3" if size == 3 else is_413(reply)


@pytest.mark.parametrize(("inner", "passes"), [(4, False), (8, True)])
async def test_a_body_that_a_middleware_has_made_larger_is_counted_within_it(inner, passes):
    """As one that decompresses: the outer limit counts what came, the inner one what it became."""

    def doubling(app):
        async def middleware(scope, receive, send):
            async def doubled():
                message = await receive()
                return {**message, "body": message["body"] * 2}

            await app(scope, doubled, send)

        return middleware

    seen = []

    async def app(scope, receive, send):
        seen.append(scope[LIMIT_SCOPE_KEY])
        await limited(reader, inner)(scope, receive, send)

    for size, made in ((4, limited(doubling(app), 4)), (2, limited(doubling(limited(doubling(app), 4)), 3))):
        reply = await request(made, "POST", body=b"a" * size)
        assert reply.text == "8" if passes else is_413(reply)
    assert seen == [4, 4]


async def test_empty_messages_without_end_are_too_large():
    """As empty DATA frames of HTTP/2, which flow control does not count (CVE-2019-9518)."""
    received = []

    async def receive():
        received.append(1)
        return {"type": "http.request", "body": b"", "more_body": True}

    reply = Reply()

    async def send(message):
        reply.messages.append(message)

    await limited(reader)(http_scope("POST"), receive, send)
    assert is_413(reply)
    assert len(received) == 10_001
    assert (await request(limited(reader), "POST", body=[b"", *[b""] * 9_000, b"abc"])).text == "3"


async def test_a_page_of_another_origin_reads_the_413_of_an_application_that_did_not_read():
    """An overruled answer has the headers of a CORS middleware inside; the 413 keeps these."""

    async def app(scope, receive, send):
        headers = [(b"Access-Control-Allow-Origin", b"https://a.example"), (b"vary", b"Origin"), (b"x", b"y")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    reply = await request(limited(app), "POST", headers=length("4"))
    assert is_413(reply)
    assert reply.header("access-control-allow-origin") == "https://a.example"
    assert (reply.header("vary"), reply.header("x")) == ("Origin", None)
    reply = await request(
        CORSMiddleware(limited(quick), ["https://a.example"]),
        "POST",
        headers=[(b"origin", b"https://a.example"), *length("4")],
    )
    assert is_413(reply)
    assert reply.header("access-control-allow-origin") == "https://a.example"


async def test_other_scopes_pass_with_the_same_objects():
    seen = []

    async def app(*triple):
        seen.append(triple)

    for kind in ("lifespan", "websocket", "x-custom"):
        triple = ({"type": kind}, object(), object())
        await limited(app)(*triple)
        assert all(a is b for a, b in zip(seen.pop(), triple, strict=True))


async def test_request_headers_may_be_a_generator():
    scope = http_scope("POST") | {"headers": iter(length("4"))}
    assert is_413(await run(limited(reader), scope))


@pytest.mark.parametrize(
    ("message", "passes"),
    [
        ({"text": "abc"}, True),
        ({"text": "abé"}, False),
        ({"text": "abcd"}, False),
        ({"bytes": b"abc", "text": None}, True),
        ({"bytes": b"abcd"}, False),
        ({"text": ""}, True),
        ({}, True),
    ],
)
async def test_a_websocket_message_too_large_closes_with_1009(message, passes):
    seen = []

    async def app(scope, receive, send):
        seen.append(await receive())
        await send({"type": "websocket.accept"})
        seen.append(await receive())
        await send({"type": "websocket.send", "text": "thanks"})
        if not passes:
            seen.append(await receive())

    message = {"type": "websocket.receive", **message}
    reply = await run(limited(app, max_message_size=3), websocket_scope(), [{"type": "websocket.connect"}, message])
    if passes:
        assert seen[1] is message
        assert reply.types == ["websocket.accept", "websocket.send"]
    else:
        assert [m["type"] for m in seen[1:]] == ["websocket.disconnect"] * 2
        assert seen[1]["code"] == reply.messages[1]["code"] == 1009
        assert reply.types == ["websocket.accept", "websocket.close"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"size": -1}, ValueError, "max_body_size must be a number of bytes from 0, not -1"),
        ({"size": 1, "max_message_size": -1}, ValueError, "max_message_size must be a number of bytes from 0, not -1"),
        ({"size": "1MB"}, TypeError, "max_body_size must be a number of bytes, such as 10 .* not '1MB'"),
        ({"size": None}, TypeError, "max_body_size must be a number of bytes, such as 10 .* not None"),
        ({"size": 1, "max_message_size": "1"}, TypeError, "max_message_size must be .* not '1'"),
    ],
)
def test_a_limit_that_is_not_a_size_is_named(options, error, message):
    with pytest.raises(error, match=message):
        limited(quick, **options)


async def test_a_limit_may_be_a_float():
    assert (await request(limited(reader, 1e6), "POST", body=b"abc")).text == "3"


async def test_an_application_that_goes_on_after_it_was_overruled_sends_nothing_more():
    refused = []

    async def app(scope, receive, send):
        with pytest.raises(RequestBodyTooLarge):
            await receive()
        for message in ({"type": "http.response.start", "status": 200, "headers": []}, {"type": "http.response.body"}):
            with pytest.raises(Exception, match="413 Content Too Large has been sent instead") as caught:
                await send(message)
            refused.append(caught.value)

    reply = await request(RequestBodyLimitMiddleware(app, 3), "POST", body=b"four")
    assert (reply.status, reply.types) == (413, ["http.response.start", "http.response.body"])
    assert refused[0] is refused[1]
