"""Whatever a client sends, the form parsers answer with a form or with a documented exception, and in linear time."""

from __future__ import annotations

import sys
from urllib.parse import parse_qsl

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_multipart.multipart import parse_options_header

from asgi_requests._disposition import extended_filename, plain_names
from asgi_requests.forms import FormParser, MultiPartException, MultiPartParser
from asgi_requests.headers import Headers


async def stream(chunks):
    for chunk in chunks:
        yield chunk


def cut(body, size):
    return [body[i : i + size] for i in range(0, len(body), size)]


def parse(cls, body, content_type, size=None, **limits):
    async def run():
        parser = cls(
            Headers(raw=[(b"content-type", content_type)]), stream(cut(body, size or len(body) or 1)), **limits
        )
        form = await parser.parse()
        items = [(name, value if isinstance(value, str) else await value.read()) for name, value in form.multi_items()]
        await form.close()
        return items

    return anyio.run(run)


def size_of(items):
    return sum(len(name) + len(value) for name, value in items)


FIELD_BYTES = st.lists(
    st.sampled_from([b"a", b"b", b"=", b"&", b";", b"+", b"%", b"%4", b"%41", b"%C3%A9", b"\xc3\xa9", b"\xff", b"\0"]),
    max_size=40,
).map(b"".join)

SOUP = st.lists(
    st.sampled_from(
        [
            b"--B",
            b"--B--",
            b"\r\n",
            b"\n",
            b"\r",
            b": ",
            b"Content-Disposition",
            b"form-data",
            b'; name="a"',
            b"; name=b",
            b'; filename="f"',
            b"; filename*=utf-8''%c3%a9",
            b"; name*=utf-8''x",
            b"Content-Type: text/plain",
            b"x",
            b"\x00",
            b"\xff",
            b'"',
            b"\\",
            b"Content-Disposition: form-data; name=a\r\n\r\n",
            b"--B\r\n",
            b"\r\n--B--\r\n",
        ]
    ),
    max_size=40,
).map(b"".join)


@settings(max_examples=150, deadline=None)
@given(body=FIELD_BYTES | st.binary(max_size=200), size=st.integers(1, 20))
def test_urlencoded_is_read_the_same_however_it_is_cut(body, size):
    whole = parse(FormParser, body, b"application/x-www-form-urlencoded")
    assert whole == parse(FormParser, body, b"application/x-www-form-urlencoded", size)
    assert size_of(whole) <= len(body)


@settings(max_examples=100, deadline=None)
@given(body=FIELD_BYTES.filter(bytes.isascii))
def test_urlencoded_is_read_as_the_standard_library_does(body):
    expected = parse_qsl(body.decode(), keep_blank_values=True, separator="&")
    assert parse(FormParser, body, b"application/x-www-form-urlencoded") == expected


@settings(max_examples=100, deadline=None)
@given(body=FIELD_BYTES, size=st.integers(1, 20), fields=st.integers(0, 3), part=st.integers(0, 8))
def test_urlencoded_stays_within_its_limits(body, size, fields, part):
    try:
        items = parse(
            FormParser, body, b"application/x-www-form-urlencoded", size, max_fields=fields, max_part_size=part
        )
    except MultiPartException:
        return
    assert len(items) <= fields
    assert all(len(field) - (b"=" in field) <= part for field in body.split(b"&") if field)


@settings(max_examples=200, deadline=None)
@given(body=SOUP | st.binary(max_size=200), size=st.integers(1, 20))
def test_multipart_is_a_form_or_a_refusal(body, size):
    for text in (body, b"--B\r\nContent-Disposition: form-data; name=a" + body + b"\r\n--B--\r\n"):
        outcomes = []
        for chunk in (None, size):
            try:
                items = parse(
                    MultiPartParser, text, b"multipart/form-data; boundary=B", chunk, max_fields=5, max_files=5
                )
            except MultiPartException as exc:
                outcomes.append(exc.status_code)
                continue
            assert size_of(items) <= len(text)
            assert len(items) <= 10
            outcomes.append(items)
        assert outcomes[0] == outcomes[1]


