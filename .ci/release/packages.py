"""The five packages, in the order of publication, and what the commands of a release share."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
# Each stands after the packages that it needs.
PACKAGES = ("asgi-requests", "asgi-routing", "asgi-middleware", "asgi-testclient", "asgi-framework")
# Where the repository is. `hatch run release:address URL` changes it here and in every file that names it.
ADDRESS = "https://example.invalid/asgi"

VERSION = re.compile(r'^__version__ = "([^"]*)"$', re.MULTILINE)


def folder(package: str) -> Path:
    return ROOT / "packages" / package


def version_file(package: str) -> Path:
    return folder(package) / "src" / package.replace("-", "_") / "__init__.py"


def version(package: str) -> str:
    match = VERSION.search(version_file(package).read_text())
    if match is None:
        stop(f'{version_file(package)} has no line like __version__ = "1.2.0"')
    return match[1]


def project(package: str) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((folder(package) / "pyproject.toml").read_text())["project"]
    return table


def tag(package: str) -> str:
    return f"{package}-v{version(package)}"


def fragments(package: str) -> list[Path]:
    """Return the files that describe the changes since the last release of a package."""
    return sorted((folder(package) / "changes").glob("*.md"))


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def run(*command: object, **options: Any) -> None:
    """Run a command; its output is shown only where it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    if done.returncode:
        stop(f"{' '.join(str(part) for part in command)}\n{done.stdout}{done.stderr}")


def stop(message: str) -> NoReturn:
    sys.exit(f"{Path(sys.argv[0]).name}: {message}")
