"""Print the routes of an application: `python -m asgi_routing package.module:app [--json] [--check]`.

With `--check` the findings of `check_routes` follow, and the exit code is 1 if there are any. It is 2, and the reason
stands on stderr, if there is no such application, or none whose routes can be read.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import reduce
from importlib import import_module
from typing import Any

from .check import Finding, check_routes
from .routes import BaseRoute
from .table import ListedRoute, format_table, list_routes, routes_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and, with `--check`, the findings; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m asgi_routing",
        description="Print the routes of an application, in the order in which they are tried.",
        epilog="Exit codes: 0, 1 with --check if it finds something, 2 if there are no routes to be read.",
    )
    parser.add_argument("application", metavar="package.module:app")
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs to read")
    parser.add_argument("--check", action="store_true", help="look for unreachable routes and mistakes too")
    options = parser.parse_args(arguments)
    try:
        routes = _routes_of(options.application)
    except ValueError as exc:
        parser.error(str(exc))
    findings = check_routes(routes) if options.check else None
    if options.json:
        text = json.dumps(_as_json(options.application, routes, findings), indent=2)
    else:
        text = "\n".join([format_table(routes), *(f"{finding.kind}: {finding}" for finding in findings or ())])
    sys.stdout.write(text + "\n")
    return 1 if findings else 0


def _as_json(application: str, routes: Sequence[BaseRoute], findings: list[Finding] | None) -> dict[str, Any]:
    """Return the object of `--json`. Its shape is public: keys may be added, but none changes or goes."""
    listed = {"application": application, "routes": [_route_as_json(route) for route in list_routes(routes)]}
    if findings is not None:
        listed["findings"] = [{"kind": finding.kind, "message": finding.message} for finding in findings]
    return listed


def _route_as_json(listed: ListedRoute) -> dict[str, Any]:
    params = [{"name": param.name, "convertor": param.convertor, "in": param.place} for param in listed.params]
    return {**listed._asdict(), "params": params}


def _routes_of(target: str) -> Sequence[BaseRoute]:
    """Return the routes of `package.module:app`; raise ValueError, with the way out, if there are none."""
    module, _, names = target.partition(":")
    if not (module and names):
        raise ValueError(f"not of the form package.module:app: {target!r}")
    if "" not in sys.path:  # as with -m; a test calls main() in a process that began otherwise
        sys.path.insert(0, "")
    try:
        app = reduce(getattr, names.split("."), _import(module))
    except AttributeError as exc:
        raise ValueError(str(exc)) from exc
    routes = routes_of(app)
    if routes is None:
        raise ValueError(f"{target} has no routes, nor has an application that it wraps as `app`: {app!r}")
    return list(routes)


def _import(module: str) -> Any:
    """Return a module; what it prints goes to stderr: a program reads stdout."""
    try:
        with redirect_stdout(sys.stderr):
            return import_module(module)
    except (Exception, SystemExit) as exc:
        is_missing = isinstance(exc, ModuleNotFoundError) and f"{module}.".startswith(f"{exc.name}.")
        if not is_missing:
            traceback.print_exc()
        raise ValueError(str(exc) if is_missing else f"{module} cannot be imported: {exc!r}") from exc


if __name__ == "__main__":
    sys.exit(main())
