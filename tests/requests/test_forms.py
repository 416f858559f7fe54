from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
import tempfile
import threading

import anyio
import pytest

from asgi_requests import _spool, forms
from asgi_requests._preamble import Preamble
from asgi_requests.forms import FormParser, FormTooLarge, MultiPartException, MultiPartParser, MultipartPart
from asgi_requests.headers import Headers
from asgi_requests.requests import Request
from asgi_requests.uploads import UploadFile
from raw_asgi import body_messages, http_scope
from raw_asgi import form_body as multipart_body
from raw_asgi import form_part as part

URLENCODED = "application/x-www-form-urlencoded"


def headers(content_type):
    return Headers({"content-type": content_type})


async def stream(chunks):
    for chunk in chunks:
        yield chunk


async def urlencoded(*chunks, content_type=URLENCODED, **limits):
    form = await FormParser(headers(content_type), stream(chunks), **limits).parse()
    return form.multi_items()


async def requested(*chunks, content_type=URLENCODED, **limits):
    """The form of a request whose body arrives in these chunks."""
    messages = iter(body_messages(chunks))

    async def receive():
        return next(messages)

    scope = http_scope("POST", headers=[(b"content-type", content_type.encode())])
    return (await Request(scope, receive).form(**limits)).multi_items()


def parser(*chunks, content_type="multipart/form-data; boundary=B", cls=MultiPartParser, **limits):
    return cls(headers(content_type), stream(chunks), **limits)


async def multipart(*chunks, **kwargs):
    return await parser(*chunks, **kwargs).parse()


# urlencoded


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", []),
        (b"a=1&b=2", [("a", "1"), ("b", "2")]),
        (b"a=1&a=2", [("a", "1"), ("a", "2")]),
        (b"a=1;b=2", [("a", "1;b=2")]),
        (b"a", [("a", "")]),
        (b"a=", [("a", "")]),
        (b"=a", [("", "a")]),
        (b"=", [("", "")]),
        (b"&&a=1&", [("a", "1")]),
        (b"&", []),
        (b"a=1=2", [("a", "1=2")]),
        (b"a+b=c+d", [("a b", "c d")]),
        (b"a=%C3%A9+x", [("a", "é x")]),
        (b"%C3%A9=1", [("é", "1")]),
        (b"a=%E9", [("a", "�")]),
        (b"a=%", [("a", "%")]),
        (b"a=%zz", [("a", "%zz")]),
        (b"a=%&&b=%41&", [("a", "%"), ("b", "A")]),
        (b"a=%26%3D%2B", [("a", "&=+")]),
        (b"a%3Db=1", [("a=b", "1")]),
        ("é=é%20+".encode(), [("é", "é  ")]),
        (b"a=\xff", [("a", "ÿ")]),
        (b"a=%00", [("a", "\0")]),
        (b"&a=%41&&b=%C3%A9&", [("a", "A"), ("b", "é")]),
        ("&&é=1&".encode(), [("é", "1")]),
    ],
)
async def test_urlencoded_fields_are_split_and_decoded(body, fields):
    assert await urlencoded(body) == fields
    assert await urlencoded(*[body[i : i + 1] for i in range(len(body))], b"") == fields
    assert await requested(body) == fields
    assert await requested(body, b"") == fields


@pytest.mark.parametrize(
    ("charset", "body", "value"),
    [
        ("latin-1", b"a=%E9\xe9", "éé"),
        ('"ISO-8859-1"', b"a=%E9", "é"),
        ("utf-8", b"a=%C3%A9", "é"),
        ("shift_jis", b"a=%83%41", "ア"),
        ("unheard-of", b"a=%C3%A9", "é"),
        ("punycode", b"a=x-", "x-"),
        ("zlib", b"a=x", "x"),
        ("unicode_escape", b"a=\\u0041", "\\u0041"),
    ],
)
async def test_the_charset_is_the_one_the_client_names_if_the_web_has_it(charset, body, value):
    content_type = f"{URLENCODED}; charset={charset}"
    assert await urlencoded(body, content_type=content_type) == [("a", value)]
    assert await requested(body, content_type=content_type) == [("a", value)]


@pytest.mark.parametrize("body", [b"a=1&b=2", b"a=1&b=2&", b"&a=1&&&b=2&&&&"])
async def test_empty_fields_do_not_count(body):
    assert len(await urlencoded(body, max_fields=2)) == 2
    assert len(await requested(body, max_fields=2)) == 2


