"""Check that every package whose `src` has changed says so in a fragment: `hatch run release:check`."""

from __future__ import annotations

import os
import subprocess
import sys

import packages


def base() -> str:
    """Return the commit that this branch has left main at; on main itself that is this commit."""
    for branch in (os.environ.get("BASE", ""), "origin/main", "main"):
        command = ["git", "merge-base", branch, "HEAD"]
        found = branch and subprocess.run(command, cwd=packages.ROOT, capture_output=True, text=True, check=False)
        if found and found.returncode == 0:
            return found.stdout.strip()
    return packages.stop("no commit to compare with: fetch main, or name one in the environment variable BASE")


def undescribed(changed: list[str]) -> list[str]:
    """Return the packages whose source is among the changed files, and neither a fragment nor the changelog is."""
    return [
        package
        for package in packages.PACKAGES
        if any(name.startswith(f"packages/{package}/src/") for name in changed)
        and not any(
            name.startswith(f"packages/{package}/changes/") or name == f"packages/{package}/CHANGELOG.md"
            for name in changed
        )
    ]


def main() -> None:
    tracked = packages.git("diff", "--name-only", "--no-renames", base())
    added = packages.git("ls-files", "--others", "--exclude-standard")
    silent = undescribed([*tracked.splitlines(), *added.splitlines()])
    for package in silent:
        print(
            f"packages/{package}/src has changed: write packages/{package}/changes/+SLUG.KIND.md, where KIND is added, "
            "changed, fixed, removed, security, or internal for what no user can notice"
        )
    sys.exit(1 if silent else 0)


if __name__ == "__main__":
    main()
