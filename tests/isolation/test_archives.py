"""The contents of the wheels and sdists: the code, the papers, the tests, and a description that reads well on an index."""

from __future__ import annotations

import email
import re
import tarfile
import tomllib
import zipfile

import pytest

from .conftest import ROOT, run

ADDRESS = tomllib.loads((ROOT / "packages" / "asgi-routing" / "pyproject.toml").read_text())["project"]["urls"][
    "Homepage"
]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


def test_the_archives_hold_what_they_should(name, distributions):
    wheel = distributions.wheel(name)
    module = name.replace("-", "_")
    in_wheel = zipfile.ZipFile(wheel).namelist()
    with tarfile.open(distributions.sdist(name)) as archive:
        in_sdist = archive.getnames()
    assert f"{module}/py.typed" in in_wheel
    assert any(entry.endswith("licenses/LICENSE") for entry in in_wheel)
    assert {entry.partition("/")[0] for entry in in_wheel} == {module, wheel.name.rsplit("-", 3)[0] + ".dist-info"}
    for paper in ("README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "pytest.ini", "tests/raw_asgi.py"):
        assert any(entry.endswith(f"/{paper}") for entry in in_sdist), paper
    assert not [entry for entry in in_sdist if "__pycache__" in entry or entry.endswith(".pyc")]


def test_every_link_of_a_description_leads_somewhere(name, distributions):
    """On an index there is nothing beside the page: links are addresses, and those of the repository exist there."""
    description = metadata(distributions.wheel(name)).get_payload(decode=True).decode()
    links = LINK.findall(re.sub(r"^```.*?^```", "", description, flags=re.MULTILINE | re.DOTALL))
    version = distributions.wheel(name).name.split("-")[1]
    ours = f"{ADDRESS}/blob/{name}-v{version}/"
    for link in links:
        assert link.startswith(("https://", "#")), link
        if link.startswith(ADDRESS):
            assert link.startswith(ours), link
            assert (ROOT / link.removeprefix(ours).partition("#")[0]).exists(), link
    assert any(link.endswith("/CHANGELOG.md") for link in links)


def test_the_description_is_the_readme_but_for_its_links(name, distributions):
    description = metadata(distributions.wheel(name)).get_payload(decode=True).decode()
    readme = (ROOT / "packages" / name / "README.md").read_text()
    assert LINK.sub("", description).strip() == LINK.sub("", readme).strip()


def test_what_a_readme_links_in_its_folder_is_in_the_sdist(name, distributions):
    folder = ROOT / "packages" / name
    with tarfile.open(distributions.sdist(name)) as archive:
        names = {entry.partition("/")[2] for entry in archive.getnames()}
    for link in LINK.findall((folder / "README.md").read_text()):
        target = (folder / link.partition("#")[0]).resolve()
        if not link.startswith(("https://", "http://", "#")) and target.is_relative_to(folder):
            inside = target.relative_to(folder).as_posix()
            assert inside in names or any(entry.startswith(f"{inside}/") for entry in names), link


@pytest.mark.timeout(900)
def test_a_package_passes_its_own_tests_from_its_unpacked_sdist(name, extras, distributions, tmp_path):
    """With its extras, and without its siblings but for the framework's."""
    with tarfile.open(distributions.sdist(name)) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.glob(f"{name.replace('-', '_')}-*")
    python = distributions.environment(f".[{','.join(extras)}]", "--group", "tests", cwd=folder)
    run(python, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", cwd=folder)