@pytest.mark.parametrize("chunks", [[b"a=1&b=2&c=3"], [b"a=1&", b"b=2&", b"c"], [b"a=1&b=2&c=3&d=4&"], [b"a&b&c"]])
async def test_too_many_fields_are_refused(chunks):
    with pytest.raises(MultiPartException, match="^Too many fields. Maximum number of fields is 2.$"):
        await urlencoded(*chunks, max_fields=2)
    with pytest.raises(FormTooLarge, match="^Too many fields. Maximum number of fields is 2.$"):
        await requested(*chunks, max_fields=2)


@pytest.mark.parametrize("size", [7, 1000, 65536, 65537])
async def test_a_form_in_pieces_is_read_as_a_whole_one_is(size):
    body = b"&".join(b"field%d=%d+%%C3%%A9" % (i, i) for i in range(5000))
    fields = [(f"field{i}", f"{i} é") for i in range(5000)]
    for last in ([], [b""]):
        assert await requested(*chunks_of(body, size), *last, max_fields=5000) == fields
    with pytest.raises(FormTooLarge):
        await requested(*chunks_of(body, size), max_fields=4999)


async def test_a_form_that_never_ends_is_refused_before_it_fills_the_memory():
    received = 0

    async def receive():
        nonlocal received
        received += 1000
        return {"type": "http.request", "body": b"a&" * 500, "more_body": True}

    scope = http_scope("POST", headers=[(b"content-type", URLENCODED.encode())])
    with pytest.raises(FormTooLarge, match="^Too many fields. Maximum number of fields is 1000.$"):
        await Request(scope, receive).form()
    assert received < 100_000


async def test_a_stream_may_be_any_asynchronous_iterator():
    class Chunks:
        def __init__(self):
            self.left = [b"a=1&b=2&", b"c=3"]

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop(0)

    assert len(await FormParser(headers(URLENCODED), Chunks()).parse()) == 3
    for max_fields in (1, 2):  # before the end of the stream, and after it
        with pytest.raises(MultiPartException):
            await FormParser(headers(URLENCODED), Chunks(), max_fields=max_fields).parse()


async def test_no_limit_is_a_limit_too():
    assert len(await urlencoded(b"a=1&" * 2000, max_fields=float("inf"))) == 2000


@pytest.mark.parametrize(("body", "size"), [(b"a=12345", 6), (b"abc=123", 6), (b"abcdef", 6), (b"a=%31%32", 7)])
async def test_a_field_may_be_as_large_as_its_limit(body, size):
    for chunks in ([body], [body[:2], body[2:]], [b"x&", body, b"&y"]):
        assert len(await urlencoded(*chunks, max_part_size=size)) == (3 if len(chunks) == 3 else 1)
        with pytest.raises(MultiPartException, match="^Field exceeded maximum size of 0KB.$"):
            await urlencoded(*chunks, max_part_size=size - 1)
        with pytest.raises(FormTooLarge, match="^Field exceeded maximum size of 0KB.$"):
            await requested(*chunks, max_part_size=size - 1)


async def test_all_fields_together_have_a_limit(monkeypatch):
    monkeypatch.setattr(FormParser, "max_memory_size", 4096)
    assert len(await urlencoded(b"a=" + b"x" * 1000 + b"&", b"b=" + b"x" * 1000, max_part_size=2048)) == 2
    with pytest.raises(MultiPartException, match="^Fields exceeded maximum size of 4KB.$"):
        await urlencoded(*[b"a=" + b"x" * 1000 + b"&"] * 5, max_part_size=2048)


# multipart


async def test_fields_and_files_are_distinguished():
    form = await multipart(multipart_body(part("a", b"1"), part("f", b"data", "x.txt", "text/plain"), part("a", b"2")))
    assert form.getlist("a") == ["1", "2"]
    upload = form["f"]
    assert isinstance(upload, UploadFile)
    assert (upload.filename, upload.size, upload.content_type) == ("x.txt", 4, "text/plain")
    assert upload.headers["content-disposition"] == 'form-data; name="f"; filename="x.txt"'
    assert await upload.read() == b"data"
    await form.close()
    assert upload.file.closed


