"""The distributions under test, built by `hatch run release:rehearse` a moment ago, and fresh environments for them."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(path.name for path in (ROOT / "packages").iterdir() if path.is_dir())


def run(*command: object, **options: object) -> str:
    result = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=600, check=False, **options
    )
    assert result.returncode == 0, f"{command}:\n{result.stdout}\n{result.stderr}"
    return result.stdout


class Distributions:
    """The wheels and sdists of a rehearsal, and the index that they were uploaded to."""

    def __init__(self, folder: Path, index: str, scratch: Path) -> None:
        self.folder = folder
        self.index = index
        self.scratch = scratch

    def wheel(self, name: str) -> Path:
        (wheel,) = self.folder.glob(f"{name.replace('-', '_')}-*.whl")
        return wheel

    def sdist(self, name: str) -> Path:
        (sdist,) = self.folder.glob(f"{name.replace('-', '_')}-*.tar.gz")
        return sdist

    def environment(self, *arguments: object, cwd: Path = ROOT) -> Path:
        """Return the interpreter of a fresh environment with these requirements and nothing else.

        What the index of the rehearsal has is taken from nowhere else; the rest comes from where pip and uv look.
        """
        folder = self.scratch / "environment"
        uv = [sys.executable, "-m", "uv"]
        run(*uv, "venv", "--quiet", "--python", sys.executable, folder)
        python = folder / "bin" / "python"
        run(*uv, "pip", "install", "--quiet", "--python", python, "--index", self.index, *arguments, cwd=cwd)
        return python


@pytest.fixture
def distributions(tmp_path: Path) -> Distributions:
    if "DISTRIBUTIONS" not in os.environ:
        pytest.fail("these tests take what a rehearsal has built: hatch run release:rehearse")
    return Distributions(Path(os.environ["DISTRIBUTIONS"]), os.environ["INDEX"], tmp_path)


@pytest.fixture(params=PACKAGES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def extras(name: str) -> list[str]:
    project = tomllib.loads((ROOT / "packages" / name / "pyproject.toml").read_text())["project"]
    return sorted(project["optional-dependencies"])
