"""The goals of the project: a ratio, or a time, computed from the figures of a run, and its limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Figures = dict[str, dict[str, float]]
COMPILED = ("blacksheep", "falcon", "asgi_tools")
PEERS = (*COMPILED, "starlette", "fastapi", "litestar", "quart", "lilya")


@dataclass(frozen=True)
class Goal:
    """One figure and the most it may be."""

    text: str
    value: Callable[[Figures], float]
    limit: float


def share(case: str, limit: float, peer: str = "starlette", ours: str = "ours") -> Goal:
    """Our time as a share of a peer's."""
    return Goal(f"{case}: share of {peer}", lambda figures: figures[case][ours] / figures[case][peer], limit)


def ahead(case: str, *peers: str) -> Goal:
    """Our time as a share of the fastest of these peers', or of all."""

    def value(figures: Figures) -> float:
        row = figures[case]
        return row["ours"] / min(row[name] for name in (peers or PEERS))

    return Goal(f"{case}: share of the fastest of {', '.join(peers) or 'all peers'}", value, 1.0)


def flat(name: str) -> Goal:
    """The cost of 1,000 routes, as a share of that of ten."""

    def value(figures: Figures) -> float:
        return figures[f"routes1000_{name}"]["ours"] / figures[f"routes10_{name}"]["ours"]

    return Goal(f"routes1000_{name}: share of routes10_{name}", value, 1.3)


def lookup(case: str, limit: float) -> Goal:
    """A router's time without that of the call itself, as a share of Starlette's."""

    def value(figures: Figures) -> float:
        row = figures[case]
        return (row["ours"] - row["bare"]) / (row["starlette"] - row["bare"])

    return Goal(f"{case}, less the bare call: share of starlette", value, limit)


def beyond(case: str, limit: float) -> Goal:
    """A response's time without that of its two messages sent by hand, as a share of Starlette's."""

    def value(figures: Figures) -> float:
        row, by_hand = figures[case], figures["alone_response"]["bare"]
        return (row["ours"] - by_hand) / (row["starlette"] - by_hand)

    return Goal(f"{case}, less two messages sent by hand: share of starlette", value, limit)


def added(figures: Figures, framework: str) -> float:
    """Microseconds that the middleware of the request/response kind adds."""
    return figures["mw_native"][framework] - figures["plaintext"][framework]


GOALS = [
    share("plaintext", 0.40),
    ahead("plaintext", *COMPILED),
    share("json", 0.40),
    ahead("json"),
    share("plaintext", 0.9, "laminite"),
    share("json", 0.9, "laminite"),
    share("json_msgspec", 0.9, "laminite"),
    share("param", 0.45),
    ahead("param", "laminite", "fasterapi"),
    ahead("param", "blacksheep"),
    share("exc404", 0.38),
    share("inputs", 0.5),
    share("sync", 0.9),
    flat("last"),
    flat("random"),
    flat("miss"),
    flat("405"),
    Goal("routes1000_405: share of a 404", lambda f: f["routes1000_405"]["ours"] / f["routes1000_miss"]["ours"], 1.1),
    share("routes1000_random", 0.015),
    share("routes1000_miss", 0.005),
    lookup("alone_router10_last", 0.15),
    lookup("alone_router10_random", 0.15),
    lookup("alone_router1000_last", 0.01),
    lookup("alone_router1000_random", 0.01),
    share("cors", 0.35),
    share("session", 0.45),
    share("gzip", 0.9),
    share("gzip_encoded", 0.4),
    Goal("around_http: added microseconds", lambda figures: added(figures, "ours"), 0.6),
    Goal(
        "around_http: added, share of BaseHTTPMiddleware",
        lambda figures: added(figures, "ours") / added(figures, "starlette"),
        0.05,
    ),
    share("alone_response", 0.5),
    beyond("alone_response", 0.5),
    share("alone_json", 0.4),
    beyond("alone_json", 0.4),
    share("alone_inputs", 0.5),
    share("alone_read_json", 0.75),
    share("alone_form20", 0.3),
    share("alone_upload", 0.4),
    share("form20", 1.0, "falcon"),
    share("upload", 1.5, "falcon"),
    share("upload_kept", 1.5, "falcon"),
    share("upload_parts", 1.5, "falcon"),
    share("stream", 1.0, "falcon"),
    share("static_304", 1.0, "falcon"),
    share("ws10", 0.42),
    share("alone_file", 0.15),
    share("alone_file_range", 0.15),
    share("alone_static", 0.15),
    share("alone_static_304", 0.45),
    share("alone_stream", 0.45),
    share("alone_ws10", 0.4),
]


def table(figures: Figures) -> None:
    """Print the goals that these figures decide."""
    print("\nGoals\n\n| goal | reached | at most | |\n|---|---:|---:|---|")
    for goal in GOALS:
        try:
            value = goal.value(figures)
        except (KeyError, ValueError):
            continue
        print(f"| {goal.text} | {value:.3g} | {goal.limit:g} | {'met' if value <= goal.limit else 'not met'} |")