async def test_chunks_may_end_anywhere():
    body = multipart_body(part("a", b"1\r\n--C"), part("f", b"\r\n" * 20, "é.txt"))
    for size in (1, 2, 3, 7, 64):
        form = await multipart(*[body[i : i + size] for i in range(0, len(body), size)])
        assert form["a"] == "1\r\n--C"
        assert form["f"].filename == "é.txt"
        assert await form["f"].read() == b"\r\n" * 20
        await form.close()


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        ("multipart/form-data", multipart_body(part("a", b"1")), "Missing boundary in multipart."),
        ("multipart/form-data; boundary=C", multipart_body(part("a", b"1")), "Invalid multipart data."),
        ("multipart/form-data; boundary=" + "c" * 300, multipart_body(part("a", b"1")), "Invalid multipart data."),
        ("multipart/form-data; boundary=B", b"hello\r\n", "Invalid multipart data."),
        ("multipart/form-data; boundary=B", b"\neamb\r\r--B--B--", "Invalid multipart data."),
        ("multipart/form-data; boundary=B", b"x" + multipart_body(part("a", b"1")), "Invalid multipart data."),
        ("multipart/form-data; boundary=B", b"--B" + b" " * 5000 + b"x\r\n", "Invalid multipart data."),
        ("multipart/form-data; boundary=B", b"--B\r\nX y: 1\r\n\r\n1\r\n--B--\r\n", "Invalid multipart data."),
        (
            "multipart/form-data; boundary=B",
            b"--B\r\nX: y\r\n\r\n1\r\n--B--\r\n",
            'The Content-Disposition header field "name" must be provided.',
        ),
        (
            "multipart/form-data; boundary=B",
            b"--B\r\n\r\n1\r\n--B--\r\n",
            'The Content-Disposition header field "name" must be provided.',
        ),
    ],
)
async def test_what_is_malformed_is_refused_as_in_starlette(content_type, body, message):
    with pytest.raises(MultiPartException) as caught:
        await multipart(body, content_type=content_type)
    assert caught.value.message == str(caught.value) == message
    assert caught.value.status_code == 400
    with pytest.raises(MultiPartException, match=message):
        await multipart(*chunks_of(body, 7), content_type=content_type)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 10**6])
@pytest.mark.parametrize(
    "preamble",
    [
        b"",
        b"\r\n\r\n",
        b"\n",
        b"This is a multi-part message.\r\n",
        b"--B-like\r\n--BB\r\n--B x\r\n--B\r--B\n--",
        b"--B " + b" " * 2000 + b"\n",
    ],
)
async def test_text_before_the_first_boundary_and_white_space_behind_one_are_dropped(preamble, size):
    first, second = part("a", b"1"), part("b", b"2").replace(b"--B", b"--B\t ")
    body = preamble.removesuffix(b"--") + first.replace(b"--B", b"--B \t") + second + b"--B-- \r\n"
    form = await multipart(*chunks_of(body, size))
    assert form.multi_items() == [("a", "1"), ("b", "2")]
    empty = preamble.removesuffix(b"--") + b"--B-- "
    if preamble.strip():
        with pytest.raises(MultiPartException, match="Invalid multipart data"):
            await multipart(*chunks_of(empty, size))
    else:
        assert (await multipart(*chunks_of(empty, size))).multi_items() == []


async def test_a_preamble_is_not_kept():
    preamble = Preamble(b"B")
    for _ in range(100):
        assert preamble.skip(b"x" * 1000 + b"\n--") == b""
        assert len(preamble._held) == 3
    assert preamble.skip(b"B\r\nX: y") == b"--B\r\nX: y"


@pytest.mark.parametrize(
    ("parameters", "filename"),
    [
        ("filename*=utf-8''na%C3%AFve%20%E2%82%AC.txt", "naïve €.txt"),
        ("filename*=UTF-8'en'a.txt; x=y", "a.txt"),
        ("FileName* = iso-8859-1''%E9", "é"),
        ("filename*=\"utf-8''a b\"", "a b"),
        ("filename*=unknown''%C3%A9", "é"),
        ("filename*=plain.txt", "plain.txt"),
        ("filename*=", ""),
        ("filename*=utf-8''b; filename=a", "a"),
    ],
)
async def test_a_part_with_an_extended_file_name_is_a_file(parameters, filename):
    disposition = f'--B\r\nContent-Disposition: form-data; name="f; filename*=x"; {parameters}\r\n\r\n\xff\r\n'
    form = await multipart(multipart_body(disposition.encode("latin-1")))
    upload = form["f; filename*=x"]
    assert (upload.filename, await upload.read()) == (filename, b"\xff")
    await form.close()


