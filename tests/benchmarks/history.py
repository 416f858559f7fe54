"""Keep the figures of a run, one JSON file each, and write the newest of each Python version to docs/benchmarks.md.

python tests/benchmarks/history.py           writes the tables of docs/benchmarks.md again

Each file has the date, the class of the machine, the versions and microseconds of CPU time per request, by case and
framework. Only ratios within one file can be compared.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cases import CASES

HERE = Path(__file__).parent
FOLDER = HERE / "history"
PAGE = HERE.parent.parent / "docs" / "benchmarks.md"
MARK = "<!-- tables: written by `hatch run bench:docs` -->\n"
DISTRIBUTIONS = {
    "ours": "asgi-framework",
    "asgi_tools": "asgi-tools",
    "fasterapi": "faster-api-web",
}


def _version(framework: str) -> str | None:
    try:
        return version(DISTRIBUTIONS.get(framework, framework))
    except PackageNotFoundError:
        return None


def _machine() -> str:
    """The class of the machine, without its name: architecture, system, processor, cores."""
    model = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    return f"{platform.machine()} {platform.system()}, {model or 'unknown processor'}, {os.cpu_count()} cores"


def record(figures: dict[str, dict[str, float]], frameworks: list[str]) -> Path:
    """Write the figures of a run to a file of its own."""
    now = datetime.now(UTC)
    python = platform.python_version()
    run = {
        "date": f"{now:%Y-%m-%d}",
        "machine": _machine(),
        "python": f"{platform.python_implementation()} {python}",
        "load": round(os.getloadavg()[0], 1),
        "versions": {name: _version(name) for name in frameworks if _version(name)},
        "microseconds": {case: {name: round(us, 3) for name, us in row.items()} for case, row in figures.items()},
    }
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{now:%Y-%m-%dT%H%M%S}-python{python}.json"
    path.write_text(json.dumps(run, indent=2) + "\n")
    return path


def newest() -> list[dict]:
    """The newest run of each minor version of Python."""
    runs = {}
    for path in sorted(FOLDER.glob("*.json")):
        run = json.loads(path.read_text())
        runs[run["python"].rpartition(".")[0]] = run
    return [runs[python] for python in sorted(runs)]


def section(run: dict) -> str:
    """The table of one run: our microseconds, and our share of each peer's."""
    peers = [name for name in ("bare", *run["versions"]) if name != "ours"]
    versions = ", ".join(f"{name} {number}" for name, number in run["versions"].items())
    lines = [
        f"## {run['python']}, {run['date']}\n",
        f"{run['machine']}; load of the machine while measuring: {run['load']}. {versions}.\n",
        "| case | ours, µs | " + " | ".join(peers) + " |",
        "|---|---:|" + "---:|" * len(peers),
    ]
    for case, row in run["microseconds"].items():
        if "ours" in row:
            shares = [f"{row['ours'] / row[name]:.3g}" if name in row else "–" for name in peers]
            lines.append(f"| {CASES[case].title} (`{case}`) | {row['ours']:.2f} | " + " | ".join(shares) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the tables of docs/benchmarks.md."""
    head, mark, _ = PAGE.read_text().partition(MARK)
    if not mark:
        sys.exit(f"{PAGE} has no line {MARK!r}")
    PAGE.write_text(head + mark + "\n" + "\n".join(map(section, newest())))


if __name__ == "__main__":
    main()
