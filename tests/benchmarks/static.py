"""A static file in front of an application, ours beside servestatic: a GET of 8 KiB, compressed, and a 304.

    python tests/benchmarks/static.py

Microseconds of CPU time, of all threads, of one request in process; both are measured in turn and the least counts.
"""

from __future__ import annotations

import asyncio
import gzip
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from asgi_requests.staticfiles import static
from middleware import bare, receive, scope

GET_SHARE, NOT_MODIFIED_US = 0.15, 20.0
ROUNDS, REQUESTS = 12, 300
NAME = "app.27e20196a850.js"


def directory() -> tempfile.TemporaryDirectory[str]:
    """A directory with a script and its gzip sibling."""
    folder = tempfile.TemporaryDirectory()
    content = " ".join(random.Random(5).choices(["let", "const", "return", "await", "x"], k=40_000)).encode()
    (Path(folder.name) / NAME).write_bytes(content)
    (Path(folder.name) / f"{NAME}.gz").write_bytes(gzip.compress(content)[:8192])
    return folder


async def exchange(app: Any, headers: list[tuple[bytes, bytes]]) -> tuple[int, dict[bytes, bytes], int]:
    """Return the status, the headers and the length of a response."""
    head: dict[str, Any] = {}
    length = 0

    async def send(message: Any) -> None:
        nonlocal length
        if message["type"] == "http.response.start":
            head.update(message)
        else:
            length += len(message.get("body", b""))

    asked = scope(headers=headers) | {"path": f"/static/{NAME}", "raw_path": f"/static/{NAME}".encode()}
    await app(asked, receive, send)
    return head["status"], {bytes(name).lower(): bytes(value) for name, value in head["headers"]}, length


async def microseconds(app: Any, headers: list[tuple[bytes, bytes]]) -> float:
    began = time.process_time()
    for _ in range(REQUESTS):
        await exchange(app, headers)
    return (time.process_time() - began) / REQUESTS * 1e6


async def main() -> int:
    """Print the table; return 1 where a goal is missed."""
    from servestatic import ServeStaticASGI

    with directory() as root:
        apps = {"ours": static(bare, root, "/static"), "servestatic": ServeStaticASGI(bare, root=root, prefix="static")}
        base = [(b"host", b"testserver"), (b"accept-encoding", b"gzip, deflate, br")]
        rows: dict[str, dict[str, float]] = {"GET": {}, "304": {}}
        tags = {}
        for name, app in apps.items():
            status, headers, length = await exchange(app, base)
            assert (status, length, headers[b"content-encoding"]) == (200, 8192, b"gzip"), (name, status, headers)
            tags[name] = headers[b"etag"]
            status, _, length = await exchange(app, [*base, (b"if-none-match", tags[name])])
            assert (status, length) == (304, 0), (name, status)
        for _ in range(ROUNDS):
            for name, app in apps.items():
                for case, headers in (("GET", base), ("304", [*base, (b"if-none-match", tags[name])])):
                    taken = await microseconds(app, headers)
                    rows[case][name] = min(rows[case].get(name, taken), taken)
    print("| case | ours, us | servestatic, us | share | goal |\n|---|---:|---:|---:|---|")
    for case, row in rows.items():
        goal = f"{GET_SHARE} of servestatic's" if case == "GET" else f"{NOT_MODIFIED_US:.0f} us"
        print(
            f"| {case} | {row['ours']:.1f} | {row['servestatic']:.1f} | {row['ours'] / row['servestatic']:.3f} | {goal} |"
        )
    missed = rows["GET"]["ours"] > GET_SHARE * rows["GET"]["servestatic"] or rows["304"]["ours"] > NOT_MODIFIED_US
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