async def test_a_file_name_within_another_parameter_makes_no_file():
    disposition = b"--B\r\nContent-Disposition: form-data; name=\"f; filename*=utf-8''x\"\r\n\r\n1\r\n"
    assert (await multipart(multipart_body(disposition))).multi_items() == [("f; filename*=utf-8''x", "1")]


def open_temporary_files():
    links = []
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return sum(link.startswith(tempfile.gettempdir()) for link in links)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
async def test_small_files_take_no_descriptors(monkeypatch):
    monkeypatch.setattr(MultiPartParser, "max_memory_size", 1000)
    before = open_temporary_files()
    contents = {f"f{index}": b"%d," % index * (index % 7 * 100) for index in range(300)}
    form = await multipart(*chunks_of(multipart_body(*[part(name, text, "f") for name, text in contents.items()]), 500))
    assert open_temporary_files() == before
    uploads = form.multi_items()
    assert {name: await upload.read() for name, upload in uploads} == contents
    assert open_temporary_files() == before
    assert [upload.size for _, upload in uploads] == [len(text) for text in contents.values()]
    await form.close()
    assert open_temporary_files() == before
    assert all(upload.file.closed for _, upload in uploads)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
async def test_large_files_take_few_descriptors(monkeypatch):
    monkeypatch.setattr(MultiPartParser, "spool_max_size", 10)
    before = open_temporary_files()
    contents = {f"f{index}": b"%d," % index * (index + 8) for index in range(20)}
    form = await multipart(multipart_body(*[part(name, text, "f") for name, text in contents.items()]))
    assert open_temporary_files() - before == 8
    assert {name: await upload.read() for name, upload in form.multi_items()} == contents
    await form.close()
    assert open_temporary_files() == before


async def test_what_waits_for_the_disk_in_tiny_chunks_takes_the_room_of_its_bytes(monkeypatch):
    monkeypatch.setattr(MultiPartParser, "spool_max_size", 0)
    largest = 0

    class Watched(MultiPartParser):
        def on_part_data(self, data, start, end):
            super().on_part_data(data, start, end)
            nonlocal largest
            largest = max(largest, len(self._held))

    body = multipart_body(part("f", b"x" * 10_000, "f"))
    form = await multipart(*chunks_of(body, 1), cls=Watched)
    assert await form["f"].read() == b"x" * 10_000
    await form.close()
    assert largest < 1000


@pytest.fixture
async def spooled(monkeypatch):
    """Two uploads that share a temporary file."""
    monkeypatch.setattr(MultiPartParser, "max_memory_size", 0)
    monkeypatch.setattr(forms, "_MOST_OWN_FILES", 0)
    form = await multipart(multipart_body(part("a", b"one\ntwo\n", "a"), part("b", b"x" * 10_000, "b")))
    yield form["a"], form["b"]
    await form.close()


async def test_an_upload_in_a_shared_file_is_read_as_any_file(spooled):
    upload, other = spooled
    assert await upload.read(4) == b"one\n"
    assert await other.read(3) == b"xxx"
    assert await upload.tell() == 4
    assert await upload.read() == b"two\n"
    assert await upload.read() == b""
    assert await upload.seek(-4, 2) == 4
    assert await upload.seek(-1, 1) == 3
    assert await upload.seek(0) == 0
    assert [line async for line in upload] == [b"one\n", b"two\n"]
    assert await upload.seek(100) == 100
    assert await upload.read() == b""
    upload.file.seek(0)
    assert io.TextIOWrapper(upload.file).readlines() == ["one\n", "two\n"]
    with pytest.raises(ValueError, match="negative seek"):
        await other.seek(-1)
    assert (upload.file.readable(), upload.file.writable(), upload.file.seekable()) == (True, True, True)


async def test_an_upload_in_a_shared_file_is_changed_in_a_file_of_its_own(spooled):
    upload, other = spooled
    await upload.seek(4)
    await upload.write(b"2 and three")
    await upload.seek(0)
    assert await upload.read() == b"one\n2 and three"
    upload.file.truncate(2)
    assert os.fstat(upload.file.fileno()).st_size == 2
    assert await upload.seek(0, 2) == 2
    assert await other.read() == b"x" * 10_000
    assert os.fstat(other.file.fileno()).st_size == 10_000
    assert await other.tell() == 10_000
    await other.close()
    await other.close()
    with pytest.raises(ValueError, match="closed"):
        await other.read()
    assert upload.file.closed is False


