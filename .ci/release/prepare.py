"""Prepare a release: `hatch run release:prepare asgi-routing minor` writes version, changelog and ranges.

PART is `major`, `minor`, `patch` or a version. It prints the tag; nothing is committed, tagged or uploaded.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys

import collect
import packages


def next_version(version: str, part: str) -> str:
    """Return the version after this one: 1.2.3 is followed by 2.0.0, 1.3.0 or 1.2.4."""
    numbers = [int(number) for number in version.split(".")]
    if re.fullmatch(r"\d+\.\d+\.\d+", part):
        if [int(number) for number in part.split(".")] <= numbers:
            packages.stop(f"{part} does not follow {version}")
        return part
    if part not in ("major", "minor", "patch"):
        packages.stop(f"{part!r} is not major, minor, patch or a version such as 1.2.0")
    place = ("major", "minor", "patch").index(part)
    return ".".join(map(str, [*numbers[:place], numbers[place] + 1, *([0] * (2 - place))]))


def check(package: str) -> None:
    """Refuse a release without changes, and one of the framework before those of the packages it needs."""
    if not packages.fragments(package):
        packages.stop(f"{package} has no changes since {packages.version(package)}: {package}/changes is empty")
    if package == "asgi-framework":
        waiting = [name for name in packages.PACKAGES if name != package and packages.fragments(name)]
        if waiting:
            packages.stop(
                f"the framework may use what is not released yet: prepare {', '.join(waiting)} first, "
                "so that its ranges begin where what it imports is there"
            )


def write_version(package: str, version: str) -> None:
    path = packages.version_file(package)
    path.write_text(packages.VERSION.sub(f'__version__ = "{version}"', path.read_text()))


def write_changelog(package: str, version: str, date: str) -> None:
    packages.run(
        sys.executable, "-m", "towncrier", "build", "--yes",
        "--config", packages.ROOT / ".ci" / "release" / "towncrier.toml",
        "--dir", packages.folder(package), "--name", package, "--version", version, "--date", date,
    )  # fmt: skip


def range_of(version: str) -> str:
    """Return the range in which the framework takes a sibling: from this minor version to the next major one."""
    major, minor, _ = version.split(".")
    return f">={major}.{minor},<{int(major) + 1}"


def write_ranges(package: str, version: str) -> None:
    """Let the framework ask for at least this minor version: it is the one that it is tested with."""
    path = packages.folder("asgi-framework") / "pyproject.toml"
    pattern = rf'"({package}(?:\[\w+\])?)>=[\d.]+,<\d+"'
    path.write_text(re.sub(pattern, rf'"\g<1>{range_of(version)}"', path.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(prog="hatch run release:prepare", description=__doc__)
    parser.add_argument("package", choices=packages.PACKAGES)
    parser.add_argument("part", metavar="PART", help="major, minor, patch or a version")
    parser.add_argument("--date", default=datetime.datetime.now(datetime.UTC).date().isoformat())
    options = parser.parse_args()
    collect.collect(options.package)
    check(options.package)
    version = next_version(packages.version(options.package), options.part)
    write_changelog(options.package, version, options.date)
    write_version(options.package, version)
    if options.package != "asgi-framework":
        write_ranges(options.package, version)
    tag = packages.tag(options.package)
    print(f"{options.package} {version}. Commit, then: git tag -a {tag} -m {tag}")


if __name__ == "__main__":
    main()
