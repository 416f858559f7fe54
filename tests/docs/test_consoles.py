"""Every console session of every page runs in one shell, in a folder with the page's files, and prints what the page shows.

    ```python title="hello.py"                  a file, written when the page comes to it
    ```console
    $ uvicorn hello:app &                       in the background: its output is not shown
    $ curl http://127.0.0.1:8000/               the port is exchanged for a free one
    Hello, ...                                  dots stand for what differs each time
    ```

Commands that need a network, a clone or root are not run (ELSEWHERE); the folders that pip is given must exist.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from documented import PAGES, ROOT

BLOCK = re.compile(r'^```(?:\w+ title="([^"]+)"|(console))\n(.*?)^```$', re.MULTILINE | re.DOTALL)
ELSEWHERE = re.compile(r"\$ (pip|python3? -m venv|git|docker|sudo|systemctl|hatch)\b")
END = "end of command"
PATIENCE = 60


def blocks(page: Path) -> list[tuple[str | None, str]]:
    """Return the files (name, text) and the console sessions (None, text) of a page, in order."""
    return [(name or None, text) for name, _, text in BLOCK.findall(page.read_text())]


def sessions(page: Path) -> list[str]:
    return [text for name, text in blocks(page) if name is None]


def commands(session: str) -> list[tuple[str, str]]:
    """Return the commands of a session, each with the output that the page shows after it."""
    found = re.findall(r"^(\$ .*\n(?:> .*\n)*)((?:(?!\$ ).*\n)*)", session, re.MULTILINE)
    return [(command.replace("\n> ", "\n").rstrip("\n"), output) for command, output in found]


def expression(shown: str) -> str:
    """Return a regular expression of an output, in which dots stand for anything."""
    return r"\s*" + re.escape(shown.strip()).replace(r"\.\.\.", "[^\n]*") + r"\s*"


class Shell:
    """A bash that is given one command after another; ends what it has started."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = str(free.getsockname()[1])
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # The plugins of this environment are not those of a reader.
        plugins = ("asyncio", "trio", "logfire", "syrupy", "inline_snapshot", "cacheprovider")
        options = " ".join(f"-p no:{plugin}" for plugin in plugins)
        environment = os.environ | {
            "PATH": path,
            "PYTEST_ADDOPTS": options,
            "NO_COLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.process = subprocess.Popen(
            ["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=folder, env=environment, text=True, start_new_session=True,
        )  # fmt: skip
        self.run("set -m; shopt -s expand_aliases")

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *exc: object) -> None:
        # Under `set -m` each command in the background has a process group of its own.
        self.process.communicate('for job in $(jobs -p); do kill -KILL -- "-$job"; done\n', timeout=PATIENCE)

    def run(self, command: str) -> str:
        """Run a command and return what it prints."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        command = command.replace("8000", self.port)
        in_background = command.endswith(" &")
        if in_background:
            command = f"{command.removesuffix(' &')} >background.log 2>&1 &"
        if command.startswith("kill "):
            command = f"{command}; wait"
        self.process.stdin.write(f"{command}\necho; echo '{END}'\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline()) and line.strip() != END:
            if not re.match(r"\[\d+\][+-]? ", line):  # the shell says that a job has ended
                lines.append(line)
        if in_background:
            self.wait_for_the_port()
        return "".join(lines).replace(self.port, "8000")

    def wait_for_the_port(self) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(self.port)), 1):
                return
            assert time.monotonic() < end, "the server does not listen"
            time.sleep(0.05)


@pytest.mark.whole  # servers and new projects: seconds each
@pytest.mark.parametrize(
    "page", [page for page in PAGES if sessions(page)], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_the_console_sessions_print_what_is_shown(page, tmp_path):
    for needed in ("bash", "curl"):
        if not shutil.which(needed):
            pytest.skip(f"apt-get install {needed}")
    if not importlib.util.find_spec("uvicorn"):
        pytest.skip("pip install uvicorn")
    with Shell(tmp_path) as shell:
        for name, text in blocks(page):
            if name is not None:
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name).write_text(text)
                continue
            for command, shown in commands(text):
                if not ELSEWHERE.match(command):
                    printed = shell.run(command.removeprefix("$ "))
                    assert re.fullmatch(expression(shown), printed), f"{command}\nprinted:\n{printed}\nshown:\n{shown}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_folders_to_install_exist(page):
    for line in re.findall(r"pip install [^\n`]+", page.read_text()):
        for folder in re.findall(r"(?<=[\s\"'])\./[\w/-]+", line):
            assert (ROOT / folder / "pyproject.toml").exists(), line


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_page_with_files_uses_them(page):
    named = [name for name, _ in blocks(page) if name is not None]
    assert not named or sessions(page), f"no console session of {page} uses {named}"


def test_another_output_is_seen():
    assert re.fullmatch(expression("2 passed in ...\n"), "2 passed in 0.05s\n\n")
    assert not re.fullmatch(expression("2 passed in ...\n"), "1 failed, 2 passed in 0.05s\n")
    assert not re.fullmatch(expression(""), "something\n")
