"""Rate limits, and the arithmetic that decides about a request.

Rule: `decide` is the only place where a limit is computed, except for the script of RedisStore, which does the same;
one test suite runs over all stores.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal, NamedTuple, Self

_UNITS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
_TEXT = re.compile(r"([1-9][0-9]{0,8}) ?(?:/|per) ?(?:([1-9][0-9]{0,5}) )?(second|minute|hour|day)s?")
_NAME = re.compile(r"[a-z][a-z0-9_.*-]{0,31}")

_window = attrgetter("window")

State = tuple[float, float, float]


@dataclass(frozen=True)
class Limit:
    """`quota` requests in `window` seconds, under a name that clients see in RateLimit-Policy.

    `gcra` lets a burst of the whole quota pass, and then one request every window / quota seconds. `sliding` counts the
    requests of this window, plus those of the window before weighted by its share of the last `window` seconds.
    """

    quota: int
    window: float
    name: str = "default"
    algorithm: Literal["gcra", "sliding"] = "gcra"

    def __post_init__(self) -> None:
        if self.quota < 1 or self.quota != int(self.quota) or not 0 < self.window <= 1e12:
            raise ValueError(
                f"invalid Limit({self.quota!r}, {self.window!r}): the quota must be 1 or more, the window positive"
            )
        # The name is a string in a structured field, and clients compare it (RFC 9651 §3.3.3).
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"invalid name of a limit: {self.name!r}; use lower-case letters, digits and `_.*-`")
        if self.algorithm not in ("gcra", "sliding"):
            raise ValueError(f"algorithm={self.algorithm!r} must be 'gcra' or 'sliding'")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the limit for `100/minute`, `5 per 10 seconds` or `1000/day`; raises ValueError for anything else."""
        found = _TEXT.fullmatch(str(text).strip())
        if found is None:
            raise ValueError(f"invalid limit {text!r}: write 100/minute, or 5 per 10 seconds")
        return cls(int(found[1]), float(found[2] or 1) * _UNITS[found[3]])


class LimitState(NamedTuple):
    """The state of a limit: seconds until the whole quota is available (`reset`), or enough of it (`retry_after`)."""

    remaining: int
    reset: float
    retry_after: float


class Spent(NamedTuple):
    """The outcome for one request; `states` has one entry for each limit, in their order."""

    allowed: bool
    states: list[LimitState]


def decide(limits: Sequence[Limit], states: Sequence[State | None], cost: int, now: float) -> tuple[Spent, list[State]]:
    """Return the outcome for a request of this cost, and the new states."""
    results, outcome, allowed = [], [], True
    for place, limit in enumerate(limits):
        state, left, fits = _DECIDE[limit.algorithm](limit, states[place], cost, now)
        results.append(state)
        outcome.append(left)
        allowed = allowed and fits
    if not allowed and len(limits) > 1:
        for place, limit in enumerate(limits):
            if not outcome[place].retry_after:  # this limit has room, but a refused request takes nothing
                results[place], outcome[place], _ = _DECIDE[limit.algorithm](limit, states[place], 0, now)
    return Spent(allowed, outcome), results


_Decision = tuple[State, LimitState, bool]


def _gcra(limit: Limit, state: State | None, cost: int, now: float) -> _Decision:
    """Decide by the seconds of the window that are used, which pass with the clock; the state is `(when, used, 0)`.

    The algorithm is that of ATM networks (ITU-T I.371), as a leaky bucket. The time when all will have passed would do
    as a state, too, but sums of it lose the last request of a quota: since 1970, a float has steps of 0.2 µs.
    """
    used = 0.0
    if state is not None:
        passed = now - state[0] if now > state[0] else 0.0  # a clock that was set back must not refill the quota
        used = max(0.0, min(state[1], limit.window) - passed)
    after = used + cost * limit.window / limit.quota
    wait = after - limit.window
    # Floating-point sums may be off by a billionth of the window, which must not cost the last request of a quota.
    fits = wait <= limit.window * 1e-9
    if fits:
        used, wait = after, 0.0
    remaining = math.floor((limit.window - used) / limit.window * limit.quota + 1e-6)
    return (now, used, 0.0), LimitState(max(0, remaining), used, wait), fits


def _sliding(limit: Limit, state: State | None, cost: int, now: float) -> _Decision:
    """Decide by two counters: of this window, and of the one before weighted by its remaining share."""
    window = math.floor(now / limit.window)
    number, previous, current = state or (window, 0.0, 0.0)
    if number < window:  # a greater number means that the clock was set back, which must not refill the quota
        previous, current = (current if number == window - 1 else 0.0), 0.0
    elapsed = now / limit.window - window
    fits = previous * (1 - elapsed) + current + cost <= limit.quota + 1e-9
    wait = 0.0 if fits else _sliding_wait(limit, previous, current, elapsed, cost)
    if fits:
        current += cost
    used = previous * (1 - elapsed) + current
    reset = (2 - elapsed if current else 1 - elapsed) * limit.window if used else 0.0
    remaining = math.floor(limit.quota - used + 1e-6)
    return (float(window), previous, current), LimitState(max(0, remaining), reset, wait), fits


def _sliding_wait(limit: Limit, previous: float, current: float, elapsed: float, cost: int) -> float:
    """Return the seconds until a refused request of this cost fits."""
    room = limit.quota - current - cost
    if room >= 0 and previous > 0:
        return max(0.0, (1 - room / previous - elapsed) * limit.window)
    # This window alone has used the quota: wait until enough of its requests have faded in the next one.
    fading = 1 - (limit.quota - cost) / current if current > 0 else 0.0
    return (1 - elapsed + max(0.0, fading)) * limit.window


_DECIDE = {"gcra": _gcra, "sliding": _sliding}


def encode(state: State) -> bytes:
    """Return a state as bytes, for stores that keep bytes."""
    return b" ".join(repr(number).encode() for number in state)


def decode(value: bytes | None) -> State | None:
    """Return a stored state, or None for a missing or damaged one, which counts as unused."""
    try:
        first, second, third = map(float, (value or b"").split(b" "))
    except ValueError:
        return None
    return first, second, third


def lifetime(limits: Sequence[Limit]) -> float:
    """Return the seconds after which no state of these limits has any effect."""
    longest: float = max(map(_window, limits))
    return 2 * longest + 1
