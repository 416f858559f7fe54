"""The command that compresses static files beforehand."""

from __future__ import annotations

import gzip
import os
import runpy
import stat
import sys

import pytest

from asgi_requests.staticfiles import StaticFiles, _compress, _compressors
from asgi_requests.staticfiles.__main__ import main
from raw_asgi import request

zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
brotli = pytest.importorskip("brotli")

TEXT = b"the same words again and again, " * 200
DECODE = {".br": brotli.decompress, ".zst": zstd.decompress, ".gz": gzip.decompress}
CODINGS = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}


@pytest.fixture
def root(tmp_path):
    (tmp_path / "css").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".well-known").mkdir()
    for name in ("app.js", "css/site.css", "photo.PNG", "font.woff2", ".env", ".git/config", ".well-known/x.txt"):
        (tmp_path / name).write_bytes(TEXT)
        os.utime(tmp_path / name, ns=(1, 1_700_000_000_123_456_789))
    (tmp_path / "noise.bin").write_bytes(os.urandom(2000))
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "link.js").symlink_to("app.js")
    return tmp_path


def files(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def snapshot(root):
    return {name: ((root / name).stat().st_ino, (root / name).stat().st_mtime_ns) for name in files(root)}


def compress(root, *options):
    return main(["compress", str(root), *options])


@pytest.mark.parametrize("coding", CODINGS)
async def test_the_siblings_have_the_content_the_time_and_the_permissions_and_are_served(root, coding):
    os.chmod(root / "app.js", 0o640)
    assert compress(root, "--quiet") == 0
    sibling, original = root / f"app.js{CODINGS[coding]}", root / "app.js"
    assert DECODE[CODINGS[coding]](sibling.read_bytes()) == TEXT
    assert sibling.stat().st_mtime_ns == original.stat().st_mtime_ns
    assert stat.S_IMODE(sibling.stat().st_mode) == 0o640
    app = StaticFiles(directory=root, precompressed=True)
    reply = await request(app, path="/app.js", headers=[(b"accept-encoding", coding.encode())])
    assert (reply.header("content-encoding"), reply.body) == (coding, sibling.read_bytes())


def test_what_is_compressed_already_hidden_a_link_or_does_not_shrink_is_left_alone(root):
    before = files(root)
    assert compress(root) == 0
    names = ("app.js", "css/site.css", ".well-known/x.txt")
    assert files(root) - before == {name + suffix for name in names for suffix in CODINGS.values()}


def test_a_second_run_writes_nothing(root, capsys):
    compress(root)
    assert "9 written, 0 up to date" in capsys.readouterr().out
    before = snapshot(root)
    assert compress(root) == 0
    assert "0 written, 9 up to date" in capsys.readouterr().out
    assert snapshot(root) == before


def test_the_same_content_gives_the_same_bytes(root):
    compress(root)
    first = {name: (root / name).read_bytes() for name in files(root)}
    for name in files(root):
        if name.endswith((".br", ".zst", ".gz")):
            os.unlink(root / name)
    compress(root)
    assert {name: (root / name).read_bytes() for name in files(root)} == first


@pytest.mark.parametrize("mtime", [1_600_000_000, 1_800_000_000])
def test_a_file_of_another_time_is_compressed_again(root, mtime):
    """An older one too: a deployment that has been taken back has the old time."""
    compress(root)
    (root / "app.js").write_bytes(TEXT * 2)
    os.utime(root / "app.js", (mtime, mtime))
    assert compress(root) == 0
    assert gzip.decompress((root / "app.js.gz").read_bytes()) == TEXT * 2
    assert (root / "app.js.gz").stat().st_mtime == mtime


def test_a_sibling_that_no_longer_belongs_to_its_file_is_removed(root):
    compress(root)
    (root / "app.js").write_bytes(os.urandom(2000))
    assert compress(root) == 0
    assert not (root / "app.js.gz").exists()


def test_a_link_in_the_place_of_a_sibling_is_replaced_and_not_written_through(root, tmp_path_factory):
    target = tmp_path_factory.mktemp("outside") / "target"
    target.write_bytes(b"mine")
    (root / "app.js.gz").symlink_to(target)
    assert compress(root) == 0
    assert target.read_bytes() == b"mine"
    assert not (root / "app.js.gz").is_symlink()


def test_codings_and_files_are_chosen(root):
    before = files(root)
    assert compress(root, "--coding", "gzip", "--exclude", "*.css", "--exclude", ".well-known/*", "--jobs", "1") == 0
    assert files(root) - before == {"app.js.gz"}


def test_a_window_is_one_that_every_browser_has():
    content = bytes(20 << 20)
    compressed = _compressors.available()["zstd"](content)
    options = {zstd.DecompressionParameter.window_log_max: 23}
    assert zstd.ZstdDecompressor(options=options).decompress(compressed) == content


def test_what_is_not_installed_is_said_and_left_out(root, monkeypatch, capsys):
    for name in ("brotli", "compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    assert compress(root) == 0
    error = capsys.readouterr().err
    assert "br is left out, it is not installed: pip install asgi-requests[brotli]" in error
    assert "zstd is left out, it is not installed: pip install asgi-requests[zstd]" in error
    assert (root / "app.js.gz").exists()
    assert not (root / "app.js.br").exists()
    with pytest.raises(SystemExit) as caught:
        compress(root, "--coding", "br")
    assert caught.value.code == 2
    assert "br is not installed: pip install asgi-requests[brotli]" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [[], ["compress"], ["compress", "/nowhere"], ["compress", ".", "--jobs", "0"], ["compress", ".", "--jobs", "x"]],
)
def test_wrong_arguments_are_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_help_explains_it(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["compress", "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert "Exit codes: 0 done, 1 a file could not be read or written, 2 wrong arguments." in out


def test_a_file_that_cannot_be_written_is_1_and_the_others_are_done(root, monkeypatch, capsys):
    replace = os.replace

    def failing(source, target):
        if target.endswith("app.js.br"):
            raise OSError(28, "No space left on device", target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    before = files(root)
    assert compress(root) == 1
    captured = capsys.readouterr()
    assert "No space left on device" in captured.err
    assert "1 failed" in captured.out
    # Nothing half done, under no name.
    assert {name for name in files(root) - before if "app.js" in name or name.endswith(".tmp")} == set()
    assert (root / "css/site.css.br").exists()
    assert compress(root, "--quiet") == 1
    assert capsys.readouterr().out == ""


def test_a_folder_that_cannot_be_listed_is_1(root, monkeypatch, capsys):
    def failing(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", failing)
    assert compress(root) == 1
    assert "Permission denied" in capsys.readouterr().err


def test_an_interrupted_write_leaves_nothing(root, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "utime", interrupted)
    before = files(root)
    with pytest.raises(KeyboardInterrupt):
        _compress.compress_file(str(root / "app.js"), _compressors.available())
    assert files(root) == before


def test_it_runs_as_a_module(root, monkeypatch):
    monkeypatch.delitem(sys.modules, "asgi_requests.staticfiles.__main__")
    monkeypatch.setattr(sys, "argv", ["staticfiles", "compress", str(root), "--quiet"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("asgi_requests.staticfiles", run_name="__main__")
    assert caught.value.code == 0
