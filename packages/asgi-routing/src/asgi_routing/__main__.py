"""Print the routes of an application: `python -m asgi_routing package.module:app [--check]`.

With `--check` the findings of `check_routes` follow, and the exit code is 1 if there are any.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import reduce
from importlib import import_module

from .check import check_routes
from .routes import BaseRoute
from .table import format_table, routes_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and, with `--check`, the findings; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m asgi_routing", description="Print the routes of an application.")
    parser.add_argument("application", metavar="package.module:app")
    parser.add_argument("--check", action="store_true", help="look for unreachable routes and mistakes too")
    options = parser.parse_args(arguments)
    try:
        routes = _routes_of(options.application)
    except (ImportError, AttributeError, ValueError) as exc:
        parser.error(str(exc))
    sys.stdout.write(format_table(routes) + "\n")
    findings = check_routes(routes) if options.check else []
    for finding in findings:
        sys.stdout.write(f"{finding.kind}: {finding}\n")
    return 1 if findings else 0


def _routes_of(target: str) -> Sequence[BaseRoute]:
    module, _, names = target.partition(":")
    if not (module and names):
        raise ValueError(f"not of the form package.module:app: {target!r}")
    if "" not in sys.path:
        sys.path.insert(0, "")
    app = reduce(getattr, names.split("."), import_module(module))
    routes = routes_of(app)
    if routes is None:
        raise ValueError(f"{target} has no routes, nor has an application that it wraps as `app`: {app!r}")
    return list(routes)


if __name__ == "__main__":
    sys.exit(main())
