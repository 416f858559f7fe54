"""The cost of an App with twelve middlewares, as a multiple of the App without, and the share of each.

    python tests/benchmarks/stack.py

Plaintext, in process, microseconds of CPU time. A share is the difference that it makes to leave the one middleware
out; the stacks are measured in turn and the lower quartile counts, since whatever else the machine does only adds.

The last line compares the stack with its parts: the twelve around a bare application, each called many times running,
each called once in turn, and one around the other. The first is the sum of what each costs by itself; the second runs
the same code, but the processor finds none of it where it left it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from asgi_framework import App, CORSMiddleware, Middleware, PlainTextResponse, Route, SessionMiddleware
from asgi_framework.middleware import AuthenticationMiddleware
from asgi_middleware.access_log import AccessLogMiddleware
from asgi_middleware.compression import CompressionMiddleware
from asgi_middleware.csrf import CSRFMiddleware
from asgi_middleware.drain import DrainMiddleware
from asgi_middleware.metrics import PrometheusMiddleware
from asgi_middleware.proxy_headers import ProxyHeadersMiddleware
from asgi_middleware.rate_limit import RateLimitMiddleware
from asgi_middleware.request_id import RequestIDMiddleware
from asgi_middleware.security_headers import SecurityHeadersMiddleware
from middleware import HEADERS, PROXIED, SECRET, Formatting, bare, receive, scope, slice_of

GOAL, ROUNDS, CALLS = 4.0, 12, 300
ORIGIN = "https://a.example"
# As a browser behind a proxy asks, from another origin that is allowed.
REQUEST = {
    "headers": [
        *PROXIED[:3],
        (b"accept-encoding", b"gzip, br"),
        *PROXIED[len(HEADERS) :],
        (b"origin", b"https://a.example"),
    ]
}


class Backend:
    """A backend without users."""

    async def authenticate(self, conn: Any) -> None:
        return None


STACK = {
    "drain": Middleware(DrainMiddleware),
    "proxy headers": Middleware(ProxyHeadersMiddleware),
    "request id": Middleware(RequestIDMiddleware),
    "access log": Middleware(AccessLogMiddleware, background=False),
    "metrics": Middleware(PrometheusMiddleware),
    "security headers": Middleware(SecurityHeadersMiddleware),
    "cors": Middleware(CORSMiddleware, allow_origins=[ORIGIN]),
    "csrf": Middleware(CSRFMiddleware),
    "rate limit, memory": Middleware(RateLimitMiddleware, "9999999/second"),
    "compression": Middleware(CompressionMiddleware),
    "session, unused": Middleware(SessionMiddleware, secret_key=SECRET),
    "authentication": Middleware(AuthenticationMiddleware, Backend()),
}


async def hello(request: Any) -> PlainTextResponse:
    return PlainTextResponse("Hello, World!")


def app_of(records: list[Any]) -> App:
    return App(routes=[Route("/", hello)], middleware=records)


async def checked(message: Any) -> None:
    assert message.get("status", 200) == 200, message


async def measured(apps: dict[str, App]) -> dict[str, float]:
    """Microseconds for a request to each."""
    figures: dict[str, list[float]] = {name: [] for name in apps}
    for app in apps.values():
        await app(scope(**REQUEST), receive, checked)
    for _ in range(ROUNDS):
        for name, app in apps.items():
            figures[name].append(await slice_of(app, REQUEST))
    return {name: sorted(values)[ROUNDS // 4] for name, values in figures.items()}


async def repeated(apps: list[Any], running: int) -> float:
    """Microseconds for a request to each of some applications, which are called so many times running."""
    started = time.process_time()
    for _ in range(CALLS // running):
        for app in apps:
            for _ in range(running):
                await app(scope(**REQUEST), receive, checked)
    return (time.process_time() - started) / CALLS * 1e6


async def parts() -> tuple[float, float, float]:
    """Microseconds of the twelve middlewares: each by itself, called in turn, one around the other."""
    apps: list[Any] = [record.cls(bare, *record.args, **record.kwargs) for record in STACK.values()]
    nested: Any = bare
    for record in reversed(STACK.values()):
        nested = record.cls(nested, *record.args, **record.kwargs)
    figures: list[list[float]] = [[], [], [], []]
    for _ in range(2 * ROUNDS):
        figures[0].append(await repeated([bare], 1))
        figures[1].append(await repeated(apps, CALLS))
        figures[2].append(await repeated(apps, 1))
        figures[3].append(await repeated([nested], 1))
    least, running, turns, stacked = (sorted(values)[ROUNDS // 2] for values in figures)
    return running - len(apps) * least, turns - len(apps) * least, stacked - least


async def main() -> None:
    access = logging.getLogger("asgi_middleware.access")
    access.setLevel(logging.INFO)
    access.propagate = False
    access.addHandler(Formatting())
    without = {name: app_of([record for other, record in STACK.items() if other != name]) for name in STACK}
    figures = await measured({"": app_of([]), "all": app_of(list(STACK.values())), **without})
    alone, whole = figures[""], figures["all"]
    print("| middleware | share, us | of the App alone |\n|---|---:|---:|")
    for name in STACK:
        share = whole - figures[name]
        print(f"| {name} | {share:.2f} | {share / alone:.2f} |")
    reached = whole / alone
    print(f"\nThe App alone {alone:.2f} us, with all twelve {whole:.2f} us: {reached:.1f} times.")
    running, turns, stacked = await parts()
    print(
        f"The twelve, each by itself {running:.1f} us; called in turn {turns:.1f}; one around the other {stacked:.1f}."
    )
    print(f"The goal of at most {GOAL:g} times is {'met' if reached <= GOAL else 'not met'}.")


if __name__ == "__main__":
    asyncio.run(main())
