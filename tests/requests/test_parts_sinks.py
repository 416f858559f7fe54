from __future__ import annotations

import hashlib
import os
import threading

import anyio
import pytest

from asgi_requests import ClientDisconnect, MultiPartException, Request
from asgi_requests.parts import DiskSink, SavedPart, _saving, sinks
from raw_asgi import body_messages, http_scope

TYPE = b"multipart/form-data; boundary=B"
HEAD = b'--B\r\nContent-Disposition: form-data; name="f"; filename="../a.txt"\r\n\r\n'
END = b"\r\n--B--\r\n"


def more(*chunks):
    return [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]


def parts_of(*messages):
    left = iter(messages)

    async def receive():
        message = next(left, None)
        return message if message is not None else await anyio.sleep_forever()

    return Request(http_scope("POST", headers=[(b"content-type", TYPE)]), receive).parts()


async def save(content, sink, size=1000, **options):
    chunks = [content[i : i + size] for i in range(0, len(content), size)]
    async with parts_of(*body_messages([HEAD, *chunks, END])) as parts:
        return await (await anext(parts)).save(sink, **options)


class Kept:
    """A sink that notes what is done to it."""

    def __init__(self):
        self.content = b""
        self.calls = []

    async def write(self, chunk):
        await anyio.lowlevel.checkpoint()
        self.content += chunk

    async def close(self):
        self.calls.append("close")

    async def abort(self):
        self.calls.append("abort")


async def test_any_object_with_an_asynchronous_write_is_a_sink(tmp_path):
    class Bare:
        content = b""

        async def write(self, chunk):
            self.content += chunk

    sink = Bare()
    assert await save(b"hello", sink) == SavedPart(5)
    assert sink.content == b"hello"
    async with await anyio.open_file(tmp_path / "f", "wb") as file:
        await save(b"hello", file)
    assert (tmp_path / "f").read_bytes() == b"hello"


async def test_a_sink_is_closed_once_it_has_everything():
    sink = Kept()
    await save(b"x" * 5000, sink)
    assert (sink.content, sink.calls) == (b"x" * 5000, ["close"])


async def test_close_and_abort_may_be_synchronous():
    class Synchronous(Kept):
        def close(self):
            self.calls.append("close")
            raise OSError("lost")

        def abort(self):
            self.calls.append("abort")

    sink = Synchronous()
    with pytest.raises(OSError, match="lost"):
        await save(b"hello", sink)
    assert sink.calls == ["close", "abort"]


async def test_each_chunk_is_written_before_the_next_is_received():
    order = []

    class Slow(Kept):
        async def write(self, chunk):
            await anyio.sleep(0)
            order.append(("written", chunk))

    left = body_messages([HEAD, b"1" * 50, b"2" * 50, END])[::-1]

    async def receive():
        order.append(("received", left[-1]["body"]))
        return left.pop()

    async for part in Request(http_scope("POST", headers=[(b"content-type", TYPE)]), receive).parts():
        await part.save(Slow())
    assert order[1:] == [
        ("received", b"1" * 50),
        ("written", b"1" * 50),
        ("received", b"2" * 50),
        ("written", b"2" * 50),
        ("received", END),
    ]


async def test_a_file_that_writes_synchronously_is_not_a_sink(tmp_path):
    with (
        open(tmp_path / "f", "wb") as file,
        pytest.raises(TypeError, match=r"^BufferedWriter.write is not asynchronous: save to a DiskSink"),
    ):
        await save(b"hello", file)


async def test_what_a_loop_has_left_is_saved():
    sink = Kept()
    async for part in parts_of(*body_messages([HEAD, b"12", b"34", END])):
        await anext(part)
        assert (await part.save(sink)).size == 2
        with pytest.raises(RuntimeError, match="Part 'f' has been read"):
            await part.save(Kept())
    assert sink.content == b"34"


# Hash and progress


@pytest.mark.parametrize("size", [1000, 10**6])
async def test_a_part_is_hashed_while_it_is_saved(size):
    content = os.urandom(700_000)
    saved = await save(content, Kept(), size, hash="sha256")
    assert saved == SavedPart(700_000, hashlib.sha256(content).hexdigest())
    hasher = hashlib.blake2b(digest_size=8)
    saved = await save(content, Kept(), size, hash=hasher)
    assert saved.hexdigest == hasher.hexdigest() == hashlib.blake2b(content, digest_size=8).hexdigest()


async def test_a_large_chunk_is_hashed_in_a_thread():
    threads = set()

    class Hash:
        def update(self, chunk):
            threads.add(threading.current_thread())

    saved = await save(b"x" * _saving._LARGE, Kept(), 10**9, hash=Hash())
    assert saved.hexdigest is None
    assert threading.current_thread() not in threads
    await save(b"x" * 1000, Kept(), hash=Hash())
    assert threading.current_thread() in threads


