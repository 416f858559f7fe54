"""Many random cases of one claim; the first that fails says how to see it again.

    @fuzz(2000)
    def test_a_claim(random: Random) -> None:
        assert ours(text := mutated(random, SEEDS)) == model(text)

Each case has its own seed, made of the run's and its number:

    FUZZ_SEED=...     the run's seed, which is printed at its head and with a failure; another for each run by default
    FUZZ_CASE=...     only this case
    FUZZ_SCALE=...    so many times the cases that are written here

Async claims run on asyncio and trio in turn. Nothing here looks at a clock, but for the limit that ends a hang.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import anyio

SEED = os.environ["FUZZ_SEED"]
CASE = os.environ.get("FUZZ_CASE")
SCALE = float(os.environ.get("FUZZ_SCALE") or 1)
HANG = 20.0
"""Seconds after which a case that has not ended has hung."""


def fuzz(cases: int) -> Callable[[Callable[..., Any]], Callable[[], None]]:
    """Make a test of a function of a Random: it is called for each case."""

    def decorate(claim: Callable[..., Any]) -> Callable[[], None]:
        name = claim.__name__

        def test() -> None:
            numbers = range(max(1, int(cases * SCALE))) if CASE is None else [int(CASE)]
            for number in numbers:
                try:
                    _call(claim, number, Random(f"{SEED}/{name}/{number}"))
                except BaseException as exc:
                    exc.add_note(f"Again: FUZZ_SEED={SEED} FUZZ_CASE={number} hatch run fuzz:short -k {name}")
                    raise

        functools.update_wrapper(test, claim)
        del test.__wrapped__  # type: ignore[attr-defined]  # pytest would take its parameter for a fixture
        return test

    return decorate


def _call(claim: Callable[..., Any], number: int, random: Random) -> None:
    if not inspect.iscoroutinefunction(claim):
        return claim(random)  # type: ignore[no-any-return]

    async def limited() -> None:
        with anyio.fail_after(HANG):
            await claim(random)

    return anyio.run(limited, backend=("asyncio", "trio")[number % 2])


def mutated(random: Random, seeds: Sequence[bytes], pieces: Sequence[bytes] = ()) -> bytes:
    """One of the seeds, changed here and there: bytes flipped, dropped, doubled, or a piece put in."""
    text = bytearray(random.choice(seeds))
    for _ in range(random.choice([0, 1, 1, 2, 3, 8])):
        place = random.randint(0, len(text))
        kind = random.randrange(6)
        if kind == 0:
            text[place:place] = bytes([random.randrange(256)])
        elif kind == 1:
            del text[place : place + random.randint(1, 3)]
        elif kind == 2:
            text[place:place] = text[place : place + random.randint(1, 8)]
        elif kind == 3 and text:
            text[place % len(text)] = random.randrange(256)
        elif kind == 4:
            other = random.choice(seeds)
            text[place:] = other[random.randint(0, len(other)) :]
        elif pieces:
            text[place:place] = random.choice(pieces)
    return bytes(text)


def chunked(random: Random, body: bytes) -> list[bytes]:
    """A body in pieces, some of them empty."""
    if not body or random.random() < 0.2:
        return [body]
    cuts = sorted(random.randint(0, len(body)) for _ in range(random.choice([1, 1, 2, 5, len(body)])))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


def some(random: Random, values: Sequence[Any], most: int) -> list[Any]:
    """Up to so many of the values, in any order, repeated perhaps."""
    return [random.choice(values) for _ in range(random.randint(0, most))]
