"""The cost of an event of a stream in process, ours beside sse-starlette and FastAPI, in microseconds of CPU time.

    python tests/benchmarks/sse.py [--rounds 15]

Every stream has 2,000 events with an id and a name, and data as text or as JSON; raw chunks are bytes that need no work.
The streams are measured in turn, and the least of the rounds counts, since whatever else the machine does can only add
to it. Fails where an event of ours costs more than 4 us, or more than half of what one of sse-starlette costs.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from typing import Any

EVENTS = 2000
TEXT = "The quick brown fox jumps over the lazy dog"
VALUE = {"author": "Ada", "text": TEXT}
MOST_US = 4.0
LEAST_RATIO = 2.0
Stream = Callable[[], Any]


async def raw() -> AsyncIterator[bytes]:
    for number in range(EVENTS):
        yield b"event: tick\nid: %d\ndata: The quick brown fox jumps over the lazy dog\n\n" % number


def ours(data: Any) -> Stream:
    sse = import_module("asgi_requests.sse")

    async def events() -> AsyncIterator[Any]:
        for number in range(EVENTS):
            yield sse.ServerSentEvent(data, event="tick", id=str(number))

    return lambda: sse.EventSourceResponse(events())


def sse_starlette(data: Any) -> Stream:
    sse = import_module("sse_starlette")
    event = sse.ServerSentEvent if isinstance(data, str) else sse.JSONServerSentEvent

    async def events() -> AsyncIterator[Any]:
        for number in range(EVENTS):
            yield event(data, event="tick", id=str(number))

    return lambda: sse.EventSourceResponse(events())


def fastapi(data: Any) -> Stream:
    sse = import_module("fastapi.sse")
    app = import_module("fastapi").FastAPI()
    name = "raw_data" if isinstance(data, str) else "data"

    @app.get("/", response_class=sse.EventSourceResponse)
    async def events() -> AsyncIterator[sse.ServerSentEvent]:  # type: ignore[name-defined]
        for number in range(EVENTS):
            yield sse.ServerSentEvent(**{name: data}, event="tick", id=str(number))

    return lambda: app


def chunks(path: str) -> Stream:
    module, _, name = path.rpartition(".")
    return lambda: getattr(import_module(module), name)(raw(), media_type="text/event-stream")


STREAMS: dict[str, Callable[[], Stream]] = {
    "raw chunks, asgi-requests": lambda: chunks("asgi_requests.StreamingResponse"),
    "raw chunks, Starlette": lambda: chunks("starlette.responses.StreamingResponse"),
    "text, asgi-requests": lambda: ours(TEXT),
    "text, sse-starlette": lambda: sse_starlette(TEXT),
    "text, FastAPI": lambda: fastapi(TEXT),
    "JSON, asgi-requests": lambda: ours(VALUE),
    "JSON, sse-starlette": lambda: sse_starlette(VALUE),
    "JSON, FastAPI": lambda: fastapi(VALUE),
}


def scope() -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"testserver")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


async def receive() -> Any:
    await asyncio.Event().wait()


async def microseconds(stream: Stream) -> float:
    """The CPU time of one event; raises where the stream has not as many as it should."""
    found = 0

    async def send(message: Any) -> None:
        nonlocal found
        found += b"data: " in message.get("body", b"")

    app = stream()
    begun = time.process_time()
    await app(scope(), receive, send)
    spent = time.process_time() - begun
    if found != EVENTS:
        raise RuntimeError(f"{found} events instead of {EVENTS}")
    return spent / EVENTS * 1e6


async def measure(rounds: int) -> dict[str, float]:
    """The least time of every stream."""
    streams = {}
    for name, make in STREAMS.items():
        try:
            streams[name] = make()
        except ImportError as exc:
            print(f"{name} is left out: {exc}", file=sys.stderr)
    best = dict.fromkeys(streams, float("inf"))
    for _ in range(rounds):
        for name, stream in streams.items():
            best[name] = min(best[name], await microseconds(stream))
    return best


def main() -> None:
    """Print a table; fail where an event costs too much."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    best = asyncio.run(measure(options.rounds))
    print("| stream | us an event | of ours |\n|---|---:|---:|")
    failures = []
    for name, figure in best.items():
        kind = name.partition(",")[0]
        base = best[f"{kind}, asgi-requests"]
        print(f"| {name} | {figure:.2f} | {figure / base:.1f} |")
        if name.endswith("asgi-requests") and figure > MOST_US:
            failures.append(f"{name}: {figure:.2f} us, more than {MOST_US}")
        if name.endswith("sse-starlette") and figure < base * LEAST_RATIO:
            failures.append(f"{name}: only {figure / base:.1f} times ours, not {LEAST_RATIO}")
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
