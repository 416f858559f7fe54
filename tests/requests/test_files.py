"""FileResponse, message by message."""

from __future__ import annotations

import gc
import os
import re
import threading

import anyio
import anyio.lowlevel
import pytest

from asgi_requests.background import BackgroundTask
from asgi_requests.files import FileResponse
from wire import Reply, http_scope, request, run, websocket_scope

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


def open_descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


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
    ],
)
async def test_the_media_type_is_guessed_from_the_name(path, name, media_type, content_type):
    assert FileResponse(path, filename=name, media_type=media_type).headers["content-type"] == content_type


@pytest.mark.parametrize(
    ("filename", "kind", "expected"),
    [
        ("ab.csv", "attachment", 'attachment; filename="ab.csv"'),
        ("ab.csv", "inline", 'inline; filename="ab.csv"'),
        ("a b.txt", "attachment", "attachment; filename*=utf-8''a%20b.txt"),
        ("Bericht März €.pdf", "attachment", "attachment; filename*=utf-8''Bericht%20M%C3%A4rz%20%E2%82%AC.pdf"),
        ('a"; x="\r\n\0', "attachment", "attachment; filename*=utf-8''a%22%3B%20x%3D%22%0D%0A%00"),
        ("a'b\\", "attachment", "attachment; filename*=utf-8''a%27b%5C"),
        ("\udcff", "attachment", "attachment; filename*=utf-8''%3F"),
    ],
)
async def test_a_file_name_cannot_leave_its_parameter(path, filename, kind, expected):
    reply = await request(FileResponse(path, filename=filename, content_disposition_type=kind))
    assert reply.header("content-disposition") == expected


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
    with pytest.raises(RuntimeError, match="has shrunk to 7 bytes"):
        await request(response, headers=only(range=ranged) if ranged else [])


async def test_a_file_that_shrinks_while_it_is_sent_is_an_error(big):
    sent = []

    async def send(message):
        sent.append(len(message.get("body", b"")))
        os.truncate(big, 100_000)

    with pytest.raises(RuntimeError, match="has shrunk"):
        await FileResponse(big)(http_scope(), anyio.sleep_forever, send)
    assert sum(sent) < len(BIG)


async def test_a_file_that_grows_is_sent_as_long_as_was_promised(path):
    response = FileResponse(path, stat_result=os.stat(path))
    path.write_bytes(CONTENT + b"more")
    reply = await request(response)
    assert (reply.header("content-length"), reply.body) == ("20", CONTENT)


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


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_one_range_is_206_with_content_range(path, known, method):
    response = FileResponse(path, stat_result=os.stat(path) if known else None)
    reply = await request(response, method, headers=only(range="bytes=3-6"))
    assert reply.status == 206
    assert reply.header("content-range") == "bytes 3-6/20"
    assert reply.header("content-length") == "4"
    assert reply.header("content-type") == "text/plain; charset=utf-8"
    assert reply.body == (b"3456" if method == "GET" else b"")


async def test_a_range_of_a_large_file_is_sent_in_chunks(big):
    reply = await request(FileResponse(big), headers=only(range="bytes=1000-900999"))
    assert reply.body == BIG[1000:901000]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_several_ranges_are_parts_with_the_length_that_was_promised(path, method):
    reply = await request(FileResponse(path), method, headers=only(range="bytes=0-1,5-6,-1"))
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
    assert reply.body == (expected if method == "GET" else b"")


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
    before = open_descriptors()
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
    assert open_descriptors() == before


@pytest.mark.parametrize("known", [False, True])
async def test_a_send_that_fails_leaves_nothing_open(big, known):
    before = open_descriptors()

    async def send(message):
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await FileResponse(big, stat_result=os.stat(big) if known else None)(http_scope(), anyio.sleep_forever, send)
    assert open_descriptors() == before


@pytest.mark.parametrize("known", [False, True])
async def test_a_cancelled_request_leaves_nothing_open(big, known):
    before = open_descriptors()
    for _ in range(5):
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                response = FileResponse(big, stat_result=os.stat(big) if known else None)
                tasks.start_soon(run, response, http_scope())
                await anyio.lowlevel.checkpoint()
                scope.cancel()
    for _ in range(20_000):
        if open_descriptors() == before:
            break
        await anyio.sleep(0.001)
    assert open_descriptors() == before


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
