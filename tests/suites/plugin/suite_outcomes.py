"""A pytest plugin that writes the outcome of each test as JSON to the file that SUITE_OUTCOMES names.

Each outcome is a pair: "passed", "failed", "skipped" or "xfailed", and one line of why it failed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

OUTCOMES: dict[str, tuple[str, str]] = {}


def pytest_runtest_logreport(report: Any) -> None:
    """Keep the outcome of the call, or of the phase that kept it from happening or failed after it."""
    if report.failed:
        OUTCOMES.setdefault(report.nodeid, ("failed", ""))
        OUTCOMES[report.nodeid] = ("failed", _line_of(report))
    elif report.skipped:
        OUTCOMES[report.nodeid] = ("xfailed" if hasattr(report, "wasxfail") else "skipped", "")
    elif report.when == "call":
        OUTCOMES[report.nodeid] = ("passed", "")


def pytest_collectreport(report: Any) -> None:
    """A file that cannot be imported is a failed test of that name."""
    if report.failed:
        OUTCOMES[report.nodeid] = ("failed", _line_of(report))


def pytest_sessionfinish(session: Any) -> None:
    """Write the outcomes once: the workers of pytest-xdist report to the process that started them."""
    if not hasattr(session.config, "workerinput"):
        Path(os.environ["SUITE_OUTCOMES"]).write_text(json.dumps(OUTCOMES))


def _line_of(report: Any) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr)
    return next((line for line in text.splitlines() if line.strip()), "")[:300]