async def test_a_file_that_goes_to_a_shared_file_in_pieces_is_whole(monkeypatch):
    monkeypatch.setattr(MultiPartParser, "max_memory_size", 100)
    monkeypatch.setattr(forms, "_MOST_OWN_FILES", 0)
    monkeypatch.setattr(forms, "_WRITE_SIZE", 50)
    contents = {name: os.urandom(1000) for name in "abc"}
    form = await multipart(*chunks_of(multipart_body(*[part(name, text, "f") for name, text in contents.items()]), 60))
    assert {name: await upload.read() for name, upload in form.multi_items()} == contents
    await form.close()


def test_an_upload_in_a_shared_file_is_closed_once():
    spool = _spool.Spool()
    first, second = spool.add(), spool.add()
    first.append(b"1")
    second.append(b"2")
    first.close()
    first.close()
    assert second.read() == b"2"
    for use in (first.read, first.fileno, first.truncate):
        with pytest.raises(ValueError, match="closed"):
            use()
    path = spool._path
    assert os.path.exists(path)
    second.close()
    assert not os.path.exists(path)


def test_a_shared_file_is_deleted_when_it_is_forgotten_and_not_by_a_forked_process():
    spool = _spool.Spool()
    upload = spool.add()
    upload.append(b"1")
    path = spool._path
    _spool._delete(path, os.getpid() + 1)
    assert os.path.exists(path)
    del spool, upload
    gc.collect()
    assert not os.path.exists(path)


async def test_a_full_disk_closes_a_shared_file(monkeypatch):
    monkeypatch.setattr(MultiPartParser, "max_memory_size", 0)
    monkeypatch.setattr(forms, "_MOST_OWN_FILES", 0)
    written, paths = [], []

    class Nearly(io.FileIO):
        def write(self, content):
            written.append(len(content))
            if len(written) == 3:
                raise OSError(28, "No space left on device")
            return super().write(content[:5])

    def named():
        descriptor, path = tempfile.mkstemp()
        paths.append(path)
        return descriptor, path

    monkeypatch.setattr(_spool, "mkstemp", named)
    monkeypatch.setattr(_spool, "open", lambda descriptor, mode, buffering: Nearly(descriptor, mode), raising=False)
    with pytest.raises(OSError, match="No space left"):
        await multipart(multipart_body(part("f", b"x" * 12, "f")))
    assert written == [12, 7, 2]
    assert not os.path.exists(paths[0])


@pytest.mark.parametrize("kept", [3, 20, 60, -8, -9, -10])
async def test_a_body_without_its_closing_boundary_is_not_a_form(kept):
    body = multipart_body(part("a", b"1"), part("f", b"2", "f"))
    files = []

    class Watched(MultiPartParser):
        def on_part_end(self):
            super().on_part_end()
            files.extend(self._files)

    with pytest.raises(MultiPartException, match="Multipart data ended before its closing boundary"):
        await multipart(body[:kept], cls=Watched)
    assert all(upload.file.closed for upload in files)


async def test_no_body_at_all_is_a_form_without_fields():
    assert (await multipart()).multi_items() == (await multipart(b"", b"")).multi_items() == []


async def test_what_follows_the_closing_boundary_is_ignored():
    body = multipart_body(part("a", b"1"))
    assert (await multipart(body[:-2])).multi_items() == [("a", "1")]
    assert (await multipart(body, b"garbage" * 1000)).multi_items() == [("a", "1")]


@pytest.mark.parametrize(
    ("limits", "body", "message"),
    [
        ({"max_files": 1}, [part("a", b"", "f")] * 2, "Too many files. Maximum number of files is 1."),
        ({"max_fields": 1}, [part("a", b"")] * 2, "Too many fields. Maximum number of fields is 1."),
        ({"max_part_size": 1024}, [part("a", b"x" * 1025)], "Part exceeded maximum size of 1KB."),
    ],
)
async def test_limits_are_those_of_starlette(limits, body, message):
    form = await multipart(multipart_body(body[0].replace(b"x" * 1025, b"x" * 1024)), **limits)
    assert len(form) == 1
    await form.close()
    with pytest.raises(MultiPartException) as caught:
        await multipart(multipart_body(*body), **limits)
    assert caught.value.message == message
    assert caught.value.status_code == 413


