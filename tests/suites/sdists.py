"""Source distributions: fetched with pip, verified by their SHA-256, unpacked without the package itself."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILES = Path(__file__).parent / "files"


def pip(*arguments: str, python: Path | None = None) -> None:
    """Run pip for this environment or that of an interpreter; exits with its output where it fails."""
    target = ("--python", str(python)) if python else ()
    command = [sys.executable, "-m", "pip", *target, "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\nfailed: {' '.join(command)}")


def unpacked(suite: Mapping[str, Any], cache: Path) -> Path:
    """Return the folder of a suite's source distribution in the cache, fetched if it is not there.

    The package itself is left out (`without`): its tests are for the one that is installed, or for the drop-in.
    What its tests need and the distribution lacks is in the folder `files`.
    """
    name, version = suite["name"], suite["version"]
    folder = cache / f"{name}-{version}"
    if not (folder / ".complete").exists():
        _unpack(suite, folder, cache)
    if (FILES / name).exists():
        shutil.copytree(FILES / name, folder, dirs_exist_ok=True)
    return folder


def _unpack(suite: Mapping[str, Any], folder: Path, cache: Path) -> None:
    name, version = suite["name"], suite["version"]
    shutil.rmtree(folder, ignore_errors=True)
    archive = fetched(name, version, suite["sha256"], cache)
    with tarfile.open(archive) as tar:
        tar.extractall(cache / f"{name}-{version}.new", filter="data")
    (inner,) = (cache / f"{name}-{version}.new").iterdir()
    for package in suite["without"]:
        shutil.rmtree(inner / package)
    inner.rename(folder)
    (cache / f"{name}-{version}.new").rmdir()
    (folder / ".complete").touch()


def fetched(name: str, version: str, sha256: str, cache: Path) -> Path:
    """Return the archive, downloaded if it is not in the cache; exits where its hash is another."""
    downloads = cache / "downloads"
    stem = f"{name.replace('-', '_')}-{version}"
    archive = downloads / f"{stem}.tar.gz"
    if not archive.exists():
        pip("download", "--no-deps", "--no-binary", name, "--dest", str(downloads), f"{name}=={version}")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != sha256:
        archive.unlink()
        sys.exit(f"{archive.name} has the SHA-256 {digest}, and {sha256} is expected")
    return archive
