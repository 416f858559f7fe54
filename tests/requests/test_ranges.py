"""The Range header (RFC 9110 §14)."""

from __future__ import annotations

import pytest

from asgi_requests.files import MalformedRangeHeader, RangeNotSatisfiable, parse_range_header

SIZE = 20


@pytest.mark.parametrize(
    ("header", "ranges"),
    [
        ("bytes=0-4", [(0, 5)]),
        ("bytes=5-5", [(5, 6)]),
        ("bytes=15-", [(15, 20)]),
        ("bytes=-5", [(15, 20)]),
        ("bytes=-100", [(0, 20)]),
        ("bytes=0-100", [(0, 20)]),
        ("Bytes = 0-1", [(0, 2)]),
        ("bytes= 0 - 1 ,\t4-5 ,", [(0, 2), (4, 6)]),
        ("bytes=10-11,0-1", [(0, 2), (10, 12)]),
        ("bytes=0-5,3-8", [(0, 9)]),
        ("bytes=0-8,3-5", [(0, 9)]),
        ("bytes=0-4,5-9", [(0, 10)]),
        ("bytes=0-1,10-12,11-14", [(0, 2), (10, 15)]),
        ("bytes=12-14,10-12,0-1", [(0, 2), (10, 15)]),
        ("bytes=0-1,30-31", [(0, 2)]),
        ("bytes=0-1,foo,7-8", [(0, 2), (7, 9)]),
        ("bytes=0-1,-", [(0, 2)]),
        ("bytes=00000000000000000000000000001-2", [(1, 3)]),
        ("bytes=0-" + "9" * 5000, [(0, 20)]),
        ("bytes=-" + "9" * 5000, [(0, 20)]),
    ],
)
def test_what_is_asked_for_and_is_there(header, ranges):
    assert parse_range_header(header, SIZE) == ranges


@pytest.mark.parametrize("header", ["lines=0-1", "=0-1", "bytes2=0-1", "none=", "items=a,b"])
def test_another_unit_is_ignored(header):
    assert parse_range_header(header, SIZE) == []


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("bytes", "Malformed range header."),
        ("", "Malformed range header."),
        ("bytes=", "Range header: range must be requested"),
        ("bytes=a-b", "Range header: range must be requested"),
        ("bytes=-", "Range header: range must be requested"),
        ("bytes=1", "Range header: range must be requested"),
        ("bytes=²-³", "Range header: range must be requested"),
        ("bytes=0--1", "Range header: range must be requested"),
        ("bytes=5-2", "Range header: start must be less than end"),
        ("bytes=6-5", "Range header: start must be less than end"),
        ("bytes=0-1,6-5", "Range header: start must be less than end"),
    ],
)
def test_a_malformed_header_says_why(header, text):
    with pytest.raises(MalformedRangeHeader) as excinfo:
        parse_range_header(header, SIZE)
    assert excinfo.value.content == text


@pytest.mark.parametrize("header", ["bytes=20-", "bytes=-0", "bytes=30-31,40-", "bytes=" + "9" * 5000 + "-"])
def test_a_range_beyond_the_end_is_not_satisfiable(header):
    with pytest.raises(RangeNotSatisfiable) as excinfo:
        parse_range_header(header, SIZE)
    assert excinfo.value.max_size == SIZE


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-5", "bytes=3-7", "bytes=0-0,2-"])
def test_a_range_of_an_empty_file_is_ignored(header):
    assert parse_range_header(header, 0) == []


def test_more_than_the_most_ranges_are_ignored():
    def of(count):
        return "bytes=" + ",".join(f"{2 * n}-{2 * n}" for n in range(count))

    assert len(parse_range_header(of(100), 1000)) == 100
    assert parse_range_header(of(101), 1000) == []
    assert parse_range_header(of(3), 1000, max_ranges=2) == []
    assert parse_range_header("bytes=" + "," * 200 + "0-1", SIZE) == [(0, 2)]


@pytest.mark.parametrize(
    "spec",
    ["0", "1-1,", ",", "-", " ", " x", "\t", "0 ", " 0", "0-", "- ", "-0", "0 -", "x", "0x", '"', "²"],
)
@pytest.mark.parametrize("around", ["{}", "{}x", "x{}", "0{}x", " {}-x", "0-{}x", "0{}-"])
def test_a_huge_header_is_answered_in_linear_time(spec, around):
    # In quadratic time a million characters take hours, and the test is stopped.
    try:
        assert len(parse_range_header("bytes=" + around.format(spec * (1_000_000 // len(spec))), SIZE)) <= 100
    except (MalformedRangeHeader, RangeNotSatisfiable):
        pass
