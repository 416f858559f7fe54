"""The place where a static file is looked up: a thread, or the event loop once that waits for nothing."""

from __future__ import annotations

import os
import threading

import pytest

from asgi_requests.staticfiles import StaticFiles, _local
from asgi_requests.staticfiles import _remembered as remembered
from raw_asgi import request

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs the number of a device")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "static").mkdir()
    (tmp_path / "static/app.css").write_bytes(b"p {}")
    (tmp_path / "static/app.css.gz").write_bytes(b"compressed")
    (tmp_path / "static/index.html").write_bytes(b"<p>hello")
    return tmp_path / "static"


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    """Let the table of mounts say of which kind the file system of the tests is."""

    def mount(kind: str) -> None:
        device = tmp_path.stat().st_dev
        number = f"{os.major(device)}:{os.minor(device)}"
        table = tmp_path / "mountinfo"
        table.write_text(
            "22 27 0:9999 / /proc rw,relatime - proc proc rw\n"
            f"31 1 {number} / /srv\\040files rw,noatime shared:1 - {kind} server:/files rw,vers=4.2\n"
        )
        monkeypatch.setattr(_local, "_MOUNTS", str(table))
        _local.is_local.cache_clear()

    yield mount
    _local.is_local.cache_clear()


@pytest.fixture
def threads(monkeypatch):
    """The threads that have asked the system for a file."""
    found = []
    lstat, stat = os.lstat, os.stat

    def recorded(look):
        def function(path, *args, **kwargs):
            if str(path).endswith((".css", ".html", "missing")):
                found.append(threading.get_ident())
            return look(path, *args, **kwargs)

        return function

    monkeypatch.setattr(os, "lstat", recorded(lstat))
    monkeypatch.setattr(os, "stat", recorded(stat))
    return found


async def looks_of(app, threads, method="HEAD", path="/app.css", headers=()) -> list[bool]:
    """Return of three requests whether each was looked up in the event loop."""
    in_loop = []
    for _ in range(3):
        threads.clear()
        await request(app, method, path, headers=list(headers))
        in_loop.append({each == threading.get_ident() for each in threads} == {True})
    return in_loop


@pytest.mark.parametrize("options", [{}, {"precompressed": True}, {"follow_symlink": True}, {"html": True}])
async def test_on_a_local_file_system_a_second_look_needs_no_thread(root, mounted, threads, options):
    mounted("ext4")
    assert await looks_of(StaticFiles(directory=root, **options), threads) == [False, True, True]


async def test_a_304_is_such_a_look_and_content_is_not(root, mounted, threads):
    mounted("tmpfs")
    app = StaticFiles(directory=root)
    tag = (await request(app, path="/app.css")).header("etag")
    condition = [(b"if-none-match", tag.encode())]
    assert await looks_of(app, threads, "GET", headers=condition) == [False, True, True]
    assert await looks_of(app, threads, "GET") == [False, False, False]


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs", "btrfs", "unheard-of"])
async def test_a_file_system_that_may_ask_a_server_is_left_to_threads(root, mounted, threads, kind):
    mounted(kind)
    assert await looks_of(StaticFiles(directory=root), threads) == [False, False, False]


async def test_where_the_system_does_not_say_it_is_left_to_threads(root, mounted, threads, monkeypatch):
    mounted("ext4")
    table = root.parent / "mountinfo"
    table.write_text(table.read_text().splitlines(keepends=True)[0])
    assert await looks_of(StaticFiles(directory=root), threads) == [False, False, False]
    table.unlink()
    _local.is_local.cache_clear()
    assert await looks_of(StaticFiles(directory=root), threads) == [False, False, False]


class Overridden(StaticFiles):
    def lookup_path(self, path):
        return super().lookup_path(path)


async def test_code_of_the_application_runs_in_threads(root, mounted, threads):
    mounted("ext4")
    assert await looks_of(Overridden(directory=root), threads) == [False, False, False]
    tagged = StaticFiles(directory=root, etag=lambda path, status: '"v1"')
    assert await looks_of(tagged, threads) == [False, False, False]


async def test_a_look_up_that_another_library_has_replaced_runs_in_threads(root, mounted, threads, monkeypatch):
    mounted("ext4")
    original = StaticFiles.lookup_path
    monkeypatch.setattr(StaticFiles, "lookup_path", lambda self, path: original(self, path))
    assert await looks_of(StaticFiles(directory=root), threads) == [False, False, False]


async def test_several_directories_are_searched_in_threads(root, mounted, threads):
    mounted("ext4")
    app = StaticFiles(directory=root)
    app.all_directories = [root.parent, root]
    assert await looks_of(app, threads) == [False, False, False]


async def test_the_page_for_navigations_is_found_in_threads(root, mounted, threads):
    mounted("ext4")
    navigation = [(b"accept", b"text/html"), (b"sec-fetch-mode", b"navigate")]
    app = StaticFiles(directory=root, fallback="index.html")
    assert await looks_of(app, threads, path="/missing", headers=navigation) == [False, False, False]


async def test_a_look_in_the_event_loop_sees_every_change(root, mounted, threads):
    mounted("ext4")
    app = StaticFiles(directory=root)
    await looks_of(app, threads)
    (root / "app.css").write_bytes(b"p { color: red }")
    assert (await request(app, "HEAD", "/app.css")).header("content-length") == "16"
    (root / "app.css").unlink()
    assert (await request(app, "HEAD", "/app.css")).status == 404
    (root / "app.css").symlink_to(root.parent / "mountinfo")
    assert (await request(app, "HEAD", "/app.css")).status == 404


async def test_a_path_is_known_to_be_in_memory_for_some_seconds(root, mounted, threads, monkeypatch):
    mounted("ext4")
    now = [100.0]
    monkeypatch.setattr(remembered, "monotonic", lambda: now[0])
    app = StaticFiles(directory=root)
    assert await looks_of(app, threads) == [False, True, True]
    now[0] = 105.0
    assert await looks_of(app, threads) == [False, True, True]
