"""The commands of a release, run in a repository made for the test."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IDENTITY = {f"GIT_{who}_{what}": "release@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


class Repository:
    """A copy of this one as it stands, in its first commit on `main`, with no changes waiting."""

    def __init__(self, root: Path) -> None:
        self.root = root
        names = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, text=True)
        for name in names.split("\0"):
            unused = name.startswith("tests/") and name.count("/") > 1 and not name.startswith("tests/routing/")
            if (ROOT / name).is_file() and not unused:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, root / name)
        for package in (root / "packages").iterdir():
            self.write(f"packages/{package.name}/CHANGELOG.md", self.without_unreleased(package))
            shutil.rmtree(package / "changes", ignore_errors=True)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.commit()

    @staticmethod
    def without_unreleased(package: Path) -> str:
        return re.sub(
            r"## \[Unreleased\]\n.*?(?=^## )",
            "",
            (package / "CHANGELOG.md").read_text(),
            flags=re.MULTILINE | re.DOTALL,
        )

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True, env=os.environ | IDENTITY)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def command(self, name: str, *arguments: object) -> tuple[int, str]:
        """Run one of the commands, and return its status and all that it prints."""
        script = self.root / ".ci" / "release" / f"{name}.py"
        environment = {key: value for key, value in os.environ.items() if key != "BASE"}
        done = subprocess.run(
            [sys.executable, str(script), *map(str, arguments)],
            cwd=self.root, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


ROUTING = "packages/asgi-routing"


def test_a_release_writes_version_changelog_and_ranges_and_names_the_tag(repository):
    repository.write(f"{ROUTING}/changes/+hosts.added.md", "Match hosts by label,\nand ports.\n")
    repository.write(f"{ROUTING}/changes/+several.fixed.md", "- Mend one thing.\n- Mend another\n  thing.\n")
    repository.write(f"{ROUTING}/changes/+tidy.internal.md", "Move a function.\n")
    repository.commit()
    before = repository.read(f"{ROUTING}/CHANGELOG.md").partition("<!-- releases -->\n")
    status, printed = repository.command("prepare", "asgi-routing", "minor", "--date", "2027-01-02")
    assert status == 0, printed
    assert "asgi-routing-v1.1.0" in printed
    assert '__version__ = "1.1.0"' in repository.read(f"{ROUTING}/src/asgi_routing/__init__.py")
    assert repository.read(f"{ROUTING}/CHANGELOG.md") == (
        before[0] + before[1] + "\n## [1.1.0] - 2027-01-02\n\n"
        "### Added\n\n- Match hosts by label,\n  and ports.\n\n"
        "### Fixed\n\n- Mend one thing.\n- Mend another\n  thing.\n" + before[2]
    )
    assert not list((repository.root / ROUTING / "changes").glob("*.md"))
    project = tomllib.loads(repository.read("packages/asgi-framework/pyproject.toml"))["project"]
    assert "asgi-routing>=1.1,<2" in project["dependencies"]
    assert project["optional-dependencies"]["schemas"] == ["asgi-routing[schemas]>=1.1,<2"]
    assert "asgi-requests>=1.0,<2" in project["dependencies"]


@pytest.mark.parametrize(
    ("part", "version"), [("patch", "1.0.1"), ("minor", "1.1.0"), ("major", "2.0.0"), ("1.4.2", "1.4.2")]
)
def test_a_part_names_the_next_version(repository, part, version):
    repository.write(f"{ROUTING}/changes/+one.changed.md", "Change one.\n")
    assert f"asgi-routing-v{version}" in repository.command("prepare", "asgi-routing", part)[1]


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        ("0.9.0", "0.9.0 does not follow 1.0.0"),
        ("1.0.0", "does not follow"),
        ("big", "'big' is not major, minor, patch"),
    ],
)
def test_a_version_that_does_not_follow_is_refused_and_nothing_is_written(repository, part, complaint):
    repository.write(f"{ROUTING}/changes/+one.changed.md", "Change one.\n")
    status, printed = repository.command("prepare", "asgi-routing", part)
    assert status == 1
    assert complaint in printed
    assert (repository.root / ROUTING / "changes" / "+one.changed.md").exists()


def test_a_release_without_changes_is_refused(repository):
    status, printed = repository.command("prepare", "asgi-routing", "minor")
    assert status == 1
    assert "asgi-routing has no changes since 1.0.0" in printed


def test_the_framework_waits_for_the_packages_it_needs(repository):
    for package in ("asgi-framework", "asgi-requests"):
        repository.write(f"packages/{package}/changes/+one.added.md", "Add one.\n")
    status, printed = repository.command("prepare", "asgi-framework", "minor")
    assert status == 1
    assert "prepare asgi-requests first" in printed
    assert repository.command("prepare", "asgi-requests", "minor")[0] == 0
    assert repository.command("prepare", "asgi-framework", "minor")[0] == 0
    assert "asgi-requests>=1.1,<2" in repository.read("packages/asgi-framework/pyproject.toml")


def test_lines_written_by_hand_under_unreleased_are_not_lost(repository):
    changelog = repository.read(f"{ROUTING}/CHANGELOG.md")
    by_hand = (
        "## [Unreleased]\n\n- Add a thing.\n- Rename one,\n  or two.\n\n### Fixed\n\n- Mend it.\n\n"
        "### Security\n\n- Refuse it.\n\n"
    )
    head, marker, rest = changelog.partition("<!-- releases -->\n\n")
    repository.write(f"{ROUTING}/CHANGELOG.md", head + marker + by_hand + rest)
    assert repository.command("collect") == (0, "")
    assert repository.read(f"{ROUTING}/CHANGELOG.md") == changelog
    fragments = {path.name: path.read_text() for path in (repository.root / ROUTING / "changes").iterdir()}
    assert fragments == {
        "+collected.added.md": "- Add a thing.\n",
        "+collected.changed.md": "- Rename one,\n  or two.\n",
        "+collected.fixed.md": "- Mend it.\n",
        "+collected.security.md": "- Refuse it.\n",
    }


def test_a_changed_source_folder_has_a_fragment(repository):
    assert repository.command("fragments") == (0, "")
    repository.git("switch", "--quiet", "--create", "branch")
    source = f"{ROUTING}/src/asgi_routing/router.py"
    repository.write(source, repository.read(source) + "\n# changed\n")
    for _ in range(2):  # as it is edited, and as it is committed
        status, printed = repository.command("fragments")
        assert status == 1
        assert f"write {ROUTING}/changes/+SLUG.KIND.md" in printed
        assert "asgi-requests" not in printed
        repository.commit()
        repository.write("README.md", repository.read("README.md") + "\n")
    repository.write(f"{ROUTING}/changes/+one.fixed.md", "Mend one.\n")
    assert repository.command("fragments") == (0, "")
    repository.commit()
    repository.git("switch", "--quiet", "main")
    repository.git("merge", "--quiet", "branch")
    assert repository.command("fragments") == (0, "")


@pytest.mark.timeout(300)
def test_what_must_not_be_published_is_refused(repository):
    repository.write(f"{ROUTING}/changes/+one.added.md", "Add one.\n")
    repository.commit()

    def publishable(tag):
        dist = repository.root / "dist"
        shutil.rmtree(dist, ignore_errors=True)
        command = [
            sys.executable,
            "-m",
            "build",
            "--no-isolation",
            "--outdir",
            str(dist),
            str(repository.root / ROUTING),
        ]
        subprocess.run(command, check=True, capture_output=True)
        return repository.command("publishable", tag, dist)

    status, printed = publishable("asgi-routing-v1.0.0")
    assert status == 1
    assert "METADATA names https://example.invalid, a placeholder: hatch run release:address URL" in printed
    assert "packages/asgi-routing/changes holds unreleased changes" in printed

    status, printed = repository.command("address", "https://code.example.org/us/asgi")
    assert status == 0, printed
    assert repository.command("prepare", "asgi-routing", "patch")[0] == 0
    assert publishable("asgi-routing-v1.0.1") == (0, "asgi-routing-v1.0.1: publishable\n")

    status, printed = publishable("asgi-routing-v1.1.0")
    assert status == 1
    assert "METADATA is not of asgi-routing 1.1.0" in printed
    assert "CHANGELOG.md has no section ## [1.1.0]" in printed
    assert "is not the tag of a package" in publishable("asgi-rooting-v1.0.1")[1]
    (repository.root / "dist").joinpath("asgi_routing-1.0.1.tar.gz").unlink()
    assert "not one wheel and one sdist" in repository.command("publishable", "asgi-routing-v1.0.1", "dist")[1]


@pytest.mark.parametrize(
    "address", ["http://code.example.org/x", "https://code.example.org", "https://code.example.org/x/"]
)
def test_an_address_is_one_of_a_repository(repository, address):
    status, printed = repository.command("address", address)
    assert status == 1
    assert "give one address such as https://github.com/owner/name" in printed