def test_the_status_of_a_form_beyond_a_limit_is_an_attribute(monkeypatch):
    monkeypatch.setattr(FormTooLarge, "status", 400)
    assert FormTooLarge("x").status_code == 400


async def test_a_file_is_not_held_to_the_size_of_a_field():
    form = await multipart(multipart_body(part("f", b"x" * 5000, "f")), max_part_size=10)
    assert form["f"].size == 5000
    await form.close()


async def test_the_text_of_a_field_is_in_the_charset_named_and_else_in_latin_1():
    cases = [("boundary=B; charset=latin-1", b"\xe9"), ("boundary=B", b"\xe9"), ("boundary=B", "é".encode())]
    for content_type, raw in cases:
        form = await multipart(multipart_body(part("a", raw)), content_type=f"multipart/form-data; {content_type}")
        assert form["a"] == "é"


async def test_names_of_files_are_kept_as_sent():
    form = await multipart(multipart_body(part("a", b"", "../../etc/passwd"), part("b", b"", "")))
    assert (form["a"].filename, form["a"].safe_filename) == ("../../etc/passwd", "passwd")
    assert (form["b"].filename, form["b"].size) == ("", 0)
    await form.close()


@pytest.fixture
def watched_files(monkeypatch):
    """Every temporary file the parser opens, and the thread of every write that could touch the disk."""
    opened = []

    class Watched(forms.SpooledTemporaryFile):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.disk_threads = set()
            opened.append(self)

        def write(self, data):
            if self._rolled:
                self.disk_threads.add(threading.current_thread())
            return super().write(data)

        def rollover(self):
            self.disk_threads.add(threading.current_thread())
            super().rollover()

    monkeypatch.setattr(forms, "SpooledTemporaryFile", Watched)
    return opened


def chunks_of(body, size=65536):
    return [body[i : i + size] for i in range(0, len(body), size)]


@pytest.mark.parametrize("size", [65536, 10**9])
async def test_a_large_file_goes_to_disk_in_threads_and_nowhere_else(watched_files, size):
    content = bytes(range(256)) * 4096 * 3
    body = multipart_body(part("small", b"s" * 1000, "s"), part("big", content, "b"), part("after", b"a"))
    form = await multipart(*chunks_of(body, size))
    small, big = watched_files
    assert small.disk_threads == set()
    assert big.disk_threads
    assert threading.current_thread() not in big.disk_threads
    assert form["big"].size == len(content)
    assert await form["big"].read() == content
    assert await form["small"].read() == b"s" * 1000
    assert form["after"] == "a"
    await form.close()
    assert small.closed
    assert big.closed


async def test_few_threads_write_a_large_file(watched_files):
    hops = 0

    class Watched(MultiPartParser):
        async def _flush(self):
            nonlocal hops
            hops += 1
            await super()._flush()

    form = await multipart(*chunks_of(multipart_body(part("f", b"x" * 10 * 1024 * 1024, "f"))), cls=Watched)
    assert 0 < hops <= 11
    await form.close()
    hops = 0
    form = await multipart(*chunks_of(multipart_body(part("f", b"x" * 1024 * 1024, "f"))), cls=Watched)
    await form.close()
    assert hops == 0


async def test_what_waits_for_the_disk_is_bounded(watched_files):
    largest = 0

    class Watched(MultiPartParser):
        async def _flush(self):
            nonlocal largest
            largest = max(largest, self._pending_size)
            await super()._flush()

    form = await multipart(*chunks_of(multipart_body(part("f", b"x" * 8 * 1024 * 1024, "f"))), cls=Watched)
    assert largest <= 1024 * 1024 + 65536
    await form.close()


async def test_the_size_kept_in_memory_is_an_attribute(monkeypatch, watched_files):
    monkeypatch.setattr(MultiPartParser, "spool_max_size", 10)
    form = await multipart(multipart_body(part("a", b"x" * 10, "a"), part("b", b"x" * 11, "b")))
    assert [file._rolled for file in watched_files] == [False, True]
    await form.close()


async def test_all_files_in_memory_together_have_a_limit(monkeypatch, watched_files):
    monkeypatch.setattr(MultiPartParser, "max_memory_size", 2500)
    body = multipart_body(*[part(str(i), bytes([i]) * 1000, "f") for i in range(4)], part("t", b"y" * 400))
    form = await multipart(*chunks_of(body, 100))
    assert [file.closed for file in watched_files] == [False, False, True, True]
    assert [isinstance(form[str(i)].file, io.BufferedRandom) for i in range(4)] == [False, False, True, True]
    assert [await form[str(i)].read() for i in range(4)] == [bytes([i]) * 1000 for i in range(4)]
    await form.close()


