"""Dates, moments and exact numbers in paths."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_routing import InvalidParameter, Route, Router
from raw_asgi import http_scope, run


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


ROUTER = Router([Route(f"/{kind}/{{x:{kind}}}/end", app, name=kind) for kind in ("date", "datetime", "decimal")])


async def value_of(path: str):
    scope = http_scope("GET", path)
    reply = await run(ROUTER, scope)
    return scope["path_params"]["x"] if reply.status == 200 else reply.status


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("date/2024-02-29", date(2024, 2, 29)),
        ("date/0001-01-01", date.min),
        ("date/2026-02-29", 404),
        ("date/0000-01-01", 404),
        ("date/20260201", 404),
        ("date/2026-W05-1", 404),
        ("date/2026-2-1", 404),
        ("date/٢٠٢٦-01-01", 404),
        ("datetime/2026-02-01T10:20:30Z", datetime(2026, 2, 1, 10, 20, 30, tzinfo=UTC)),
        ("datetime/2026-02-01t10:20:30z", datetime(2026, 2, 1, 10, 20, 30, tzinfo=UTC)),
        ("datetime/2026-02-01T10:20:30.25+01:00", datetime(2026, 2, 1, 9, 20, 30, 250000, tzinfo=UTC)),
        ("datetime/2026-02-01T10:20:30-00:00", datetime(2026, 2, 1, 10, 20, 30, tzinfo=UTC)),
        ("datetime/2026-02-01T10:20:30", 404),
        ("datetime/2026-02-01", 404),
        ("datetime/2026-02-30T10:20:30Z", 404),
        ("datetime/2026-02-01T24:00:00Z", 404),
        ("datetime/2026-06-30T23:59:60Z", 404),
        ("datetime/2026-02-01T10:20:30+24:00", 404),
        ("datetime/2026-02-01T10:20:30+01:60", 404),
        ("datetime/2026-02-01T10:20:30.1234567Z", 404),
        ("decimal/12.50", Decimal("12.50")),
        ("decimal/-3", Decimal(-3)),
        ("decimal/" + "9" * 64 + "." + "9" * 64, Decimal("9" * 64 + "." + "9" * 64)),
        ("decimal/" + "9" * 65, 404),
        ("decimal/1e5", 404),
        ("decimal/NaN", 404),
        ("decimal/Infinity", 404),
        ("decimal/+1", 404),
        ("decimal/.5", 404),
        ("decimal/1_000", 404),
    ],
)
async def test_a_text_is_its_value_or_a_404(path, value):
    found = await value_of(f"/{path}/end")
    assert found == value
    if isinstance(value, Decimal):
        assert str(found) == str(value), "it keeps its zeros"


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("date", "2026-02-01", "/date/2026-02-01/end"),
        ("datetime", datetime(2026, 2, 1, tzinfo=UTC), "/datetime/2026-02-01T00:00:00Z/end"),
        ("datetime", "2026-02-01T01:00:00+02:00", "/datetime/2026-02-01T01:00:00+02:00/end"),
        ("decimal", Decimal("1E+3"), "/decimal/1000/end"),
        ("decimal", Decimal("1E-3"), "/decimal/0.001/end"),
        ("decimal", 0.1, "/decimal/0.1/end"),
        ("decimal", 7, "/decimal/7/end"),
    ],
)
def test_values_are_written_in_one_form(name, value, path):
    assert ROUTER.url_path_for(name, x=value) == path


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("date", datetime(2026, 2, 1, tzinfo=UTC), "give its date"),
        ("date", "yesterday", "date"),
        ("date", 7, "date"),
        ("datetime", datetime(2026, 2, 1), "naive"),
        ("datetime", date(2026, 2, 1), "datetime"),
        ("datetime", datetime(1800, 1, 1, tzinfo=timezone(timedelta(seconds=53))), "back"),
        ("decimal", Decimal("NaN"), "finite"),
        ("decimal", Decimal("-Infinity"), "finite"),
        ("decimal", float("nan"), "finite"),
        ("decimal", Decimal("1E+999999"), "precede"),
        ("decimal", Decimal("1E-999999"), "follow"),
        ("decimal", "one", "decimal"),
    ],
)
def test_values_without_such_a_text_are_refused(name, value, reason):
    with pytest.raises(InvalidParameter, match=reason):
        ROUTER.url_path_for(name, x=value)


def back_of(name: str, value: object) -> object:
    path = ROUTER.url_path_for(name, x=value)
    indexed, params = ROUTER._routes.compile("http").find(path, "GET", http_scope())
    assert indexed is not None
    return params["x"]


@given(st.dates())
def test_every_date_comes_back(value):
    assert back_of("date", value) == value


OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=OFFSETS))
def test_every_moment_comes_back_with_its_offset(value):
    back = back_of("datetime", value)
    assert (back, back.utcoffset()) == (value, value.utcoffset())


@given(
    st.decimals(-(10**60), 10**60, allow_nan=False, places=40)
    | st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**20), max_value=10**20)
)
def test_every_decimal_comes_back_with_its_zeros(value):
    assert f"{back_of('decimal', value):f}" == f"{value:f}"
