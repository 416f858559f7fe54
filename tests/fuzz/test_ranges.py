"""Ranges and conditional requests against a model of RFC 9110 §13 and §14, and multipart answers against `email`."""

from __future__ import annotations

import email
import tempfile
from collections.abc import Iterator
from email.utils import formatdate
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from asgi_requests import FileResponse, MalformedRangeHeader, RangeNotSatisfiable
from asgi_requests.files.conditional import evaluate_preconditions
from asgi_requests.files.ranges import parse_range_header
from fuzz.harness import fuzz, mutated, some
from raw_asgi import body_messages, http_scope, run

RANGES = [
    b"bytes=0-4",
    b"bytes=-3",
    b"bytes=2-",
    b"bytes=0-0,2-3,-1",
    b"bytes = 1 - 2 , 4-9",
    b"items=0-1",
    b"bytes=9-",
]
PIECES = [b",", b"-", b"=", b" ", b"\t", b"0", b"9", b"18446744073709551616", b"bytes=", b"\xb2"]


def requested(value: str, size: int) -> str | set[int]:
    """The bytes that a Range asks for; or why there are none."""
    unit, equals, specs = value.partition("=")
    if not equals:
        return "malformed"
    if unit.strip(" \t").lower() != "bytes":
        return "ignored"
    wanted: set[int] = set()
    readable = False
    for spec in specs.split(","):
        first, dash, last = (part.strip(" \t") for part in spec.partition("-"))
        if not dash or not (first or last) or not all(c in "0123456789" for c in first + last):
            continue
        readable = True
        if not first:
            wanted |= set(range(max(0, size - int(last)), size))
        elif last and int(last) < int(first):
            return "malformed"
        else:
            wanted |= set(range(int(first), min(size, int(last) + 1 if last else size)))
    if not readable:
        return "malformed"
    return wanted if wanted or not size else "unsatisfiable"


@fuzz(8000)
def test_a_range_is_read_as_the_standard_says(random: Random) -> None:
    value, size = mutated(random, RANGES, PIECES).decode("latin-1"), random.choice([0, 1, 5, 10, 100])
    model = requested(value, size)
    try:
        ranges = parse_range_header(value, size)
    except MalformedRangeHeader:
        assert model == "malformed"
    except RangeNotSatisfiable:
        assert model == "unsatisfiable"
    else:
        assert {byte for start, end in ranges for byte in range(start, end)} == (set() if model == "ignored" else model)
        assert all(start < end for start, end in ranges)
        assert all(end < start for (_, end), (start, _) in pairwise(ranges))


TAGS = ['"a"', '"b"', '""', '"a,b"', '"é"']
DATES = [0, 10**9, 10**9 + 1, 2 * 10**9]
NO_DATES = ["", "yesterday", "Sat, 99 Nov 2026 00:00:00 GMT", "x" * 100]


class Condition:
    """One request header, and what a model needs to know of it."""

    def __init__(self, random: Random, name: str) -> None:
        self.name = name
        self.tags: list[tuple[bool, str]] | None = None
        self.date: int | None = None
        if name in ("if-match", "if-none-match"):
            if random.random() < 0.2:
                self.value = random.choice(["*", " *\t"])
            else:
                self.tags = [(random.random() < 0.4, tag) for tag in some(random, TAGS, 3)]
                separator = random.choice([",", ", ", " ,\t", ",,"])
                self.value = separator.join(("W/" if weak else "") + tag for weak, tag in self.tags)
        elif random.random() < 0.2:
            self.value = random.choice(NO_DATES)
        else:
            self.date = random.choice(DATES)
            self.value = formatdate(self.date, usegmt=True)

    def matches(self, etag: str | None, *, weak: bool) -> bool:
        if self.tags is None:
            return True
        if etag is None or (etag[:2] == "W/" and not weak):
            return False
        return any(tag == etag.removeprefix("W/") and (weak or not is_weak) for is_weak, tag in self.tags)


def evaluated(method: str, found: dict[str, Condition], etag: str | None, modified: int | None) -> int | None:
    """RFC 9110 §13.2.2, step by step."""
    read = method in ("GET", "HEAD")

    def date(name: str) -> int | None:
        return found[name].date if name in found and modified is not None else None

    if "if-match" in found:
        if not found["if-match"].matches(etag, weak=False):
            return 412
    elif (since := date("if-unmodified-since")) is not None and modified is not None and modified > since:
        return 412
    if "if-none-match" in found:
        if found["if-none-match"].matches(etag, weak=True):
            return 304 if read else 412
    elif read and (since := date("if-modified-since")) is not None and modified is not None and modified <= since:
        return 304
    return None


@fuzz(6000)
def test_conditions_are_evaluated_as_the_standard_says(random: Random) -> None:
    names = random.sample(
        ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"], random.randint(0, 4)
    )
    found = {name: Condition(random, name) for name in names}
    etag = random.choice([None, *TAGS, 'W/"a"', 'W/"b"'])
    modified = random.choice([None, *DATES])
    method = random.choice(["GET", "HEAD", "PUT", "DELETE"])
    scope = http_scope(method, headers=[(name.encode(), c.value.encode("latin-1")) for name, c in found.items()])
    assert evaluate_preconditions(scope, etag=etag, last_modified=modified) == evaluated(method, found, etag, modified)


CONTENT = bytes(range(256)) * 3


@pytest.fixture(scope="module", autouse=True)
def file() -> Iterator[None]:
    global PATH
    with tempfile.TemporaryDirectory() as directory:
        PATH = Path(directory) / "file.bin"
        PATH.write_bytes(CONTENT)
        yield


PATH = Path()


@fuzz(600)
async def test_a_file_is_sent_in_the_parts_that_were_asked_for(random: Random) -> None:
    value = mutated(random, [b"bytes=0-99", b"bytes=-700,5-5", b"bytes=10-19,300-309,-1", b"bytes=768-"], PIECES[:6])
    text, method = value.decode("latin-1"), random.choice(["GET", "GET", "HEAD"])
    reply = await run(FileResponse(PATH), http_scope(method, headers=[(b"range", value)]), body_messages(b""))
    model = "ignored" if method == "HEAD" else requested(text, len(CONTENT))
    assert reply.status == {"malformed": 400, "unsatisfiable": 416, "ignored": 200}.get(str(model), 206)
    if reply.status in (200, 206):
        assert reply.header("content-length") == str(len(reply.body) if method == "GET" else len(CONTENT))
    if reply.status == 200:
        assert reply.body == (CONTENT if method == "GET" else b"")
    if isinstance(model, set):
        assert dict(sent(reply)) == {byte: CONTENT[byte] for byte in model}


def sent(reply: Any) -> Iterator[tuple[int, int]]:
    """Each byte of a 206 with its place in the file."""
    content_type = reply.header("content-type")
    if not content_type.startswith("multipart/byteranges"):
        parts = [(reply.header("content-range"), reply.body)]
    else:
        message = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + reply.body)
        # Cut by hand what `email` would take for text.
        pieces = reply.body.split(b"--" + message.get_boundary().encode())[1:-1]
        parts = [(piece.partition(b"\r\n\r\n")[0].decode().rpartition(": ")[2], piece) for piece in pieces]
        parts = [(place, piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")) for place, piece in parts]
        assert len(parts) == len(message.get_payload())
    for place, piece in parts:
        first, last = map(int, place.removeprefix("bytes ").partition("/")[0].split("-"))
        assert place.endswith(f"/{len(CONTENT)}")
        assert last - first + 1 == len(piece)
        yield from enumerate(piece, first)
