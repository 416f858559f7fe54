"""Move what stands under `## [Unreleased]` in a CHANGELOG into fragments: `hatch run release:collect`.

Lines written there by hand, in an old branch for example, are not lost; `release:prepare` does the same.
"""

from __future__ import annotations

import re

import packages

KINDS = ("added", "changed", "fixed", "removed", "security")
UNRELEASED = re.compile(r"^## \[Unreleased\]\n(.*?)(?=^## )", re.MULTILINE | re.DOTALL)
ENTRY = re.compile(r"^- .*?(?=^- |^###|\Z)", re.MULTILINE | re.DOTALL)
# The kind of an entry under no heading, by its verb.
VERBS = {"Add": "added", "Fix": "fixed", "Remove": "removed", "Drop": "removed"}


def entries(text: str) -> dict[str, list[str]]:
    """Return the entries of a section by kind, in order."""
    found: dict[str, list[str]] = {}
    parts = re.split(r"^### (\w+)\n", text, flags=re.MULTILINE)
    for heading, body in zip(["", *parts[1::2]], parts[0::2], strict=True):
        for entry in ENTRY.findall(body):
            kind = heading.lower() or VERBS.get(entry.split()[1], "changed")
            if kind not in KINDS:
                packages.stop(f"no fragment can say {heading!r}: {', '.join(KINDS)}")
            found.setdefault(kind, []).append("\n".join(line for line in entry.splitlines() if line.strip()))
    return found


def collect(package: str) -> None:
    """Move the entries of one package, and take the section away."""
    changelog = packages.folder(package) / "CHANGELOG.md"
    text = changelog.read_text()
    section = UNRELEASED.search(text)
    if section is None:
        return
    changes = packages.folder(package) / "changes"
    changes.mkdir(exist_ok=True)
    for kind, lines in entries(section[1]).items():
        fragment = changes / f"+collected.{kind}.md"
        before = fragment.read_text() if fragment.exists() else ""
        fragment.write_text(before + "\n".join(lines) + "\n")
    changelog.write_text(text.replace(section[0], ""))


if __name__ == "__main__":
    for name in packages.PACKAGES:
        collect(name)
