from __future__ import annotations

import io
import threading
from tempfile import SpooledTemporaryFile, TemporaryFile

import anyio
import pytest

from asgi_requests.headers import Headers
from asgi_requests.multidict import FormData
from asgi_requests.uploads import UploadFile


class Watched(SpooledTemporaryFile):
    """Notes the thread of every call that can touch the disk."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.threads = []

    def write(self, data):
        self.threads.append(("write", threading.current_thread()))
        return super().write(data)

    def rollover(self):
        self.threads.append(("rollover", threading.current_thread()))
        super().rollover()


async def test_it_reads_what_was_written():
    upload = UploadFile(SpooledTemporaryFile(max_size=4), size=0, filename="a.txt")  # noqa: SIM115
    await upload.write(b"abc")
    await upload.seek(0)
    assert await upload.read() == b"abc"
    await upload.write(b"defg")
    await upload.seek(1)
    assert await upload.read(3) == b"bcd"
    assert await upload.read() == b"efg"
    assert upload.size == 7
    await upload.close()
    assert upload.file.closed


async def test_the_write_that_goes_to_disk_is_made_in_a_thread():
    upload = UploadFile(Watched(max_size=4))
    await upload.write(b"1234")
    assert upload._in_memory
    await upload.write(b"5")
    await upload.write(b"6")
    here = threading.current_thread()
    assert [(name, thread is here) for name, thread in upload.file.threads] == [
        ("write", True),
        ("write", False),
        ("rollover", False),
        ("write", False),
    ]
    await upload.close()


async def test_a_file_in_memory_closes_at_once():
    upload = UploadFile(SpooledTemporaryFile(max_size=4))  # noqa: SIM115
    await upload.close()
    assert upload.file.closed


async def test_any_binary_file_will_do():
    with TemporaryFile() as file:
        upload = UploadFile(file)
        await upload.write(b"abc")
        await upload.seek(0)
        assert await upload.read() == b"abc"
        assert upload.size is None
    upload = UploadFile(io.BytesIO(b"abc"))
    assert upload._in_memory
    await upload.write(b"x")
    assert await upload.read() == b"bc"


@pytest.mark.parametrize("max_size", [4, 1000])
async def test_it_is_a_file_to_move_in_to_read_by_lines_and_to_enter(max_size):
    upload = UploadFile(SpooledTemporaryFile(max_size=max_size))  # noqa: SIM115
    async with upload as entered:
        assert entered is upload
        await upload.write(b"one\ntwo\nthree")
        assert await upload.tell() == 13
        assert await upload.seek(-5, io.SEEK_END) == 8
        assert await upload.seek(2, io.SEEK_CUR) == 10
        assert await upload.read() == b"ree"
        assert await upload.seek(4) == 4
        assert [line async for line in upload] == [b"two\n", b"three"]
    assert upload.file.closed


def test_it_reads_as_in_starlette():
    upload = UploadFile(io.BytesIO(), size=1, filename="a", headers=Headers({"content-type": "image/png"}))
    assert repr(upload) == "UploadFile(filename='a', size=1, headers=Headers({'content-type': 'image/png'}))"
    assert upload.content_type == "image/png"
    assert repr(UploadFile(io.BytesIO())) == "UploadFile(filename=None, size=None, headers=Headers({}))"
    assert UploadFile(io.BytesIO()).content_type is None


@pytest.mark.parametrize(
    ("filename", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("été à la plage.jpg", "été à la plage.jpg"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\ada\\x.txt", "x.txt"),
        ("..\\..\\x.txt", "x.txt"),
        ("a/b\\c", "c"),
        ("..", "file"),
        (".", "file"),
        ("", "file"),
        (None, "file"),
        ("dir/", "file"),
        (".htaccess", "htaccess"),
        ("...hidden", "hidden"),
        ("trailing. . ", "trailing"),
        ("a\0b\r\nc", "a_b__c"),
        ('<a>:"|?*', "_a______"),
        ("nul", "_nul"),
        ("CON.txt", "_CON.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("console.txt", "console.txt"),
        ("lone\udc80surrogate", "lone?surrogate".replace("?", "_")),
    ],
)
def test_a_safe_name_is_one_harmless_segment(filename, safe):
    assert UploadFile(io.BytesIO(), filename=filename).safe_filename == safe


@pytest.mark.parametrize(
    ("filename", "end"),
    [("x" * 300, "x"), ("x" * 300 + ".pdf", "x.pdf"), ("é" * 300 + ".é", ".é"), ("." + "y" * 400, "y")],
)
def test_a_safe_name_fits_a_file_system(filename, end):
    safe = UploadFile(io.BytesIO(), filename=filename).safe_filename
    assert 240 < len(safe.encode()) <= 255
    assert safe.endswith(end)


def test_a_long_ending_is_cut_with_the_rest():
    assert UploadFile(io.BytesIO(), filename="a." + "b" * 400).safe_filename == "a." + "b" * 253


async def test_a_form_that_is_left_by_a_cancellation_has_no_file_open():
    files = [TemporaryFile(), TemporaryFile(), io.BytesIO()]  # noqa: SIM115
    form = FormData([("a", UploadFile(file)) for file in files])
    with anyio.CancelScope() as scope:
        try:
            scope.cancel()
            await anyio.sleep_forever()
        finally:
            await form.close()
    assert scope.cancelled_caught
    assert all(file.closed for file in files)