@pytest.mark.parametrize(("name", "message"), [("sha0", "sha0"), ("shake_128", "shake_128 has no length of its own")])
async def test_a_hash_that_cannot_be_is_refused_before_anything_is_written(name, message):
    sink = Kept()
    with pytest.raises(ValueError, match=message):
        await save(b"hello", sink, hash=name)
    assert (sink.content, sink.calls) == (b"", [])


async def test_progress_is_reported_after_each_chunk():
    seen = []
    await save(b"x" * 250, Kept(), 100, progress=seen.append)

    async def progress(size):
        await anyio.sleep(0)
        seen.append(-size)

    await save(b"x" * 250, Kept(), 100, progress=progress)
    assert seen == [100, 200, 250, -100, -200, -250]


async def test_a_progress_function_that_raises_stops_the_part():
    sink = Kept()
    with pytest.raises(ZeroDivisionError):
        await save(b"x" * 250, sink, 100, progress=lambda size: 1 / 0)
    assert (sink.content, sink.calls) == (b"x" * 100, ["abort"])


# What stops a part


async def stopped(sink, *messages):
    async for part in parts_of(*more(HEAD, b"x" * 100), *messages):
        await part.save(sink)


async def test_a_client_that_leaves_aborts_the_sink():
    sink = Kept()
    with pytest.raises(ClientDisconnect):
        await stopped(sink, {"type": "http.disconnect"})
    assert (sink.content, sink.calls) == (b"x" * 100, ["abort"])


async def test_a_body_that_is_cut_short_aborts_the_sink():
    sink = Kept()
    with pytest.raises(MultiPartException):
        await stopped(sink, {"type": "http.request"})
    assert sink.calls == ["abort"]


async def test_a_cancellation_while_the_client_is_slow_aborts_the_sink():
    class Slow(Kept):
        async def abort(self):
            await anyio.lowlevel.checkpoint()
            await super().abort()

    sink = Slow()
    with anyio.CancelScope() as scope:
        async for part in parts_of(*more(HEAD, b"x" * 100)):
            await part.save(sink, progress=lambda size: scope.cancel())
    assert scope.cancelled_caught
    assert (sink.content, sink.calls) == (b"x" * 100, ["abort"])


async def test_a_cancellation_while_the_sink_writes_aborts_it():
    class Cancelled(Kept):
        async def write(self, chunk):
            scope.cancel()
            await super().write(chunk)

    sink = Cancelled()
    with anyio.CancelScope() as scope:
        await save(b"x" * 100, sink)
    assert scope.cancelled_caught
    assert (sink.content, sink.calls) == (b"", ["abort"])


async def test_an_abort_that_hangs_is_given_up(monkeypatch):
    class Hanging(Kept):
        async def abort(self):
            await anyio.sleep_forever()

    monkeypatch.setattr(_saving, "_ABORT_TIMEOUT", 0.01)
    with pytest.raises(ClientDisconnect):
        await stopped(Hanging(), {"type": "http.disconnect"})


async def test_an_abort_that_fails_does_not_hide_why():
    class Failing(Kept):
        async def abort(self):
            raise OSError("network down")

    with pytest.raises(ClientDisconnect) as caught:
        await stopped(Failing(), {"type": "http.disconnect"})
    assert caught.value.__notes__ == ["Failing.abort failed: OSError('network down')"]


async def test_a_sink_without_abort_is_left_as_it_is():
    class Closing:
        closed = False

        async def write(self, chunk):
            pass

        async def close(self):
            self.closed = True

    sink = Closing()
    with pytest.raises(ClientDisconnect):
        await stopped(sink, {"type": "http.disconnect"})
    assert not sink.closed


# Files


@pytest.mark.parametrize("content", [b"", b"hello", os.urandom(3_000_000)])
async def test_a_file_has_the_content(tmp_path, content):
    saved = await save(content, DiskSink(tmp_path, "a.txt"), 65536, hash="md5")
    assert (tmp_path / "a.txt").read_bytes() == content
    assert saved == SavedPart(len(content), hashlib.md5(content, usedforsecurity=False).hexdigest())
    assert os.listdir(tmp_path) == ["a.txt"]


async def test_a_file_appears_once_it_is_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(sinks, "_WRITE_SIZE", 10)
    seen = []
    await save(b"x" * 50, DiskSink(tmp_path, "a"), 10, progress=lambda size: seen.append(os.listdir(tmp_path)))
    assert len(seen) == 5
    assert all(len(names) == 1 and names[0].startswith(".") and names[0].endswith(".part") for names in seen)
    assert os.listdir(tmp_path) == ["a"]


async def test_the_disk_is_used_in_threads(tmp_path, monkeypatch):
    threads = []

    class Watched(DiskSink):
        def _write(self):
            threads.append(threading.current_thread())
            super()._write()

    await save(b"x" * 3_000_000, Watched(tmp_path, "a"), 65536)
    assert len(threads) == 3
    assert threading.current_thread() not in threads


