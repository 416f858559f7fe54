"""The cost of compressing a JSON response of 100 kB: bytes, and microseconds of CPU time, beside incumbents.

    python tests/benchmarks/compression.py

Every middleware is asked through its own ASGI interface, at the same level, for a whole body and for a stream of chunks
of 8 KiB. They are measured in turn, in short slices, and the least time counts. Ends with 1 where ours is larger or more
than 10 % slower than an incumbent at the same level (less is within what two runs differ by), or zstd misses its goal.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from middleware import HEADERS, made, receive, scope

ROUNDS, REQUESTS, CHUNK = 30, 4, 8192
GOAL_TIME, GOAL_BYTES = 0.2, 1.12
NAMES = ["Ada Lovelace", "Grace Hopper", "Alan Turing", "Katherine Johnson", "Edsger Dijkstra", "Barbara Liskov"]
STATES = ["pending", "paid", "shipped", "delivered", "returned"]


def orders(size: int) -> bytes:
    """A page of an API: orders with ids, dates, prices and addresses, as JSON of about that size."""
    rows: list[Any] = []
    while len(json.dumps(rows)) < size:
        for number in range(len(rows), len(rows) + 25):
            mixed = number * 2654435761 % 2**32
            name = NAMES[mixed % len(NAMES)]
            rows.append(
                {
                    "id": 100_000 + number,
                    "status": STATES[mixed // 7 % len(STATES)],
                    "customer": {"name": name, "email": f"{name.replace(' ', '.').lower()}{mixed % 100}@example.com"},
                    "created_at": f"2026-11-{1 + mixed % 28:02}T{mixed // 5 % 24:02}:{mixed // 11 % 60:02}:00Z",
                    "total": {"amount": f"{mixed % 50_000 / 100:.2f}", "currency": "EUR"},
                    "lines": [{"sku": f"SKU-{mixed // (k + 3) % 9000:04}", "quantity": k + 1} for k in range(3)],
                    "gift": mixed % 9 == 0,
                }
            )
    return json.dumps(rows).encode()


def ours(coding: str, level: str) -> Callable[[int], Callable[[Any], Any]]:
    path = "asgi_middleware.compression.CompressionMiddleware"
    return lambda value: made(path, codings=[coding], exclude_content_types=[], **{level: value})


def starlette_compress(option: str) -> Callable[[int], Callable[[Any], Any]]:
    return lambda value: made("starlette_compress.CompressMiddleware", **{option: value})


def brotli_asgi(value: int) -> Callable[[Any], Any]:
    return made("brotli_asgi.BrotliMiddleware", quality=value)


def starlette(value: int) -> Callable[[Any], Any]:
    return made("starlette.middleware.gzip.GZipMiddleware", compresslevel=value, exclude_content_types=())


# The coding, its levels, and those who have it, ours first.
ROWS: list[tuple[str, list[int], dict[str, Callable[[int], Callable[[Any], Any]]]]] = [
    ("zstd", [3, 4, 6], {"ours": ours("zstd", "zstd_level"), "starlette-compress": starlette_compress("zstd_level")}),
    (
        "br",
        [4, 5],
        {
            "ours": ours("br", "brotli_quality"),
            "starlette-compress": starlette_compress("brotli_quality"),
            "brotli-asgi": brotli_asgi,
        },
    ),
    (
        "gzip",
        [4, 6],
        {
            "ours": ours("gzip", "gzip_level"),
            "starlette-compress": starlette_compress("gzip_level"),
            "starlette": starlette,
        },
    ),
]


def page(body: bytes, *, streamed: bool) -> Any:
    chunks = [body[at : at + CHUNK] for at in range(0, len(body), CHUNK)] if streamed else [body]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        # starlette-compress holds back other streams until its buffers are full: events it flushes, too.
        headers = [(b"content-type", b"text/event-stream" if streamed else b"application/json")]
        if not streamed:
            headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": streamed})
        if streamed:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app


async def size_of(app: Any, coding: str) -> int:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app(asked(coding), receive, send)
    assert (b"content-encoding", coding.encode()) in [tuple(pair) for pair in sent[0]["headers"]]
    return sum(len(message["body"]) for message in sent[1:])


def asked(coding: str) -> Any:
    return scope(headers=[*HEADERS[:3], (b"accept-encoding", coding.encode())])


async def slice_of(app: Any, coding: str) -> float:
    async def send(message: Any) -> None:
        pass

    began = time.process_time()
    for _ in range(REQUESTS):
        await app(asked(coding), receive, send)
    return (time.process_time() - began) / REQUESTS * 1e6


async def measure(apps: dict[str, Any], coding: str) -> dict[str, tuple[int, float]]:
    """The bytes and the microseconds of each, measured in turn."""
    times: dict[str, list[float]] = {name: [] for name in apps}
    for _ in range(ROUNDS):
        for name, app in apps.items():
            times[name].append(await slice_of(app, coding))
    return {name: (await size_of(app, coding), min(times[name])) for name, app in apps.items()}


def installed(make: Callable[[Any], Any], app: Any) -> Any:
    try:
        return make(app)
    except ImportError:
        return None


async def main() -> int:
    body = orders(100_000)
    failures, figures = [], {}
    print(f"JSON of {len(body)} bytes\n\n| coding | body | who | bytes | CPU, us |\n|---|---|---|---:|---:|")
    for coding, levels, makers in ROWS:
        for level in levels:
            for streamed in (False, True):
                app, kind = page(body, streamed=streamed), "stream" if streamed else "whole"
                apps = {name: made_app for name, make in makers.items() if (made_app := installed(make(level), app))}
                found = await measure(apps, coding)
                figures[coding, level, kind] = found["ours"]
                for name, (size, cost) in found.items():
                    print(f"| {coding} {level} | {kind} | {name} | {size} | {cost:.0f} |", flush=True)
                    if found["ours"][0] > size or found["ours"][1] > 1.1 * cost:
                        failures.append(f"{coding} {level}, {kind}: worse than {name}")
    zstd, gzip = figures["zstd", 3, "whole"], figures["gzip", 6, "whole"]
    time_share, byte_share = zstd[1] / gzip[1], zstd[0] / gzip[0]
    print(f"\nzstd 3 beside gzip 6: {time_share:.3f} of the time, {byte_share:.3f} of the bytes")
    if time_share > GOAL_TIME or byte_share > GOAL_BYTES:
        failures.append(f"zstd 3 misses {GOAL_TIME} of the time and {GOAL_BYTES} of the bytes of gzip 6")
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
