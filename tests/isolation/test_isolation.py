"""Each distribution, built here and now, installs alone in a fresh environment and imports alone."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(path.name for path in (ROOT / "packages").iterdir() if path.is_dir())
OURS = {name.replace("-", "_") for name in PACKAGES}

# Modules that nobody imports without what they are for: pytest loads its plugin, the drop-in its test client.
ONLY_WITH = {
    "asgi_framework.compat._testclient": "No module named 'asgi_testclient'",
    "asgi_testclient.httpx2": "asgi_testclient.httpx2 needs httpx2: pip install httpx2",
    "asgi_testclient.pytest_plugin": "No module named 'pytest'",
}

IMPORT_ALL = """
import importlib, json, pkgutil, sys
package = importlib.import_module(sys.argv[1])
needs = {}
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ImportError as exc:
        needs[module.name] = str(exc)
print(json.dumps({"needs": needs, "loaded": sorted({name.partition(".")[0] for name in sys.modules})}))
"""


def run(*command: object, **options: object) -> str:
    result = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=600, check=False, **options
    )
    assert result.returncode == 0, f"{command}:\n{result.stdout}\n{result.stderr}"
    return result.stdout


def build(name: str, folder: Path) -> Path:
    """The wheel of a package, built through its sdist, in `folder`."""
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT / "packages" / name)
    (wheel,) = folder.glob("*.whl")
    return wheel


def environment(folder: Path, *requirements: object, find: Path | None = None) -> Path:
    """The interpreter of a fresh environment with these requirements and nothing else."""
    run(sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    links = ["--find-links", find] if find else []
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *links, *requirements)
    return python


def import_all(python: Path, name: str, cwd: Path) -> dict:
    return json.loads(run(python, "-I", "-c", IMPORT_ALL, name.replace("-", "_"), cwd=cwd))


@pytest.fixture(params=PACKAGES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.timeout(900)
def test_a_package_installs_alone_and_imports_alone(name, tmp_path):
    dist = tmp_path / "dist"
    wheel = build(name, dist)
    if name == "asgi-framework":
        for sibling in ("asgi-requests", "asgi-routing", "asgi-middleware"):
            run(sys.executable, "-m", "build", "--wheel", "--outdir", dist, ROOT / "packages" / sibling)
    python = environment(tmp_path / "venv", wheel, find=dist)
    seen = import_all(python, name, tmp_path)
    siblings = OURS & set(seen["loaded"]) - {name.replace("-", "_")}
    assert siblings == ({"asgi_requests", "asgi_routing", "asgi_middleware"} if name == "asgi-framework" else set())
    for module, error in seen["needs"].items():
        assert error == ONLY_WITH.get(module) or "pip install asgi-" in error, (
            f"{module} does not say what to install: {error}"
        )


@pytest.mark.timeout(900)
def test_the_archives_hold_what_they_should(name, tmp_path):
    wheel = build(name, tmp_path)
    (sdist,) = tmp_path.glob("*.tar.gz")
    module = name.replace("-", "_")
    in_wheel = zipfile.ZipFile(wheel).namelist()
    with tarfile.open(sdist) as archive:
        in_sdist = archive.getnames()
    assert f"{module}/py.typed" in in_wheel
    assert any(entry.endswith("licenses/LICENSE") for entry in in_wheel)
    assert {entry.partition("/")[0] for entry in in_wheel} == {module, wheel.name.rsplit("-", 3)[0] + ".dist-info"}
    for paper in ("README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml"):
        assert any(entry.endswith(f"/{paper}") for entry in in_sdist), paper


@pytest.mark.timeout(900)
def test_a_planted_cross_import_is_found(tmp_path):
    """The proof that the test above can fail: a copy of a package with one foreign line does."""
    copy = tmp_path / "asgi-middleware"
    run("cp", "-r", ROOT / "packages" / "asgi-middleware", copy)
    (copy / "src" / "asgi_middleware" / "cors" / "__init__.py").write_text("import asgi_routing\n")
    dist = tmp_path / "dist"
    run(sys.executable, "-m", "build", "--wheel", "--outdir", dist, copy)
    python = environment(tmp_path / "venv", next(dist.glob("*.whl")))
    needs = import_all(python, "asgi-middleware", tmp_path)["needs"]
    assert "No module named 'asgi_routing'" in needs["asgi_middleware.cors"]