async def test_a_file_and_its_directory_are_synced_unless_configured_otherwise(tmp_path, monkeypatch):
    order = []
    fsync, link = os.fsync, os.link
    monkeypatch.setattr(os, "fsync", lambda fd: order.append(os.path.isdir(f"/dev/fd/{fd}")) or fsync(fd))
    monkeypatch.setattr(os, "link", lambda *paths: order.append("named") or link(*paths))
    await save(b"x", DiskSink(tmp_path, "a"))
    assert order == [False, "named", True]
    order.clear()
    await save(b"x", DiskSink(tmp_path, "b", fsync=False))
    assert order == ["named"]
    order.clear()
    monkeypatch.delattr(os, "O_DIRECTORY", raising=False)
    await save(b"x", DiskSink(tmp_path, "c"))
    assert order == [False, "named"]


async def test_a_file_that_exists_is_not_overwritten_unless_asked(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileExistsError) as caught:
        await save(b"new", DiskSink(tmp_path, "a"))
    assert caught.value.filename == str(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"old"
    await save(b"new", DiskSink(tmp_path, "a", overwrite=True))
    assert (tmp_path / "a").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("links", [True, False])
async def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", unsupported)
    monkeypatch.setattr(sinks, "_WRITE_SIZE", 1)
    with pytest.raises(FileExistsError):
        await save(b"new", DiskSink(tmp_path, "a"), progress=lambda size: (tmp_path / "a").write_bytes(b"old"))
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def unsupported(*paths):
    raise PermissionError(1, "Operation not permitted")


async def test_a_file_system_without_links_will_do(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", unsupported)
    await save(b"new", DiskSink(tmp_path, "a"))
    assert (tmp_path / "a").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a"]


async def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        await save(b"new", DiskSink(tmp_path, "a"))
    await save(b"new", DiskSink(tmp_path, "a", overwrite=True))
    assert not (tmp_path / "a").is_symlink()
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize(
    "name", ["../a", "a/b", "/etc/passwd", "", ".", "..", ".htaccess", "a\\b", "a\x00", "con", "a:b", "x" * 256, "a "]
)
def test_a_name_that_may_do_harm_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="is not a harmless file name: pass part.safe_filename, or '"):
        DiskSink(tmp_path, name)


async def test_the_safe_name_of_a_part_is_taken(tmp_path):
    async for part in parts_of(*body_messages([HEAD + b"x" + END])):
        sink = DiskSink(str(tmp_path), part.safe_filename)
        await part.save(sink)
        assert sink.path == tmp_path / "a.txt"


@pytest.mark.parametrize("size", [1, 10**6])
@pytest.mark.parametrize("why", ["left", "cut short", "cancelled"])
async def test_a_partial_file_is_removed(tmp_path, monkeypatch, why, size):
    monkeypatch.setattr(sinks, "_WRITE_SIZE", size)
    end = {"left": [{"type": "http.disconnect"}], "cut short": [{"type": "http.request"}], "cancelled": []}[why]
    expected = {"left": ClientDisconnect, "cut short": MultiPartException, "cancelled": TimeoutError}[why]
    with pytest.raises(expected), anyio.fail_after(0.05 if why == "cancelled" else None):
        await stopped(DiskSink(tmp_path, "a"), *end)
    assert os.listdir(tmp_path) == []


async def test_a_full_disk_removes_the_partial_file(tmp_path, monkeypatch):
    def full(file, content):
        file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sinks, "write_all", full)
    with pytest.raises(OSError, match="No space left"):
        await save(b"x" * 100, DiskSink(tmp_path, "a"))
    assert os.listdir(tmp_path) == []


async def test_a_directory_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        await save(b"x", DiskSink(tmp_path / "missing", "a"))


async def test_a_sink_can_be_filled_by_hand(tmp_path):
    async with DiskSink(tmp_path, "a") as sink:
        await sink.write(b"hel")
        await sink.write(b"lo")
    assert (tmp_path / "a").read_bytes() == b"hello"

    async def fill(name, divisor):
        async with DiskSink(tmp_path, name) as sink:
            await sink.write(b"hel")
            await sink.write(b"lo" * (1 // divisor))

    with pytest.raises(ZeroDivisionError):
        await fill("b", 0)
    with pytest.raises(FileExistsError):
        await fill("a", 1)
    assert os.listdir(tmp_path) == ["a"]


async def test_aborting_what_is_whole_leaves_it(tmp_path):
    sink = DiskSink(tmp_path, "a")
    await sink.write(b"x")
    await sink.close()
    await sink.abort()
    assert os.listdir(tmp_path) == ["a"]


async def test_aborting_what_somebody_else_has_removed_is_quiet(tmp_path, monkeypatch):
    monkeypatch.setattr(sinks, "_WRITE_SIZE", 1)
    sink = DiskSink(tmp_path, "a")
    await sink.write(b"x")
    os.unlink(tmp_path / os.listdir(tmp_path)[0])
    await sink.abort()
