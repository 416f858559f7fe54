"""Forms against models of WHATWG URL §5.1 and RFC 7578, in any chunks."""

from __future__ import annotations

from random import Random
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from asgi_requests import (
    FormData,
    Headers,
    HTTPException,
    MultiPartException,
    MultipartPart,
    QueryParams,
    Request,
    UploadFile,
)
from asgi_requests._multipart import Feed, PartCallbacks
from fuzz.harness import chunked, fuzz, mutated
from raw_asgi import body_messages, http_scope

URLENCODED = [b"a=1&b=2", b"name=Ada+Lovelace&x=%41%C3%BC", b"&&a&=b&c=&=", b"%zz=%&%C3=%FF&a;b=c", b"a" * 50 + b"=b"]
PIECES = [b"&", b"=", b"%", b"+", b"%C3%BC", b";", b"%26", b"%3D", b"\x00", "ü".encode()]


async def form_of(content_type: str, chunks: list[bytes], **limits: Any) -> FormData:
    messages = iter(body_messages(chunks))

    async def receive() -> Any:
        return next(messages)

    request: Request[Any] = Request(http_scope("POST", headers=[(b"content-type", content_type.encode())]), receive)
    return await request.form(**limits)


def urlencoded(body: bytes) -> list[tuple[str, str]]:
    """WHATWG URL §5.1, byte for byte; what is not UTF-8 is replaced, and a byte that should be escaped is latin-1."""
    fields = []
    for sequence in body.split(b"&"):
        if sequence:
            name, _, value = sequence.replace(b"+", b" ").partition(b"=")
            fields.append((_text(name), _text(value)))
    return fields


def _text(raw: bytes) -> str:
    if raw.isascii():
        return unquote_to_bytes(raw).decode("utf-8", "replace")
    return unquote(_decoded(raw))


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


@fuzz(3000)
async def test_an_urlencoded_form_is_read_as_the_standard_says(random: Random) -> None:
    body = mutated(random, URLENCODED, PIECES)
    form = await form_of("application/x-www-form-urlencoded", chunked(random, body))
    assert form.multi_items() == urlencoded(body)


@fuzz(3000)
def test_a_query_is_read_as_an_urlencoded_form(random: Random) -> None:
    query = bytes(byte for byte in mutated(random, URLENCODED, PIECES) if byte < 128)
    assert QueryParams(query).multi_items() == urlencoded(query)


NAMES = ["a", "b[]", "field name", "ü", 'quo"te', "back\\slash", "semi;colon", ""]
FILES = [None, None, "a.txt", "ü b.txt", 'a"b', ".hidden", ""]
CONTENTS = [
    b"",
    b"value",
    b"\r\n",
    b"--",
    b"--bound",
    b"\r\n--boun",
    b"\r\n--bound",
    b"\xff\x00",
    b"line\r\nline",
    b"x" * 3000,
]
Part = tuple[str, str | None, bytes]


def multipart(parts: list[Part], boundary: bytes) -> bytes:
    """A form as browsers write it (HTML, multipart/form-data encoding algorithm: quotes and line breaks escaped)."""
    lines = []
    for name, filename, content in parts:
        disposition = f'form-data; name="{_escaped(name)}"'
        if filename is not None:
            disposition += f'; filename="{_escaped(filename)}"'
        head = f"Content-Disposition: {disposition}\r\n".encode()
        if filename is not None:
            head += b"Content-Type: text/plain\r\n"
        lines.append(b"--" + boundary + b"\r\n" + head + b"\r\n" + content + b"\r\n")
    return b"".join(lines) + b"--" + boundary + b"--\r\n"


