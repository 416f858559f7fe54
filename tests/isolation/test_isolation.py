"""Each distribution installs alone, from an index, in a fresh environment, and imports alone."""

from __future__ import annotations

import json
import sys

import pytest

from .conftest import PACKAGES, ROOT, run

OURS = {name.replace("-", "_") for name in PACKAGES}

# Modules that are imported only with what they are for: pytest loads its plugin, the drop-in its test client.
ONLY_WITH = {
    "asgi_framework.compat._testclient": "No module named 'asgi_testclient'",
    "asgi_testclient._loops.trio_clock": "No module named 'trio'",
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


def import_all(python, name, cwd) -> dict:
    return json.loads(run(python, "-I", "-c", IMPORT_ALL, name.replace("-", "_"), cwd=cwd))


@pytest.mark.timeout(900)
def test_a_package_installs_alone_and_imports_alone(name, distributions, tmp_path):
    python = distributions.environment(name)
    seen = import_all(python, name, tmp_path)
    siblings = OURS & set(seen["loaded"]) - {name.replace("-", "_")}
    assert siblings == ({"asgi_requests", "asgi_routing", "asgi_middleware"} if name == "asgi-framework" else set())
    for module, error in seen["needs"].items():
        assert error == ONLY_WITH.get(module) or "pip install asgi-" in error, (
            f"{module} does not say what to install: {error}"
        )


@pytest.mark.timeout(900)
def test_a_package_with_all_its_extras_imports_every_module(name, extras, distributions, tmp_path):
    python = distributions.environment(f"{name}[{','.join(extras)}]", "pytest")
    assert import_all(python, name, tmp_path)["needs"] == {}


@pytest.mark.timeout(900)
def test_the_test_client_that_the_framework_installs_is_ours(distributions, tmp_path):
    python = distributions.environment("asgi-framework[testclient]")
    version = run(python, "-c", "import asgi_testclient; print(asgi_testclient.__version__, asgi_testclient.Lint)")
    assert version.startswith(distributions.wheel("asgi-testclient").name.split("-")[1])


@pytest.mark.timeout(900)
def test_a_planted_cross_import_is_found(distributions, tmp_path):
    """The proof that the first test can fail: a copy of a package with one foreign line does."""
    copy = tmp_path / "packages" / "asgi-middleware"
    run(sys.executable, "-c", f"import shutil; shutil.copytree({str(ROOT / 'packages' / copy.name)!r}, {str(copy)!r})")
    (copy / "src" / "asgi_middleware" / "cors" / "__init__.py").write_text("import asgi_routing\n")
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path, copy)
    python = distributions.environment(next(tmp_path.glob("*.whl")))
    needs = import_all(python, "asgi-middleware", tmp_path)["needs"]
    assert "No module named 'asgi_routing'" in needs["asgi_middleware.cors"]
