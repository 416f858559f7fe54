"""Preconditions and their precedence (RFC 9110 §13.2.2)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from asgi_requests import HTTPException, Request, Response
from asgi_requests.adapters import request_response
from asgi_requests.files import evaluate_preconditions
from asgi_requests.files.conditional import parse_http_date, precondition, range_applies, request_conditions
from raw_asgi import http_scope, request

OLD = "Sun, 06 Nov 1994 08:49:37 GMT"
NEW = "Mon, 07 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("method", "conditions", "status"),
    [
        ("GET", {}, None),
        ("GET", {"range": "bytes=0-1"}, None),
        # If-Match: strong comparison.
        ("GET", {"if-match": '"a"'}, None),
        ("GET", {"if-match": '"x", "a"'}, None),
        ("GET", {"if-match": "*"}, None),
        ("GET", {"if-match": '"x"'}, 412),
        ("GET", {"if-match": 'W/"a"'}, 412),
        ("PUT", {"if-match": '"x"'}, 412),
        # It leaves If-Unmodified-Since unheard.
        ("GET", {"if-match": '"a"', "if-unmodified-since": OLD}, None),
        ("GET", {"if-unmodified-since": NEW}, None),
        ("GET", {"if-unmodified-since": "Sun, 06 Nov 1994 08:49:38 GMT"}, None),
        ("GET", {"if-unmodified-since": "Sat, 05 Nov 1994 08:49:37 GMT"}, 412),
        ("GET", {"if-unmodified-since": "yesterday"}, None),
        # If-None-Match: weak comparison.
        ("GET", {"if-none-match": '"a"'}, 304),
        ("HEAD", {"if-none-match": 'W/"a"'}, 304),
        ("GET", {"if-none-match": '"x" , W/"y","a"'}, 304),
        ("GET", {"if-none-match": " * "}, 304),
        ("PUT", {"if-none-match": "*"}, 412),
        ("GET", {"if-none-match": '"x"'}, None),
        ("GET", {"if-none-match": "a"}, None),
        ("GET", {"if-none-match": ""}, None),
        ("GET", {"if-none-match": '"a'}, None),
        # It leaves If-Modified-Since unheard.
        ("GET", {"if-none-match": '"x"', "if-modified-since": NEW}, None),
        ("GET", {"if-modified-since": OLD}, 304),
        ("GET", {"if-modified-since": NEW}, 304),
        ("GET", {"if-modified-since": "Saturday, 05-Nov-94 08:49:37 GMT"}, None),
        ("GET", {"if-modified-since": "Mon Nov  7 08:49:37 1994"}, 304),
        ("GET", {"if-modified-since": "never"}, None),
        ("GET", {"if-modified-since": f"{OLD}, {OLD}"}, None),
        ("PUT", {"if-modified-since": NEW}, None),
        # 412 before 304.
        ("GET", {"if-match": '"x"', "if-none-match": '"a"'}, 412),
        ("GET", {"if-match": '"a"', "if-none-match": '"a"'}, 304),
        ("GET", {"if-unmodified-since": "Sat, 05 Nov 1994 08:49:37 GMT", "if-none-match": '"a"'}, 412),
    ],
)
def test_the_status_that_the_conditions_ask_for(method, conditions, status):
    assert precondition(method, conditions, '"a"', OLD) == status
    headers = [(name.encode(), value.encode()) for name, value in conditions.items()]
    scope = http_scope(method, headers=headers)
    moment = datetime(1994, 11, 6, 8, 49, 37, 999999, tzinfo=UTC)
    assert evaluate_preconditions(scope, etag='"a"', last_modified=moment) == status
    assert evaluate_preconditions(scope, etag='"a"', last_modified=moment.timestamp()) == status


@pytest.mark.parametrize(
    ("conditions", "etag", "status"),
    [
        ({"if-match": 'W/"a"'}, 'W/"a"', 412),
        ({"if-none-match": '"a"'}, 'W/"a"', 304),
        ({"if-match": '"a"'}, None, 412),
        ({"if-none-match": '"a"'}, None, None),
        ({"if-none-match": "*"}, None, 304),
        ({"if-none-match": '"a,b"'}, '"a,b"', 304),
        ({"if-modified-since": OLD}, None, None),
        ({"if-unmodified-since": OLD}, None, None),
    ],
)
def test_weak_tags_odd_tags_and_none(conditions, etag, status):
    assert precondition("GET", conditions, etag, None) == status


@pytest.mark.parametrize("part", ['"', 'W/"', "W/", '"a",', '"a', ",", " ", '""', "*", "* "])
def test_a_huge_list_of_tags_is_compared_in_linear_time(part):
    # In quadratic time a million characters take hours, and the test is stopped.
    for name in ("if-match", "if-none-match", "if-range", "if-modified-since"):
        value = part * (1_000_000 // len(part))
        precondition("GET", {name: value}, '"tag"', NEW)
        range_applies({name: value}, '"tag"', NEW)


def test_hundreds_of_thousands_of_fields_are_joined_once():
    fields = [(b"if-none-match", b'"tag"')] * 300_000
    assert request_conditions({"headers": fields})["if-none-match"].count('"tag"') == 300_000


def test_without_validators_only_an_asterisk_counts():
    scope = http_scope(headers=[(b"if-none-match", b'"a"'), (b"if-modified-since", OLD.encode())])
    assert evaluate_preconditions(scope) is None


def test_repeated_headers_are_one_list():
    scope = http_scope(headers=[(b"if-none-match", b'"a"'), (b"accept", b"*/*"), (b"if-none-match", b'"b"')])
    assert request_conditions(scope) == {"if-none-match": '"a", "b"'}


@pytest.mark.parametrize(
    ("if_range", "etag", "applies"),
    [
        (None, '"a"', True),
        ('"a"', '"a"', True),
        (' "a" ', '"a"', True),
        ('"x"', '"a"', False),
        ('W/"a"', '"a"', False),
        ('W/"a"', 'W/"a"', False),
        ('"a"', None, False),
        (OLD, '"a"', True),
        ("Sunday, 06-Nov-94 08:49:37 GMT", '"a"', True),
        (NEW, '"a"', False),
        ("nonsense", '"a"', False),
    ],
)
def test_if_range_takes_a_strong_tag_or_the_exact_date(if_range, etag, applies):
    conditions = {} if if_range is None else {"if-range": if_range}
    assert range_applies(conditions, etag, OLD) is applies


def test_if_range_with_a_date_needs_one_to_compare():
    assert range_applies({"if-range": OLD}, None, None) is False


@pytest.mark.parametrize(
    "value",
    ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"],
)
def test_a_date_has_three_forms(value):
    assert parse_http_date(value) == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", ["", "x", "Sun, 06 Nov 99999 08:49:37 GMT", "Sun, 99 Nov 1994 08:49:37 GMT", "1" * 5000]
)
def test_a_value_that_is_not_a_date_is_none(value):
    assert parse_http_date(value) is None


@pytest.mark.parametrize(
    ("tags", "weakly", "strongly"),
    [
        (", ".join(f'"{i}"' for i in range(80_000)) + ', "tag"', True, True),
        (", ".join(f'W/"{i}"' for i in range(80_000)) + ', W/"tag"', True, False),
        (", ".join(f'"{i}"' for i in range(80_000)), False, False),
        ('"' + '"tag"x' * 80_000, False, False),  # its quotes never stand around the tag
        ('W/"tag", "tag"', True, True),
        ('"tag', False, False),
        ('x"tag', False, False),
        ("tag", False, False),
    ],
)
def test_a_list_of_tags_is_read_to_its_end(tags, weakly, strongly):
    assert precondition("GET", {"if-none-match": tags}, '"tag"', None) == (304 if weakly else None)
    assert precondition("PUT", {"if-match": tags}, '"tag"', None) == (None if strongly else 412)


@pytest.mark.parametrize("etag", ["tag", '"', '"tag', '""tag""', 'W/tag"'])
def test_a_malformed_tag_matches_nothing(etag):
    assert precondition("GET", {"if-none-match": etag}, etag, None) is None


MOMENT = datetime(1994, 11, 6, 8, 49, 37, 999999, tzinfo=UTC)


async def ask(method, conditions, **known):
    done = []

    @request_response
    async def app(request):
        request.check_preconditions(**known)
        done.append("the work")
        return Response("done")

    reply = await request(app, method, headers=[(name.encode(), value.encode()) for name, value in conditions.items()])
    assert done == (["the work"] if reply.status == 200 else [])
    return reply


@pytest.mark.parametrize(
    ("method", "conditions", "known", "status"),
    [
        ("GET", {}, {}, 200),
        ("GET", {"if-none-match": 'W/"a"'}, {"etag": '"a"'}, 304),
        ("HEAD", {"if-none-match": '"x", "a"'}, {"etag": 'W/"a"'}, 304),
        ("GET", {"if-none-match": '"x"'}, {"etag": '"a"'}, 200),
        ("GET", {"if-modified-since": OLD}, {"last_modified": MOMENT}, 304),
        ("GET", {"if-modified-since": OLD}, {"last_modified": MOMENT.timestamp()}, 304),
        ("GET", {"if-none-match": '"x"', "if-modified-since": OLD}, {"etag": '"a"', "last_modified": MOMENT}, 200),
        ("PUT", {"if-match": '"x"'}, {"etag": '"a"'}, 412),
        ("PUT", {"if-match": '"a"'}, {"etag": '"a"'}, 200),
        ("PUT", {"if-match": '"a"'}, {"etag": 'W/"a"'}, 412),
        ("PUT", {"if-unmodified-since": OLD}, {"last_modified": MOMENT}, 200),
        ("PUT", {"if-unmodified-since": "Sat, 05 Nov 1994 08:49:37 GMT"}, {"last_modified": MOMENT}, 412),
        ("PUT", {"if-unmodified-since": OLD}, {"etag": '"a"'}, 200),
        ("PUT", {"if-none-match": "*"}, {"etag": '"a"'}, 412),
        ("PUT", {"if-none-match": "*"}, {"exists": False}, 200),
        ("PUT", {"if-none-match": '"a"'}, {"exists": False}, 200),
        ("PUT", {"if-match": "*"}, {"exists": False}, 412),
        ("PUT", {"if-match": "*"}, {}, 200),
    ],
)
async def test_a_handler_checks_preconditions_before_the_work(method, conditions, known, status):
    assert (await ask(method, conditions, **known)).status == status


async def test_the_answer_has_the_validators_and_the_headers_of_the_200():
    headers = {"Cache-Control": "max-age=60", "ETag": '"other"'}
    reply = await ask("GET", {"if-none-match": '"a"'}, etag='"a"', last_modified=MOMENT, headers=headers)
    assert (reply.status, reply.body) == (304, b"")
    assert reply.headers == [(b"cache-control", b"max-age=60"), (b"etag", b'"a"'), (b"last-modified", OLD.encode())]
    with pytest.raises(HTTPException, match="412: Precondition Failed"):
        Request(http_scope("PUT", headers=[(b"if-match", b'"x"')])).check_preconditions(etag='"a"')


@pytest.mark.parametrize(
    "known", [{"etag": "a"}, {"etag": '"a b"'}, {"etag": '"\u20ac"'}, {"last_modified": datetime(2026, 1, 1)}]
)
def test_a_malformed_validator_is_refused(known):
    (name,) = known
    with pytest.raises(ValueError, match=name):
        Request(http_scope()).check_preconditions(**known)
