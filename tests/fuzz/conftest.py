"""One seed for a run, in all of its processes, and how many cases there are."""

from __future__ import annotations

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz-scale", help="so many times the cases of a short run; FUZZ_SCALE is the same")


def pytest_configure(config: pytest.Config) -> None:
    # In the environment, where the processes of pytest-xdist find them.
    os.environ.setdefault("FUZZ_SEED", os.urandom(6).hex())
    if config.getoption("--fuzz-scale"):
        os.environ["FUZZ_SCALE"] = config.getoption("--fuzz-scale")


def pytest_report_header() -> str:
    return f"fuzz: FUZZ_SEED={os.environ['FUZZ_SEED']} FUZZ_SCALE={os.environ.get('FUZZ_SCALE') or 1}"
