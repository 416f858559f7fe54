"""Refuse what must not be published: `hatch run release:publishable TAG FOLDER` checks the distributions of a tag.

The package and version are the tag's, every address leads somewhere, and the changelog tells of the version.
"""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from pathlib import Path

import packages


def papers(distribution: Path) -> dict[str, str]:
    """Return the metadata, and what else a release is judged by, of a wheel or an sdist."""
    if distribution.suffix == ".whl":
        with zipfile.ZipFile(distribution) as wheel:
            (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
            return {"METADATA": wheel.read(name).decode()}
    with tarfile.open(distribution) as sdist:
        top = distribution.name.removesuffix(".tar.gz")
        files = {name: sdist.extractfile(f"{top}/{name}") for name in ("PKG-INFO", "CHANGELOG.md")}
        return {name: file.read().decode() for name, file in files.items() if file}


def faults(tag: str, distribution: Path) -> list[str]:
    """Return why this distribution must not be published under this tag."""
    package, _, version = tag.rpartition("-v")
    found = []
    for name, text in papers(distribution).items():
        addresses = sorted(set(re.findall(r"https?://[\w.-]+\.invalid\b", text)))
        found += [f"{name} names {address}, a placeholder: hatch run release:address URL" for address in addresses]
        if name == "CHANGELOG.md":
            if f"## [{version}]" not in text:
                found.append(f"{name} has no section ## [{version}]: hatch run release:prepare {package} PART")
            if "## [Unreleased]" in text:
                found.append(f"{name} has unreleased changes: hatch run release:prepare {package} PART")
        elif not {f"Name: {package}", f"Version: {version}"} <= set(text.partition("\n\n")[0].splitlines()):
            found.append(f"{name} is not of {package} {version}")
    return found


def main() -> None:
    if len(sys.argv) != 3:
        packages.stop("give a tag such as asgi-routing-v1.2.0, and the folder of its distributions")
    tag, folder = sys.argv[1], Path(sys.argv[2])
    distributions = sorted(path for path in folder.iterdir() if path.name.endswith((".whl", ".tar.gz")))
    found = [f"{path.name}: {fault}" for path in distributions for fault in faults(tag, path)]
    if [path.suffix for path in distributions] != [".whl", ".gz"]:
        found.append(f"{folder} holds {[path.name for path in distributions]}, not one wheel and one sdist")
    package = tag.rpartition("-v")[0]
    if package not in packages.PACKAGES:
        found.append(f"{tag} is not the tag of a package: {', '.join(packages.PACKAGES)}")
    elif packages.fragments(package):
        found.append(f"packages/{package}/changes holds unreleased changes: hatch run release:prepare {package} PART")
    if found:
        packages.stop("not publishable\n" + "\n".join(found))
    print(f"{tag}: publishable")


if __name__ == "__main__":
    main()
