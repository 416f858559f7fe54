"""The metadata of a package is there and is true."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import tomllib
from importlib import metadata

import pytest


def test_a_package_has_its_papers(package):
    for name in ("README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml"):
        assert (package.folder / name).stat().st_size > 100, name
    assert (package.source / "py.typed").exists()


def test_the_licence_is_the_one_of_the_repository(package, root):
    assert (package.folder / "LICENSE").read_bytes() == (root / "LICENSE").read_bytes()
    assert package.project["license"] == "BSD-3-Clause"
    assert package.project["license-files"] == ["LICENSE"]


def test_a_package_is_described_and_classified(package):
    project = package.project
    assert 30 < len(project["description"]) < 140
    assert project["requires-python"] == ">=3.11"
    assert "Typing :: Typed" in project["classifiers"]
    assert not any(classifier.startswith("License ::") for classifier in project["classifiers"])


def test_every_address_of_a_package_is_the_one_of_the_repository(package, root):
    """`hatch run release:address URL` writes them all; `release:publishable` refuses the placeholder."""
    address = re.search(r'^ADDRESS = "(.*)"$', (root / ".ci/release/packages.py").read_text(), re.MULTILINE)[1]
    assert package.project["urls"] == {
        "Homepage": address,
        "Documentation": f"{address}/blob/main/docs/index.md",
        "Source": f"{address}/tree/main/packages/{package.name}",
        "Changelog": f"{address}/blob/main/packages/{package.name}/CHANGELOG.md",
        "Issues": f"{address}/issues",
    }
    text = (package.folder / "pyproject.toml").read_text()
    at_the_tag = f"{address}/blob/{package.name}-v$HFPR_VERSION/"
    replacements = re.findall(r"^replacement = '\]\((.*)'$", text, re.MULTILINE)
    assert replacements == [at_the_tag, f"{at_the_tag}packages/", f"{at_the_tag}packages/{package.name}/"]


def test_the_version_stands_in_one_place(package):
    pyproject = tomllib.loads((package.folder / "pyproject.toml").read_text())
    assert "version" not in pyproject["project"]
    assert pyproject["tool"]["hatch"]["version"]["path"] == f"src/{package.module}/__init__.py"
    version = importlib.import_module(package.module).__version__
    assert metadata.version(package.name) == version
    assert f"## [{version}]" in (package.folder / "CHANGELOG.md").read_text()


def test_a_changelog_has_an_entry_for_the_version(package):
    changelog = (package.folder / "CHANGELOG.md").read_text()
    assert re.search(r"^### (Added|Changed|Fixed|Removed)\n\n- \S", changelog, re.MULTILINE)


def test_every_extra_is_named_in_the_readme(package):
    readme = (package.folder / "README.md").read_text()
    for extra in package.project.get("optional-dependencies", {}):
        assert f"{package.name}[{extra}]" in readme or f"`{extra}`" in readme, extra


def test_a_readme_says_how_to_install_from_a_clone(package):
    text = " ".join((package.folder / "README.md").read_text().split())
    assert re.search(rf"install from a clone: `pip install [^`]*\./packages/{package.name}`", text)


def test_a_package_calls_itself_beta_until_it_has_been_used(package):
    assert "Development Status :: 4 - Beta" in package.project["classifiers"]


def test_the_framework_takes_its_siblings_from_the_version_it_is_tested_with_to_the_next_major_one(packages):
    """Patches add no names, so what the framework imports is in every version of the range."""
    framework = next(p for p in packages if p.name == "asgi-framework").project
    extras = [r for rs in framework["optional-dependencies"].values() for r in rs]
    for requirement in [*framework["dependencies"], *extras]:
        if requirement.startswith("asgi-") and not requirement.startswith("asgi-framework["):
            name, lower, upper = re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=(\d+\.\d+),<(\d+)", requirement).groups()
            major, minor, _ = importlib.import_module(name.replace("-", "_")).__version__.split(".")
            assert (lower, upper) == (f"{major}.{minor}", str(int(major) + 1)), requirement


def test_every_name_that_the_framework_imports_of_a_sibling_is_there(packages):
    framework = next(p for p in packages if p.name == "asgi-framework")
    for path in framework.files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and re.match(r"asgi_(?!framework)", node.module):
                module = importlib.import_module(node.module)
                for alias in node.names:
                    name = f"{node.module}.{alias.name}"
                    assert hasattr(module, alias.name) or importlib.util.find_spec(name), f"{path}: {name}"


@pytest.mark.parametrize("foreign", ["0.3.1"])
def test_no_range_of_ours_admits_the_unrelated_test_client(packages, foreign):
    """A package of the same name stands on the index; its last release is 0.3.1."""
    lower_bounds = [
        float(match[1])
        for p in packages
        for rs in [p.project["dependencies"], *p.project["optional-dependencies"].values()]
        for r in rs
        if (match := re.match(r"asgi-testclient(?:\[.*\])?>=(\d+\.\d+)", r))
    ]
    assert lower_bounds
    assert min(lower_bounds) > float(foreign[:3])


def test_every_install_line_asks_for_our_test_client_and_not_the_unrelated_one(root):
    texts = [path for kind in ("md", "py", "toml", "yml") for path in root.rglob(f"*.{kind}")]
    commands = [
        command
        for path in texts
        if not {".git", "tests"} & set(path.relative_to(root).parts)
        for command in re.findall(r"(?:pip install|uv add|poetry add) (.*)", path.read_text())
    ]
    name = re.compile(r"(?<![\w/.])asgi-testclient(?:\[[\w{}]*\])?([^\s`'\"]*)")
    assert {match[1] for command in commands for match in name.finditer(command)} == {">=1"}


def test_public_names_are_there_and_named_once(package):
    module = importlib.import_module(package.module)
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert set(module.__all__) <= set(dir(module))