NAMES = st.binary(max_size=20).filter(lambda raw: not set(raw) & {10, 13})


@settings(max_examples=200, deadline=None)
@given(name=NAMES, filename=st.none() | NAMES, space=st.sampled_from([b"", b" "]))
def test_a_plain_disposition_is_read_as_python_multipart_reads_it(name, filename, space):
    text = b'form-data;%bname="%b"' % (space, name) + (
        b"" if filename is None else b';%bfilename="%b"' % (space, filename)
    )
    plain = plain_names(text)
    if plain is None:
        assert set(name + (filename or b"")) & set(b'"\\;')
    else:
        options = parse_options_header(text)[1]
        assert plain.groups() == (options[b"name"], options.get(b"filename"))
        assert extended_filename(text) is None


@settings(max_examples=100, deadline=None)
@given(content_type=st.binary(max_size=60).filter(lambda raw: not set(raw) & {0, 10, 13}))
def test_no_content_type_is_too_strange(content_type):
    try:
        parse(MultiPartParser, b"--B--\r\n", b"multipart/form-data; boundary" + content_type)
    except MultiPartException:
        pass
    assert parse(FormParser, b"a=1", b"x; charset" + content_type)[0][0]


def steps(cls, body, content_type, size):
    """The lines of our code that a parse runs, however long each takes."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        if "asgi_requests" not in frame.f_code.co_filename and "python_multipart" not in frame.f_code.co_filename:
            return None
        count += 1
        return trace

    async def run():
        nonlocal count
        parser = cls(Headers(raw=[(b"content-type", content_type)]), stream(cut(body, size)), max_fields=10**9)
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            await (await parser.parse()).close()
        except MultiPartException:
            pass
        finally:
            sys.settrace(before)

    anyio.run(run)
    return count


def multipart(inner):
    return b'--B\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\n' + inner + b"\r\n--B--\r\n"


@pytest.mark.parametrize(
    ("cls", "content_type", "body"),
    [
        (FormParser, b"application/x-www-form-urlencoded", lambda n: b"a=1&" * n),
        (FormParser, b"application/x-www-form-urlencoded", lambda n: b"a" * n),
        (FormParser, b"application/x-www-form-urlencoded", lambda n: b";" * n),
        (FormParser, b"application/x-www-form-urlencoded", lambda n: b"%41" * n),
        (FormParser, b"application/x-www-form-urlencoded", lambda n: b"&" * n),
        (MultiPartParser, b"multipart/form-data; boundary=B", lambda n: multipart(b"\r\n--" * n)),
        (MultiPartParser, b"multipart/form-data; boundary=B", lambda n: multipart(b"\r" * n)),
        (MultiPartParser, b"multipart/form-data; boundary=B", lambda n: multipart(b"x") + b"\r\n" * n),
        (MultiPartParser, b"multipart/form-data; boundary=B", lambda n: b"\r\n" * n + multipart(b"x")),
        (MultiPartParser, b"multipart/form-data; boundary=B", lambda n: b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * n),
    ],
)  # fmt: skip
def test_the_work_grows_with_the_size(cls, content_type, body):
    small, large = (steps(cls, body(n), content_type, 16) for n in (500, 2000))
    assert large <= 5 * small + 1000


@pytest.mark.parametrize(
    "header", [b'=" ' + b"\\" * 100_000, b'; a="' + b"\\" * 100_000, b"; x=" * 50_000, b";" * 100_000]
)
def test_option_headers_are_read_in_steps_of_their_length(header):
    small = steps(MultiPartParser, b"", b"multipart/form-data" + header[: len(header) // 4], 16)
    large = steps(MultiPartParser, b"", b"multipart/form-data" + header, 16)
    assert large <= 5 * small + 1000
