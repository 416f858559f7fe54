"""FastAPI on Starlette and FastAPI on these packages, in turns: microseconds of one request, without a server.

    python tests/benchmarks/fastapi_on_us.py [ROUNDS]

Needs fastapi and starlette. Each side is a process of its own; they take turns, so that neither has the better machine.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import Annotated, Any

CALLS = 400

if "--worker" in sys.argv:
    if sys.argv[-1] == "ours":
        from asgi_framework.compat import install_as_starlette

        install_as_starlette()
    from fastapi import Depends, FastAPI, Form, HTTPException, Request
    from fastapi.middleware.cors import CORSMiddleware
    from fastapi.responses import PlainTextResponse
    from pydantic import BaseModel

    class Item(BaseModel):
        name: str
        price: float

    async def session():
        yield 1


def main(rounds: int) -> None:
    """Print a table: for each case, and for all of them, the best rounds of both sides, and how they compare."""
    workers = {name: start(name) for name in ("starlette", "ours")}
    taken: dict[str, dict[str, list[float]]] = {name: {} for name in workers}
    for _ in range(rounds):
        for name, worker in workers.items():
            for case, microseconds in ask(worker).items():
                taken[name].setdefault(case, []).append(microseconds)
    for worker in workers.values():
        worker.communicate()
    best = {case: [min(taken[name][case]) for name in workers] for case in taken["ours"]}
    best["all"] = [sum(column) for column in zip(*best.values(), strict=True)]
    print(f"{'case':<14}{'on Starlette':>14}{'on ours':>12}{'of the time':>13}")
    for case, (before, after) in best.items():
        print(f"{case:<14}{before:>11.1f} us{after:>9.1f} us{after / before:>12.1%}")


def start(name: str) -> subprocess.Popen[str]:
    """A process for one side, which answers each line with its times."""
    command = [sys.executable, __file__, "--worker", name]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(worker: subprocess.Popen[str]) -> dict[str, float]:
    """One round of a side."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    print("go", file=worker.stdin, flush=True)
    times: dict[str, float] = json.loads(worker.stdout.readline())
    return times


def work() -> None:
    """Be one side until there is nothing more to read."""
    app = make_app()
    with asyncio.Runner() as runner:
        runner.run(measure(app))
        for _ in sys.stdin:
            print(json.dumps(runner.run(measure(app))), flush=True)


def make_app() -> Any:
    """An application with the everyday parts of FastAPI."""

    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
    app.add_middleware(CORSMiddleware, allow_origins=["*"])

    @app.get("/plain")
    async def plain() -> PlainTextResponse:
        return PlainTextResponse("hello")

    @app.get("/items/{number}")
    async def show(
        number: int, request: Request, held: Annotated[int, Depends(session)], q: str = ""
    ) -> dict[str, Any]:
        return {"number": number, "q": q, "agent": request.headers.get("user-agent")}

    @app.post("/items")
    async def create(item: Item) -> Item:
        return item

    @app.post("/form")
    async def form(a: Annotated[str, Form()], b: Annotated[int, Form()]) -> dict[str, Any]:
        return {"a": a, "b": b}

    @app.get("/error")
    async def error() -> None:
        raise HTTPException(404)

    return app


async def measure(app: Any) -> dict[str, float]:
    """The time of each case, in microseconds."""
    form = (b"content-type", b"application/x-www-form-urlencoded")
    cases = {
        "plain text": (200, "GET", "/plain", b"", ()),
        "dependencies": (200, "GET", "/items/7", b"", ()),
        "JSON body": (200, "POST", "/items", b'{"name":"lamp","price":1.5}', ((b"content-type", b"application/json"),)),
        "form": (200, "POST", "/form", b"a=hello&b=1", (form,)),
        "HTTPException": (404, "GET", "/error", b"", ()),
        "404": (404, "GET", "/nowhere", b"", ()),
    }
    times = {}
    for case, (expected, method, path, body, headers) in cases.items():
        started = time.process_time()
        for _ in range(CALLS):
            sent = await call(app, method, path, body, headers)
        assert sent == expected, (case, sent)
        times[case] = (time.process_time() - started) / CALLS * 1e6
    return times


async def call(app: Any, method: str, path: str, body: bytes, headers: Any) -> int:
    """The status of one request, its messages passed in the same task."""
    status = 0
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"q=x",
        "root_path": "",
        "headers": [(b"host", b"example.org"), (b"user-agent", b"bench"), (b"accept", b"*/*"), *headers],
        "client": ("127.0.0.1", 5000),
        "server": ("127.0.0.1", 80),
        "state": {},
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status


if __name__ == "__main__":
    if "--worker" in sys.argv:
        work()
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
