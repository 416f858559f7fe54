"""Conditional requests: 304 for what a client has, 412 for what has changed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from asgi_middleware.conditional import ConditionalMiddleware, Validators
from raw_asgi import Reply, http_scope, request, run, websocket_scope

THEN = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
THEN_TEXT = "Sun, 01 Nov 2026 12:00:00 GMT"
BEFORE, AFTER = "Sat, 31 Oct 2026 12:00:00 GMT", "Mon, 02 Nov 2026 12:00:00 GMT"


def page(body=b"hello", *, status=200, headers=(), more=False):
    async def app(scope, receive, send):
        app.calls += 1
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        if more:
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"" if more else body})

    app.calls = 0
    return app


def fields(**conditions):
    return [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in conditions.items()]


async def ask(app, method="GET", *, middleware=None, **conditions):
    return await request(middleware or ConditionalMiddleware(app), method, headers=fields(**conditions))


async def test_a_whole_page_gets_a_tag_of_its_bytes_and_is_not_sent_twice():
    first = await ask(page())
    tag = first.header("etag")
    assert (first.status, first.body, len(tag)) == (200, b"hello", 34)
    again = await ask(page(headers=[(b"cache-control", b"max-age=1"), (b"x-a", b"1")]), if_none_match=f'"x", {tag}')
    assert (again.status, again.body) == (304, b"")
    assert again.headers == [(b"cache-control", b"max-age=1"), (b"etag", tag.encode())]
    assert (await ask(page(b"changed"), if_none_match=tag)).status == 200


@pytest.mark.parametrize(
    "app",
    [
        page(b"x" * 11),
        page(b"a stream", more=True),
        page(headers=[(b"cache-control", b"No-Store")]),
        page(headers=[(b"content-type", b"text/event-stream")]),
        page(status=201),
        page(status=404),
    ],
)
async def test_what_is_large_streamed_or_not_to_be_stored_gets_none(app):
    plain, reply = await request(app), await ask(app, middleware=ConditionalMiddleware(app, max_size=10))
    assert reply.messages == plain.messages


async def test_tags_may_be_left_to_the_application():
    app = page()
    assert (await ask(app, middleware=ConditionalMiddleware(app, max_size=0))).header("etag") is None


async def test_head_is_compared_by_the_applications_own_validators():
    assert (await ask(page(b""), "HEAD")).header("etag") is None
    app = page(b"", headers=[(b"etag", b'"v1"')])
    assert (await ask(app, "HEAD", if_none_match='"v1"')).status == 304


OWN = [(b"ETag", b'"v1"'), (b"Last-Modified", THEN_TEXT.encode()), (b"content-length", b"5")]
CASES = [
    ({}, 200),
    ({"if_none_match": '"v1"'}, 304),
    ({"if_none_match": 'W/"v1"'}, 304),
    ({"if_none_match": '"a,b", "v1"'}, 304),
    ({"if_none_match": "*"}, 304),
    ({"if_none_match": '"v2"'}, 200),
    ({"if_none_match": "v1"}, 200),
    ({"if_none_match": '"v2"', "if_modified_since": AFTER}, 200),
    ({"if_modified_since": THEN_TEXT}, 304),
    ({"if_modified_since": AFTER}, 304),
    ({"if_modified_since": BEFORE}, 200),
    ({"if_modified_since": "yesterday"}, 200),
    ({"if_modified_since": "x" * 100}, 200),
    ({"if_modified_since": "Sun, 01 Nov 2026 12:00:00 -0000"}, 304),
]


@pytest.mark.parametrize(("conditions", "status"), CASES)
async def test_validators_of_the_application_are_compared(conditions, status):
    reply = await ask(page(headers=OWN), **conditions)
    assert (reply.status, reply.body) == (status, b"hello" if status == 200 else b"")
    assert (reply.header("content-length") is None) is (status == 304)


@pytest.mark.parametrize("tag", [b'W/"v1"', b'"v1"'])
async def test_reading_compares_weakly(tag):
    assert (await ask(page(headers=[(b"etag", tag)]), if_none_match='W/"v1"')).status == 304


@pytest.mark.parametrize(("tags", "status"), [('"v1"', 304), ('"v2"', 206)])
async def test_a_part_of_what_the_client_has_is_a_304(tags, status):
    part = [(b"content-range", b"bytes 0-4/9")]
    reply = await ask(page(headers=[*OWN, *part], status=206), if_none_match=tags, range="bytes=0-4")
    assert reply.status == status
    assert (await ask(page(headers=part, status=206), if_none_match=tags)).header("etag") is None


@pytest.mark.parametrize("tag", [b"v1", b"v", b'"v1', b'W/v1"', b'""v1""', b'"v\xff1"'])
async def test_a_malformed_tag_of_the_application_matches_itself_only_if_it_is_a_tag(tag):
    reply = await ask(page(headers=[(b"etag", tag)]), if_none_match=tag.decode("latin-1"))
    assert reply.status == (304 if tag == b'"v\xff1"' else 200)


@pytest.mark.parametrize(
    ("tags", "matches"),
    [
        (", ".join(f'"{i}"' for i in range(80_000)) + ', "v1"', True),
        (", ".join(f'W/"{i}"' for i in range(80_000)) + ', W/"v1"', True),
        (", ".join(f'"{i}"' for i in range(80_000)), False),
        ('"' + '"v1"x' * 80_000, False),  # its quotes never stand around the tag
        ('"v1', False),
        ('x"v1', False),
    ],
)
async def test_a_long_list_is_read_to_its_end(tags, matches):
    assert (await ask(page(headers=OWN), if_none_match=tags)).status == (304 if matches else 200)
    middleware = ConditionalMiddleware(page(), validators=lambda scope: KNOWN)
    strong = matches and "W/" not in tags
    assert (await ask(None, "PUT", middleware=middleware, if_match=tags)).status == (200 if strong else 412)


@pytest.mark.parametrize("value", ["Sun, 06 Nov 99999 08:49:37 GMT", "1" * 50, "Sun, 99 Nov 1994 08:49:37 GMT", ","])
async def test_a_date_that_is_none_is_ignored(value):
    assert (await ask(page(headers=OWN), if_modified_since=value)).status == 200


async def test_the_body_of_what_became_a_304_is_dropped():
    assert (await ask(page(b"abc", headers=OWN, more=True), if_none_match='"v1"')).types == [
        "http.response.start",
        "http.response.body",
    ]


KNOWN = Validators('"v1"', THEN)
BEFOREHAND = [
    ("PUT", KNOWN, {"if_match": '"v1"'}, None),
    ("PUT", KNOWN, {"if_match": '"v2", "v1"'}, None),
    ("PUT", KNOWN, {"if_match": '"v2"'}, 412),
    ("PUT", KNOWN, {"if_match": 'W/"v1"'}, 412),
    ("PUT", Validators('W/"v1"'), {"if_match": 'W/"v1"'}, 412),
    ("PUT", KNOWN, {"if_match": "*"}, None),
    ("PUT", Validators(), {"if_match": "*"}, 412),
    ("PUT", Validators(), {"if_match": '"v1"'}, 412),
    ("PUT", Validators(), {"if_none_match": "*"}, None),
    ("PUT", KNOWN, {"if_none_match": "*"}, 412),
    ("PUT", KNOWN, {"if_none_match": '"v1"'}, 412),
    ("PUT", KNOWN, {"if_unmodified_since": THEN_TEXT}, None),
    ("PUT", KNOWN, {"if_unmodified_since": BEFORE}, 412),
    ("PUT", Validators('"v1"', THEN.replace(microsecond=999_999)), {"if_unmodified_since": THEN_TEXT}, None),
    ("GET", Validators('"v1"', THEN.replace(microsecond=999_999)), {"if_modified_since": THEN_TEXT}, 304),
    # Without a modification date it must be ignored (RFC 9110 §13.1.4).
    ("PUT", Validators('"v1"'), {"if_unmodified_since": BEFORE}, None),
    ("PUT", Validators(), {"if_unmodified_since": BEFORE}, None),
    ("PUT", KNOWN, {"if_unmodified_since": "yesterday"}, None),
    ("GET", KNOWN, {"if_unmodified_since": BEFORE}, 412),
    ("GET", KNOWN, {"if_match": '"v2"', "if_none_match": '"v1"'}, 412),
    ("GET", KNOWN, {"if_match": '"v2", W/"v1"'}, 412),
    ("GET", KNOWN, {"if_unmodified_since": BEFORE, "if_none_match": '"v1"'}, 412),
    ("GET", KNOWN, {"if_none_match": '"v2"', "if_modified_since": AFTER}, None),
    ("HEAD", KNOWN, {"if_none_match": 'W/"v1"'}, 304),
    ("DELETE", Validators('W/"v1"'), {"if_none_match": '"v1"'}, 412),
    ("DELETE", KNOWN, {"if_none_match": '"v2"'}, None),
    # If-Range is for whoever answers with a part: it comes after all of these.
    ("GET", KNOWN, {"if_range": '"v2"', "range": "bytes=0-1", "if_none_match": '"v1"'}, 304),
    ("GET", KNOWN, {"if_range": '"v2"', "range": "bytes=0-1"}, None),
    ("PUT", KNOWN, {"if_match": '"v1"', "if_unmodified_since": BEFORE}, None),
    ("PUT", KNOWN, {"if_modified_since": AFTER}, None),
    ("PUT", KNOWN, {}, None),
    ("PUT", None, {"if_match": '"v2"'}, None),
    ("GET", KNOWN, {"if_none_match": '"v1"'}, 304),
    ("GET", KNOWN, {"if_modified_since": THEN_TEXT}, 304),
    ("GET", KNOWN, {"if_match": '"v1"', "if_none_match": '"v1"'}, 304),
    ("GET", KNOWN, {"if_none_match": '"v2"'}, None),
]


@pytest.mark.parametrize(("method", "known", "conditions", "status"), BEFOREHAND)
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_what_is_known_beforehand_spares_the_work(method, known, conditions, status, asynchronous):
    async def later(scope):
        return known

    app = page(status=201)
    middleware = ConditionalMiddleware(app, validators=later if asynchronous else lambda scope: known)
    reply = await ask(app, method, middleware=middleware, **conditions)
    assert (reply.status, app.calls) == ((status, 0) if status else (201, 1))
    if status:
        assert reply.header("etag") == known.etag
        assert reply.header("last-modified") == (THEN_TEXT if known.last_modified else None)


async def test_other_messages_keep_their_order_and_failures_pass():
    pathsend = {"type": "http.response.pathsend", "path": "/etc/motd"}
    start = {"type": "http.response.start", "status": 200, "headers": []}

    async def app(scope, receive, send):
        await send(start)
        await send(pathsend)

    assert (await ask(app)).messages == [start, pathsend]

    async def failing(scope, receive, send):
        await send(start)
        raise ValueError("boom")

    reply = Reply()
    with pytest.raises(ValueError, match="^boom$"):
        await run(ConditionalMiddleware(failing), http_scope(), reply=reply)
    assert reply.messages == [start]


async def test_messages_other_than_a_response_pass_behind_a_304():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": OWN})
        await send({"type": "example.note"})

    assert (await ask(app, if_none_match='"v1"')).types[-1] == "example.note"


async def test_websockets_pass():
    async def app(scope, receive, send):
        await send({"type": "websocket.accept"})

    assert (await run(ConditionalMiddleware(app), websocket_scope())).types == ["websocket.accept"]


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: Validators("v1"),
        lambda: Validators('"a b"'),
        lambda: Validators('"\u20ac"'),
        lambda: Validators(last_modified=datetime(2026, 1, 1)),
        lambda: ConditionalMiddleware(page(), max_size=-1),
    ],
)
def test_what_has_no_meaning_is_refused(mistake):
    with pytest.raises(ValueError, match="etag|last_modified|max_size"):
        mistake()
