"""Print the middleware of an application, and the findings about its order."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import reduce
from importlib import import_module

from ._findings import findings, name_of, stack_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the stack and the findings; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m asgi_middleware.order", description=__doc__)
    parser.add_argument("application", metavar="package.module:app")
    target = parser.parse_args(arguments).application
    module, _, names = target.partition(":")
    if not (module and names):
        parser.error(f"write the application as package.module:app, not {target!r}")
    sys.path.insert(0, "")
    try:
        app = reduce(getattr, names.split("."), import_module(module))
    except (ImportError, AttributeError) as exc:
        parser.error(str(exc))
    stack = stack_of(app)
    if not stack:
        sys.stdout.write(f"{target} has no middleware that can be seen from outside\n")
    for one in stack:
        sys.stdout.write(f"{name_of(one)}\n")
    found = findings(app)
    for finding in found:
        sys.stdout.write(f"order: {finding}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