async def test_all_fields_in_memory_together_have_a_limit(monkeypatch):
    monkeypatch.setattr(MultiPartParser, "max_memory_size", 2048)
    with pytest.raises(MultiPartException, match="^Fields exceeded maximum size of 2KB.$"):
        await multipart(multipart_body(*[part("a", b"x" * 1000)] * 3), max_part_size=1024)


async def test_a_file_has_a_limit_where_one_is_set():
    class Limited(MultiPartParser):
        max_file_size = 2048

    form = await multipart(multipart_body(part("f", b"x" * 2048, "f")), cls=Limited)
    assert form["f"].size == 2048
    await form.close()
    with pytest.raises(MultiPartException, match="^File exceeded maximum size of 2KB.$"):
        await multipart(multipart_body(part("f", b"x" * 2049, "f")), cls=Limited)


@pytest.mark.parametrize(
    "end",
    [b"--B\r\nX: y\r\n\r\n1\r\n--B--\r\n", b"--B\r\nbroken header\r\n", b"", part("g", b"", "g") * 3],
    ids=["no name", "broken", "cut", "too many"],
)
async def test_every_file_is_closed_when_a_form_is_refused(watched_files, end):
    body = part("small", b"1", "s") + part("big", b"x" * 2 * 1024 * 1024, "b") + end
    with pytest.raises(MultiPartException):
        await multipart(*chunks_of(body), max_files=3)
    assert watched_files
    assert all(file.closed for file in watched_files)


async def test_every_file_is_closed_when_the_stream_fails(watched_files):
    async def failing():
        yield part("f", b"1", "s")
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await MultiPartParser(headers("multipart/form-data; boundary=B"), failing()).parse()
    assert [file.closed for file in watched_files] == [True]


async def test_every_file_is_closed_when_the_reader_is_cancelled(watched_files):
    async def slow():
        yield part("f", b"x" * 3 * 1024 * 1024, "s")
        scope.cancel()
        await anyio.sleep_forever()

    with anyio.CancelScope() as scope:
        await MultiPartParser(headers("multipart/form-data; boundary=B"), slow()).parse()
    assert scope.cancelled_caught
    assert [file.closed for file in watched_files] == [True]


async def test_a_full_disk_closes_every_file(monkeypatch):
    opened = []

    class Full(forms.SpooledTemporaryFile):
        def rollover(self):
            opened.append(self)
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(forms, "SpooledTemporaryFile", Full)
    with pytest.raises(OSError, match="No space left"):
        await multipart(multipart_body(part("f", b"x" * 2 * 1024 * 1024, "f")))
    assert [file.closed for file in opened] == [True]


async def test_without_the_library_the_error_names_the_way_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "python_multipart", None)
    monkeypatch.setitem(sys.modules, "python_multipart.multipart", None)
    with pytest.raises(ImportError, match=r"form parsing needs python-multipart: pip install asgi-requests\[forms\]"):
        await multipart(multipart_body(part("a", b"1")))
    assert await urlencoded(b"a=1") == [("a", "1")]


def test_a_part_begins_empty():
    assert MultipartPart() == MultipartPart(None, "", bytearray(), None, [])


async def test_a_request_picks_the_parser():
    async def form(content_type, *chunks):
        messages = iter(body_messages(list(chunks)))

        async def receive():
            return next(messages)

        raw = [(b"content-type", content_type.encode())] if content_type else []
        async with Request(http_scope("POST", headers=raw), receive).form() as form:
            return form.multi_items()

    assert await form("Application/X-WWW-Form-URLEncoded; charset=utf-8", b"a=", b"1") == [("a", "1")]
    assert await form("Multipart/Form-Data; boundary=B", multipart_body(part("a", b"1"))) == [("a", "1")]
    assert await form("Multipart/Form-Data; boundary=B", multipart_body(part("a", b"1")), b"") == [("a", "1")]
    assert await form("multipart/mixed; boundary=B", multipart_body(part("a", b"1"))) == []
    assert await form("text/plain", b"a=1") == []
    assert await form("", b"a=1") == []
