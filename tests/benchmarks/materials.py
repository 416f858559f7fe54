"""The material of the applications of every framework: the same texts, files, paths and layers for all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

HELLO = b"Hello, World!"
KIB = {"items": [{"id": i, "name": f"item number {i}", "tags": ["a", "b"]} for i in range(19)], "total": 19}
TEXT = (b"The quick brown fox jumps over the lazy dog, and the dog lets it. " * 160)[:10240]
ORIGIN = "https://app.example.org"
SECRET = "a secret for the benchmark"
CHUNK = b"x" * 65536
GZIP_LEVEL = 9


class NoOp:
    """A pure ASGI middleware that does nothing."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


def noop_layers(case: str) -> list[type[NoOp]]:
    """The layers of the case that has five."""
    return [NoOp] * 5 if case == "mw5" else []


def gzip_level(case: str) -> int:
    """The level that every framework compresses with, or 0 where the case is not about it."""
    return GZIP_LEVEL if case in ("gzip", "gzip_encoded") else 0


def table(count: int) -> list[str]:
    """`count` paths, half of them static, half with one int parameter."""
    return [f"/static/{i}/page" if i % 2 == 0 else f"/dynamic/{i}/item/{{id:int}}" for i in range(count)]


def route_paths(case: str) -> list[str] | None:
    """The paths of a case that is about many routes, named `routes1000_last` or `alone_router10_miss`."""
    name, _, _ = case.removeprefix("alone_").partition("_")
    count = name.removeprefix("routes").removeprefix("router")
    return table(int(count)) if count.isdigit() else None


async def chunks() -> AsyncIterator[bytes]:
    """1 MiB in pieces of 64 KiB."""
    for _ in range(16):
        yield CHUNK


@cache
def folder() -> Path:
    """A folder with a file of 100 KiB; made once for all processes of a run."""
    path = Path(tempfile.gettempdir()) / "asgi-benchmark-files"
    path.mkdir(exist_ok=True)
    file = path / "file.bin"
    if not file.exists() or file.stat().st_size != 102400:
        file.write_bytes(b"0123456789abcdef" * 6400)
        os.utime(file, (1_700_000_000, 1_700_000_000))
    return path
