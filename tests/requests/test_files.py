"""FileResponse, message by message."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import mimetypes
import os
import re
import threading
import tracemalloc

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from asgi_requests._tasks import asyncio_task
from asgi_requests._workers import WorkerPool
from asgi_requests.background import BackgroundTask
from asgi_requests.files import FileResponse, content_disposition
from asgi_requests.files._reader import FileAt, FileReader
from asgi_requests.responses import Response
from raw_asgi import Reply, http_scope, request, run, websocket_scope

CONTENT = b"0123456789" * 2
BIG = os.urandom(1024 * 1024)


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "digits.txt"
    file.write_bytes(CONTENT)
    os.utime(file, (784111777, 784111777))
    return file


@pytest.fixture
def big(tmp_path):
    file = tmp_path / "big.bin"
    file.write_bytes(BIG)
    return file


def only(**headers):
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]


async def threads_at_rest() -> None:
    """Wait until no call runs in a worker thread, whoever made it."""
    if asyncio_task() is None:
        limiter = anyio.to_thread.current_default_thread_limiter()
        while limiter.borrowed_tokens:
            await anyio.sleep(0.001)
    else:
        pool = WorkerPool.of(asyncio.get_running_loop())
        while len(pool.idle) < pool.size:
            await anyio.sleep(0.001)


async def is_open(file) -> bool:
    """Return whether this process still has the file open once its threads are at rest."""
    await threads_at_rest()
    gc.collect()
    return is_linked(file)


def is_linked(file) -> bool:
    """Return whether a descriptor of this process leads to the file."""
    links = []
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            links.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return str(file) in links


async def test_a_file_is_sent_with_its_headers(path):
    reply = await request(FileResponse(path))
    assert reply.status == 200
    assert reply.headers == [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"accept-ranges", b"bytes"),
        (b"content-length", b"20"),
        (b"last-modified", b"Sun, 06 Nov 1994 08:49:37 GMT"),
        (b"etag", reply.header("etag").encode()),
    ]
    assert re.fullmatch(r'"[0-9a-f]+-14"', reply.header("etag"))
    assert reply.messages[1:] == [{"type": "http.response.body", "body": CONTENT, "more_body": False}]


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 262144, 262145, 300_000, 524_289])
async def test_every_size_is_sent_whole_in_chunks(tmp_path, size):
    (tmp_path / "f").write_bytes(BIG[:size])
    reply = await request(FileResponse(tmp_path / "f"))
    assert reply.body == BIG[:size]
    assert reply.header("content-length") == str(size)
    assert max(len(m["body"]) for m in reply.messages[1:]) <= FileResponse.chunk_size
    assert [m["more_body"] for m in reply.messages[1:]] == [True] * (len(reply.messages) - 2) + [False]


async def test_the_chunk_size_is_a_class_attribute(path):
    class Small(FileResponse):
        chunk_size = 8

    assert [m["body"] for m in (await request(Small(path))).messages[1:]] == [b"01234567", b"89012345", b"6789"]


async def test_given_headers_win(path):
    headers = {"ETag": '"mine"', "Last-Modified": "x", "Content-Type": "a/b", "Accept-Ranges": "none"}
    reply = await request(FileResponse(path, headers=headers))
    assert (reply.header("etag"), reply.header("last-modified")) == ('"mine"', "x")
    assert (reply.header("content-type"), reply.header("accept-ranges")) == ("a/b", "none")
    assert (await request(FileResponse(path, headers=headers), headers=only(if_none_match='"mine"'))).status == 304


@pytest.mark.parametrize(
    ("name", "media_type", "content_type"),
    [
        ("a.html", None, "text/html; charset=utf-8"),
        ("a.unknown-suffix", None, "application/octet-stream"),
        ("a", None, "application/octet-stream"),
        ("a.html", "x/y", "x/y"),
        ("a.csv.gz", None, "application/gzip"),
        ("a.tar.gz", None, "application/gzip"),
        ("a.tgz", None, "application/gzip"),
        ("a.js.gz", None, "application/gzip"),
        ("a.svgz", None, "application/gzip"),
        ("a.txt.Z", None, "application/x-compress"),
        ("a.txt.bz2", None, "application/x-bzip2"),
        ("a.txt.xz", None, "application/x-xz"),
        ("a.txt.br", None, "application/x-brotli"),
    ],
)
async def test_the_media_type_is_guessed_from_the_name(path, name, media_type, content_type):
    assert FileResponse(path, filename=name, media_type=media_type).headers["content-type"] == content_type


async def test_a_compressed_file_has_the_type_of_its_content_where_its_encoding_is_named(path):
    headers = {"Content-Encoding": "gzip"}
    assert FileResponse(path, filename="a.svgz", headers=headers).headers["content-type"] == "image/svg+xml"
    assert FileResponse(path, filename="a.unknown.gz", headers=headers).headers["content-type"] == (
        "application/octet-stream"
    )


def test_an_encoding_that_is_not_known_has_no_type(path, monkeypatch):
    monkeypatch.setitem(mimetypes.encodings_map, ".zst", "zstd")
    assert FileResponse(path, filename="a.txt.zst").headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("filename", "kind", "expected"),
    [
        ("ab.csv", "attachment", 'attachment; filename="ab.csv"'),
        ("ab.csv", "inline", 'inline; filename="ab.csv"'),
        ("a b.txt", "attachment", "attachment; filename=\"a b.txt\"; filename*=utf-8''a%20b.txt"),
        (
            "Bericht März €.pdf",
            "attachment",
            "attachment; filename=\"Bericht Marz _.pdf\"; filename*=utf-8''Bericht%20M%C3%A4rz%20%E2%82%AC.pdf",
        ),
        ("你好.txt", "inline", "inline; filename=\"__.txt\"; filename*=utf-8''%E4%BD%A0%E5%A5%BD.txt"),
        (
            'a"; x="\r\n\0',
            "attachment",
            "attachment; filename=\"a_; x=____\"; filename*=utf-8''a%22%3B%20x%3D%22%0D%0A%00",
        ),
        ("a'b\\", "attachment", "attachment; filename=\"a'b_\"; filename*=utf-8''a%27b%5C"),
        ("ä/b.txt", "attachment", "attachment; filename=\"a_b.txt\"; filename*=utf-8''%C3%A4%2Fb.txt"),
        ("a/b.txt", "attachment", "attachment; filename=\"a_b.txt\"; filename*=utf-8''a%2Fb.txt"),
        ("50%2F.txt", "attachment", "attachment; filename=\"50_2F.txt\"; filename*=utf-8''50%252F.txt"),
        ("\udcff", "attachment", "attachment; filename=\"_\"; filename*=utf-8''%EF%BF%BD"),
    ],
)
async def test_a_file_name_cannot_leave_its_parameter(path, filename, kind, expected):
    reply = await request(FileResponse(path, filename=filename, content_disposition_type=kind))
    assert reply.header("content-disposition") == expected


async def test_any_response_may_have_a_file_name():
    headers = {"Content-Disposition": content_disposition("Bericht März.pdf")}
    reply = await request(Response(b"%PDF", headers=headers))
    assert reply.header("content-disposition") == (
        "attachment; filename=\"Bericht Marz.pdf\"; filename*=utf-8''Bericht%20M%C3%A4rz.pdf"
    )
    assert content_disposition("a.txt", "inline") == 'inline; filename="a.txt"'


@pytest.mark.parametrize("kind", ["", "inline; x", "in\r\nline", "é"])
def test_a_disposition_that_is_not_a_token_is_refused(kind):
    with pytest.raises(ValueError, match="Invalid disposition type"):
        content_disposition("a.txt", kind)


async def test_a_missing_file_and_a_directory_are_errors_before_anything_is_sent(tmp_path):
    for name, problem in (("nope", "does not exist"), ("", "is not a file"), ("f/x", "does not exist")):
        (tmp_path / "f").touch()
        reply = Reply()
        with pytest.raises(RuntimeError, match=f"File at path .* {problem}."):
            await run(FileResponse(tmp_path / name), http_scope(), reply=reply)
        assert reply.messages == []


async def test_a_file_that_went_after_it_was_looked_at_is_an_error(path):
    response = FileResponse(path, stat_result=os.stat(path))
    path.unlink()
    with pytest.raises(RuntimeError, match=r"does not exist\."):
        await request(response)


@pytest.mark.parametrize("ranged", [None, "bytes=5-", "bytes=0-1,5-19"])
async def test_a_file_that_shrinks_is_an_error_and_never_a_loop(path, ranged):
    response = FileResponse(path, stat_result=os.stat(path))
    path.write_bytes(b"0123456")
    with pytest.raises(RuntimeError, match=r"is shorter than expected\."):
        await request(response, headers=only(range=ranged) if ranged else [])


async def test_a_file_that_shrinks_while_it_is_sent_is_an_error(big):
    sent = []

    async def send(message):
        sent.append(len(message.get("body", b"")))
        os.truncate(big, 100_000)

    with pytest.raises(RuntimeError, match=r"is shorter than expected\."):
        await FileResponse(big)(http_scope(), anyio.sleep_forever, send)
    assert sum(sent) < len(BIG)


async def test_a_file_that_grows_is_sent_as_long_as_was_promised(path):
    response = FileResponse(path, stat_result=os.stat(path))
    path.write_bytes(CONTENT + b"more")
    reply = await request(response)
    assert (reply.header("content-length"), reply.body) == ("20", CONTENT)


@pytest.mark.parametrize("looks", [1, 2, 3, 4])
async def test_a_file_that_is_deployed_while_it_is_looked_at_is_sent_whole(path, looks, monkeypatch):
    stat_file, left = os.stat, looks

    def look(name, **options):
        nonlocal left
        result = stat_file(name, **options)
        if name == path and left:
            left -= 1
            (path.parent / "new").write_bytes(b"n" * (30 + left))
            (path.parent / "new").replace(path)
        return result

    monkeypatch.setattr(os, "stat", look)
    if looks > 2:
        with pytest.raises(RuntimeError, match=r"has been replaced\."):
            await request(FileResponse(path))
    else:
        reply = await request(FileResponse(path))
        assert (reply.header("content-length"), reply.body) == ("30", b"n" * 30)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda name: os.symlink("loop", name)])
async def test_what_has_taken_the_name_of_a_file_is_an_error_and_never_waited_for(path, make):
    response = FileResponse(path, stat_result=os.stat(path))
    make(path.parent / "loop")
    path.unlink()
    (path.parent / "loop").rename(path)
    with anyio.fail_after(5), pytest.raises((RuntimeError, OSError)):
        await request(response)


async def test_another_error_of_opening_is_not_hidden(path, monkeypatch):
    def fail(path, flags):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(OSError, match="Input/output error"):
        await request(FileResponse(path))


async def test_a_tag_of_your_own_replaces_the_validators_of_time(path):
    for stat_result in (None, os.stat(path)):
        reply = await request(FileResponse(path, stat_result=stat_result, etag='"v1"'))
        assert (reply.header("etag"), reply.header("last-modified")) == ('"v1"', None)


@pytest.mark.parametrize("etag", ["v1", "", '"v1', '"v 1"', '"a"b"', 'w/"v1"'])
def test_a_tag_without_its_quotes_is_refused(path, etag):
    with pytest.raises(ValueError, match="with the quotes"):
        FileResponse(path, stat_result=os.stat(path), etag=etag)


async def test_a_slow_client_holds_little_of_a_large_file(tmp_path):
    # What is read and not sent yet is all that may be held, at any point of the transfer.
    file = tmp_path / "large"
    file.write_bytes(b"x" * (4 << 20))
    held, peaks = [], []

    async def send(message):
        await anyio.sleep(0.001)
        held.append(tracemalloc.get_traced_memory()[0] - before)

    # The first response is not measured: it imports modules and starts threads.
    for stat_result in (None, None, os.stat(file)):
        response = FileResponse(file, stat_result=stat_result)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        await response(http_scope(), anyio.sleep_forever, send)
        tracemalloc.stop()
        peaks.append(max(held))
        held.clear()
    assert max(peaks[1:]) < 200_000


async def test_a_response_that_is_sent_again_looks_again(path):
    response = FileResponse(path)
    first = await request(response)
    path.write_bytes(b"new")
    second = await request(response)
    assert (second.body, second.header("content-length")) == (b"new", "3")
    assert first.header("etag") != second.header("etag")


async def test_a_subclass_may_set_other_validators(path):
    class Versioned(FileResponse):
        def set_stat_headers(self, stat_result):
            self.headers["etag"] = '"v1"'
            super().set_stat_headers(stat_result)

    reply = await request(Versioned(path), headers=only(if_none_match='"v1"'))
    assert (reply.status, reply.body) == (304, b"")


async def test_head_gets_the_headers_alone(path):
    reply = await request(FileResponse(path), "HEAD")
    assert (reply.header("content-length"), reply.body) == ("20", b"")


@pytest.mark.parametrize("known", [False, True])
async def test_another_method_or_status_takes_no_conditions_and_no_ranges(path, known):
    stat_result = os.stat(path) if known else None
    headers = only(range="bytes=0-1", if_none_match="*")
    assert (await request(FileResponse(path, stat_result=stat_result), "POST", headers=headers)).body == CONTENT
    reply = await request(FileResponse(path, 404, stat_result=stat_result), headers=headers)
    assert (reply.status, reply.body) == (404, CONTENT)


# Ranges


@pytest.mark.parametrize("method", ["HEAD", "head"])
async def test_head_ignores_a_range(path, method):
    for value in ("bytes=3-6", "bytes=0-1,5-6", "bytes=20-", "bytes"):
        reply = await request(FileResponse(path), method, headers=only(range=value))
        assert (reply.status, reply.header("content-length"), reply.body) == (200, "20", b"")
        assert reply.header("content-range") is None


@pytest.mark.parametrize("value", ["bytes=0-", "bytes=-1", "bytes=0-0,5-"])
async def test_a_range_of_an_empty_file_is_the_whole_of_it(path, value):
    path.write_bytes(b"")
    reply = await request(FileResponse(path), headers=only(range=value))
    assert (reply.status, reply.header("content-length"), reply.body) == (200, "0", b"")


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_a_status_that_allows_no_body_sends_no_file(path, status):
    reply = await request(FileResponse(path, status), headers=only(range="bytes=0-1"))
    assert (reply.status, reply.body) == (status, b"")
    assert reply.header("content-length") == {204: None, 205: "0", 304: "20"}[status]
    stat_result = os.stat(path)
    extensions = {"http.response.pathsend": {}}
    assert (await request(FileResponse(path, status, stat_result=stat_result), extensions=extensions)).body == b""


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("method", ["GET", "get"])
async def test_one_range_is_206_with_content_range(path, known, method):
    response = FileResponse(path, stat_result=os.stat(path) if known else None)
    reply = await request(response, method, headers=only(range="bytes=3-6"))
    assert reply.status == 206
    assert reply.header("content-range") == "bytes 3-6/20"
    assert reply.header("content-length") == "4"
    assert reply.header("content-type") == "text/plain; charset=utf-8"
    assert reply.body == b"3456"


async def test_a_range_of_a_large_file_is_sent_in_chunks(big):
    reply = await request(FileResponse(big), headers=only(range="bytes=1000-900999"))
    assert reply.body == BIG[1000:901000]


async def test_several_ranges_are_parts_with_the_length_that_was_promised(path):
    reply = await request(FileResponse(path), headers=only(range="bytes=0-1,5-6,-1"))
    boundary = re.fullmatch(r"multipart/byteranges; boundary=(\w+)", reply.header("content-type")).group(1)
    expected = (
        f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-1/20\r\n\r\n01\r\n"
        f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 5-6/20\r\n\r\n56\r\n"
        f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 19-19/20\r\n\r\n9\r\n"
        f"--{boundary}--"
    ).encode()
    assert reply.status == 206
    assert reply.header("content-length") == str(len(expected))
    assert reply.header("content-range") is None
    assert reply.body == expected


async def test_what_stands_between_parts_is_never_cut(path):
    class Small(FileResponse):
        chunk_size = 2

    reply = await request(Small(path), headers=only(range="bytes=0-2,10-11"))
    chunks = [message["body"] for message in reply.messages[1:]]
    assert [len(chunk) if chunk[:2] == b"--" else chunk for chunk in chunks[:-1]] == [
        *(len(chunks[0]), b"01", b"2", b"\r\n"),
        *(len(chunks[4]), b"01", b"\r\n"),
    ]
    assert chunks[-1].endswith(b"--")


async def test_many_large_parts_have_the_length_that_was_promised(big):
    ranges = "bytes=" + ",".join(f"{n * 10000}-{n * 10000 + 7000}" for n in range(100))
    reply = await request(FileResponse(big), headers=only(range=ranges))
    assert len(reply.body) == int(reply.header("content-length"))
    assert reply.body.count(b"Content-Range: bytes ") == 100


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    ("header", "status", "body", "content_range"),
    [
        ("bytes=20-", 416, b"", "bytes */20"),
        ("bytes=5-2", 400, b"Range header: start must be less than end", None),
        ("bytes", 400, b"Malformed range header.", None),
        ("lines=0-1", 200, CONTENT, None),
        ("bytes=" + "0-0," * 101, 200, CONTENT, None),
    ],
)
async def test_a_range_that_cannot_be_served(path, known, header, status, body, content_range):
    response = FileResponse(path, stat_result=os.stat(path) if known else None)
    reply = await request(response, headers=only(range=header))
    assert (reply.status, reply.body, reply.header("content-range")) == (status, body, content_range)
    assert reply.header("content-length") == str(len(body))


async def test_if_range_decides_whether_the_range_counts(path):
    etag = (await request(FileResponse(path))).header("etag")
    for validator, status in (
        (etag, 206),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 206),
        (f"W/{etag}", 200),
        ('"other"', 200),
        ("Sun, 06 Nov 1994 08:49:38 GMT", 200),
    ):
        reply = await request(FileResponse(path), headers=only(range="bytes=0-1", if_range=validator))
        assert reply.status == status, validator


# Conditions


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_304_keeps_what_is_not_about_the_content(path, known, method):
    response = FileResponse(path, headers={"x-a": "1"}, stat_result=os.stat(path) if known else None, filename="a b")
    response.set_cookie("a", "b")
    reply = await request(response, method, headers=only(if_modified_since="Sun, 06 Nov 1994 08:49:37 GMT"))
    assert (reply.status, reply.body) == (304, b"")
    assert {name for name, _ in reply.headers} == {b"x-a", b"set-cookie", b"etag", b"last-modified"}


async def test_304_does_not_open_the_file(path):
    response = FileResponse(path, stat_result=os.stat(path))
    path.unlink()
    assert (await request(response, headers=only(if_none_match="*"))).status == 304


async def test_412_is_empty(path):
    reply = await request(FileResponse(path), headers=only(if_match='"other"', range="bytes=0-1"))
    assert (reply.status, reply.body, reply.header("content-length")) == (412, b"", "0")


# The server, the client and the end


@pytest.mark.parametrize("known", [False, True])
async def test_a_server_that_sends_by_path_is_left_to_it(path, known, monkeypatch):
    monkeypatch.chdir(path.parent)
    response = FileResponse(path.name, stat_result=os.stat(path) if known else None)
    extensions = {"http.response.pathsend": {}}
    reply = await request(response, extensions=extensions)
    assert reply.messages[1:] == [{"type": "http.response.pathsend", "path": str(path)}]
    assert reply.header("content-length") == "20"
    assert (await request(response, "HEAD", extensions=extensions)).messages[1]["type"] == "http.response.body"
    assert (await request(response, headers=only(range="bytes=0-1"), extensions=extensions)).body == b"01"


@pytest.mark.parametrize("known", [False, True])
async def test_the_background_task_runs(path, known):
    ran = []
    stat_result = os.stat(path) if known else None
    await request(FileResponse(path, background=BackgroundTask(ran.append, 1), stat_result=stat_result))
    assert ran == [1]


async def test_a_large_file_stops_when_the_client_leaves_and_is_closed(big):
    ran = []
    left = anyio.Event()

    async def receive():
        await left.wait()
        return {"type": "http.disconnect"}

    sent = []

    async def send(message):
        sent.append(message)
        if len(sent) == 3:
            left.set()
            await anyio.sleep_forever()

    with anyio.fail_after(5):
        await FileResponse(big, background=BackgroundTask(ran.append, 1))(http_scope(), receive, send)
    assert (len(sent), ran) == (3, [1])
    assert not await is_open(big)


@pytest.mark.parametrize("known", [False, True])
async def test_a_send_that_fails_leaves_nothing_open(big, known):
    async def send(message):
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await FileResponse(big, stat_result=os.stat(big) if known else None)(http_scope(), anyio.sleep_forever, send)
    assert not await is_open(big)


@pytest.mark.parametrize("known", [False, True])
async def test_a_cancelled_request_leaves_nothing_open(big, known):
    for _ in range(5):
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                response = FileResponse(big, stat_result=os.stat(big) if known else None)
                tasks.start_soon(run, response, http_scope())
                await anyio.lowlevel.checkpoint()
                scope.cancel()
    assert not await is_open(big)


def test_a_reader_that_is_dropped_closes_its_file_without_the_garbage_collector(big):
    gc.disable()
    try:
        reader = FileReader(FileAt(big), [(0, 10)], 10)
        reader.read(10)
        assert is_linked(big)
        del reader
        assert not is_linked(big)
    finally:
        gc.enable()


async def test_closing_a_file_waits_for_no_thread(tmp_path):
    from asgi_requests._guard import ClosingGuard

    entered, leave, closed = threading.Event(), threading.Event(), threading.Event()
    exclusive = ClosingGuard(closed.set)

    def use():
        entered.set()
        leave.wait(5)

    thread = threading.Thread(target=exclusive.run, args=(use,))
    thread.start()
    entered.wait(5)
    exclusive.close()
    assert not closed.is_set()
    leave.set()
    thread.join()
    assert closed.is_set()
    with pytest.raises(RuntimeError, match="already closed"):
        exclusive.run(use)


async def test_a_file_denies_a_websocket_where_the_server_can(path):
    reply = await run(FileResponse(path, 403), websocket_scope())
    assert (reply.status, reply.body) == (403, CONTENT)
    assert (await run(FileResponse(path, 403), websocket_scope(extensions={}))).types == ["websocket.close"]


@pytest.fixture
def opened(monkeypatch):
    """The files that are opened by what stands in the place of `anyio.open_file`."""
    original, files = anyio.open_file, []

    async def open_file(path, mode):
        files.append(await original(path, mode))
        return files[-1]

    monkeypatch.setattr(anyio, "open_file", open_file)
    return files


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [([], 200, BIG), (only(range="bytes=2-5"), 206, BIG[2:6]), (only(range="bytes=-70000"), 206, BIG[-70000:])],
    ids=["whole", "first", "last"],
)
async def test_what_replaces_the_function_that_opens_files_is_called(big, opened, known, headers, status, expected):
    response = FileResponse(big, stat_result=os.stat(big) if known else None)
    reply = await request(response, headers=headers)
    assert (reply.status, reply.body) == (status, expected)
    assert max(len(message["body"]) for message in reply.messages[1:]) <= FileResponse.chunk_size
    assert [file.closed for file in opened] == [True]


async def test_parts_are_read_by_what_replaces_it_and_answers_without_a_file_are_not(path, opened):
    both = only(range="bytes=0-1,4-5")
    parts = (await request(FileResponse(path), headers=both)).body
    assert [part.split(b"\r\n\r\n")[1][:2] for part in parts.split(b"--")[1:3]] == [b"01", b"45"]
    assert len(opened) == 1
    assert (await request(FileResponse(path), "HEAD")).header("content-length") == "20"
    assert len(opened) == 1


async def test_a_file_opened_by_what_replaces_it_is_closed_where_it_has_shrunk(path, opened):
    response = FileResponse(path, stat_result=os.stat(path))
    path.write_bytes(b"short")
    with pytest.raises(RuntimeError, match=r"digits.txt is shorter than expected\.$"):
        await request(response)
    assert opened[0].closed