def _escaped(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def random_parts(random: Random, boundary: bytes) -> list[Part]:
    contents = [content for content in CONTENTS if b"\r\n--" + boundary not in b"\r\n" + content]
    return [
        (random.choice(NAMES), random.choice(FILES), b"".join(random.choices(contents, k=random.randint(1, 3))))
        for _ in range(random.randint(0, 5))
    ]


async def read(form: FormData) -> list[tuple[str, str | None, bytes | str]]:
    found: list[tuple[str, str | None, bytes | str]] = []
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            found.append((name, value.filename, await value.read()))
        else:
            found.append((name, None, value))
    await form.close()
    return found


@fuzz(1500)
async def test_a_multipart_form_has_the_parts_that_were_written(random: Random) -> None:
    boundary = random.choice([b"bound", b"----WebKitFormBoundary0", b"x"])
    parts = random_parts(random, boundary)
    if any(b"\r\n--" + boundary in b"\r\n" + content for _, _, content in parts):
        return  # two contents have made a boundary
    body = multipart(parts, boundary)
    form = await form_of(f"multipart/form-data; boundary={boundary.decode()}", chunked(random, body))
    expected = [
        (_escaped(name), None, _decoded(content)) if filename is None else (_escaped(name), _escaped(filename), content)
        for name, filename, content in parts
    ]
    assert await read(form) == expected


DELIMITERS = [
    b"\r\n--bound",
    b"\r\n--boun",
    b"\r\n",
    b"\r",
    b"\n",
    b"-",
    b"--",
    b"d",
    b"\r\r\n--bound\r",
    b"\r\n--bound-x",
]


class Collected(PartCallbacks):
    """The content of each part, and what a parser says of it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def on_part_begin(self) -> None:
        self._part = MultipartPart()

    def on_headers_finished(self) -> None:
        self.seen.append((self._part.item_headers, bytearray()))

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.seen[-1][1].extend(data[start:end])

    def on_part_end(self) -> None:
        self.seen.append("end")


def fed(chunks: list[bytes]) -> list[Any]:
    collected = Collected()
    try:
        feed = Feed(Headers({"content-type": "multipart/form-data; boundary=bound"}), collected)
        for chunk in chunks:
            feed.write(chunk)
        feed.finish()
    except MultiPartException as exc:
        collected.seen.append(str(exc))
    return collected.seen


def given_to_the_library(body: bytes) -> list[Any]:
    """Return the reading of python-multipart itself, given the body byte by byte."""
    collected = Collected()
    names = (
        "part_begin",
        "part_data",
        "part_end",
        "header_field",
        "header_value",
        "header_end",
        "headers_finished",
        "end",
    )
    parser = MultipartParser(b"bound", {f"on_{name}": getattr(collected, f"on_{name}") for name in names})  # type: ignore[misc]
    try:
        for byte in body:
            parser.write(bytes([byte]))
    except MultipartParseError:
        collected.seen.append("Invalid multipart data.")
    else:
        if not collected._ended:
            collected.seen.append("Multipart data ended before its closing boundary.")
    return collected.seen


@fuzz(4000)
def test_the_direct_search_finds_what_the_parser_finds(random: Random) -> None:
    head = b'--bound\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n'
    content = b"".join(random.choices([*DELIMITERS, b"x" * 50], k=random.randint(0, 30)))
    body = head + content + random.choice([b"", b"\r\n" + head + b"y" * 40]) + b"\r\n--bound--\r\n"
    assert fed(chunked(random, body)) == fed([body]) == given_to_the_library(body)


@fuzz(1500)
async def test_streamed_parts_are_those_of_the_form(random: Random) -> None:
    boundary = b"bound"
    bodies = [multipart(random_parts(random, boundary), boundary) for _ in range(2)]
    body = mutated(random, bodies, [b"\r\n", b"--bound", b"--", b'"', b"\r", b"\n", b"Content-Type: x"])
    messages = iter(body_messages(chunked(random, body)))

    async def receive() -> Any:
        return next(messages)

    content_type = b"multipart/form-data; boundary=bound"
    request: Request[Any] = Request(http_scope("POST", headers=[(b"content-type", content_type)]), receive)
    try:
        streamed: Any = [
            (part.name, part.filename, await (part.text() if part.filename is None else part.read()))
            async for part in request.parts()
        ]
    except HTTPException as exc:
        streamed = str(exc)
    try:
        kept: Any = await read(await form_of(content_type.decode(), chunked(random, body)))
    except HTTPException as exc:
        kept = str(exc)
    assert streamed == kept


@fuzz(2500)
async def test_a_form_is_the_same_in_any_chunks(random: Random) -> None:
    boundary = b"bound"
    bodies = [multipart(random_parts(random, boundary), boundary) for _ in range(2)]
    body = mutated(
        random, bodies, [b"\r\n", b"--bound", b"--", b'"', b";", b"\r", b"\n", b"Content-Type: x", b"=", b"\\"]
    )
    limits = {} if random.random() < 0.8 else {"max_fields": 2, "max_files": 1, "max_part_size": 20}
    outcomes = []
    for chunks in ([body], chunked(random, body)):
        try:
            form = await form_of("multipart/form-data; boundary=bound", chunks, **limits)
        except HTTPException as exc:
            outcomes.append(exc.status_code)
        else:
            outcomes.append(await read(form))
    assert outcomes[0] == outcomes[1] or _begins_in_a_preamble(body)


def _begins_in_a_preamble(body: bytes) -> bool:
    """python-multipart reads what stands before the first boundary otherwise where a chunk ends in it."""
    return not body.startswith(b"--bound\r\n")
