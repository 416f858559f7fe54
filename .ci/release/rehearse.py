"""Rehearse a release of all five packages: `hatch run release:rehearse`.

Builds them twice, byte for byte the same; checks the metadata; uploads to an index on loopback, which refuses a second
upload; then `tests/isolation` installs from it in fresh environments. Arguments go to pytest; `--keep FOLDER` keeps the
distributions. Nothing leaves the machine, and whatever is started is stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import packages


def copy_of_tree(to: Path) -> Path:
    """Copy what git knows, or would add, so that neither the place nor files that git ignores count."""
    names = packages.git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in names:
        if name and (packages.ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(packages.ROOT / name, to / name)
    return to


def build(job: tuple[Path, str, Path]) -> None:
    root, package, to = job
    # Both builds by the tools of this environment; the isolation tests have an sdist built by those that it asks for.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", to, root / "packages" / package]
    packages.run(*command)


def build_twice(scratch: Path) -> list[Path]:
    """Build all packages here and in a copy elsewhere, and return the distributions, which are the same."""
    os.environ.setdefault("SOURCE_DATE_EPOCH", packages.git("log", "-1", "--format=%ct").strip())
    roots = {scratch / "first": packages.ROOT, scratch / "second": copy_of_tree(scratch / "copy")}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(build, [(root, package, to) for to, root in roots.items() for package in packages.PACKAGES]))
    sums = [{path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in to.iterdir()} for to in roots]
    if sums[0] != sums[1]:
        different = sorted(name for name in {*sums[0], *sums[1]} if sums[0].get(name) != sums[1].get(name))
        packages.stop(f"built twice, and not the same: {', '.join(different)}")
    for name, checksum in sorted(sums[0].items()):
        print(f"{checksum}  {name}")
    # The files that a package needs come first, and its wheel before its sdist, as they would be published.
    return [
        path
        for package in packages.PACKAGES
        for path in sorted((scratch / "first").glob(f"{package.replace('-', '_')}-*"), reverse=True)
    ]


def check(distributions: list[Path]) -> None:
    packages.run(sys.executable, "-m", "twine", "check", "--strict", *distributions)
    wheels = [path for path in distributions if path.suffix == ".whl"]
    packages.run(sys.executable, "-m", "check_wheel_contents", *wheels)


def answers(url: str) -> bool:
    try:
        # S310: the address is our own server's.
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310
            return True
    except OSError:
        return False


@contextmanager
def index(folder: Path) -> Iterator[str]:
    """Run an index of what is uploaded to it on a free port of loopback, and yield its address."""
    folder.mkdir()
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    command = [sys.executable, "-m", "pypiserver", "run", "--interface", "127.0.0.1", "--port", port]
    # Anybody on this machine may upload; what it does not have it does not look for elsewhere.
    command += ["--passwords", ".", "--authenticate", ".", "--disable-fallback", folder]
    with (folder.parent / "index.log").open("w") as log:
        server = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 60
            while not answers(url):
                if server.poll() is not None or time.monotonic() > deadline:
                    packages.stop(f"the index did not start:\n{Path(log.name).read_text()}")
                time.sleep(0.1)
            yield url
        finally:
            server.terminate()
            server.wait()


def upload(url: str, distributions: list[Path]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "twine", "upload", "--non-interactive", "--disable-progress-bar"]
    command += ["--repository-url", f"{url}/", "--username", "rehearsal", "--password", "rehearsal"]
    command += map(str, distributions)
    return subprocess.run(command, capture_output=True, text=True, check=False)


def upload_once(url: str, distributions: list[Path]) -> None:
    """Upload everything, and see that the same version cannot be uploaded again."""
    first = upload(url, distributions)
    if first.returncode:
        packages.stop(f"upload:\n{first.stdout}{first.stderr}")
    for distribution in distributions:
        again = upload(url, [distribution])
        if again.returncode == 0 or not any(f"{status} " in again.stdout for status in (400, 403, 409)):
            packages.stop(f"{distribution.name} could be uploaded twice:\n{again.stdout}{again.stderr}")
    print(f"uploaded {len(distributions)} files once; each second upload was refused")


def test(url: str, distributions: list[Path], arguments: list[str]) -> int:
    """Run the tests of fresh environments on these very files."""
    environment = {**os.environ, "DISTRIBUTIONS": str(distributions[0].parent), "INDEX": f"{url}/simple/"}
    tests = [packages.ROOT / "tests" / name for name in ("isolation", "releases")]
    command = [sys.executable, "-m", "pytest", "-n", "logical", *arguments, *map(str, tests)]
    return subprocess.run(command, cwd=packages.ROOT, env=environment, check=False).returncode


def main() -> None:
    parser = argparse.ArgumentParser(prog="hatch run release:rehearse", description=__doc__)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="a folder for the distributions, if all is well")
    options, arguments = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as name:
        distributions = build_twice(Path(name))
        check(distributions)
        print("twine and check-wheel-contents have no objection", flush=True)
        with index(Path(name) / "index") as url:
            upload_once(url, distributions)
            status = test(url, distributions, arguments)
        if status:
            sys.exit(status)
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            for distribution in distributions:
                shutil.copy(distribution, options.keep)


if __name__ == "__main__":
    main()
