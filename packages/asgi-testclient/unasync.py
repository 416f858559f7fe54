"""Write the files that are made from others: the synchronous client from the asynchronous one, httpx2.py from httpx.py.

    hatch run unasync             writes them
    hatch run unasync --check     fails if one is not what it would be now; a test does the same

Names keep their meaning: `AsyncDriver` becomes `Driver`, `__aenter__` `__enter__`, a task a thread.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent / "src" / "asgi_testclient"
HEADER = "# Generated from {origin} by `hatch run unasync`: edit that file.\n# fmt: off\n"
TO_SYNC = {
    r"\basync (def|with|for)\b": r"\1",
    r"\bawait ": "",
    r"\b__a(enter|exit|iter|next)__\b": r"__\1__",
    r"\bStopAsyncIteration\b": "StopIteration",
    r"\baclose\b": "close",
    r"\bhandle_async_request\b": "handle_request",
    r"\bAsync([A-Z]\w*)\b": r"\1",
    r"\bTaskLoops\b": "ThreadLoops",
    r"\bTaskWaiter\b": "ThreadWaiter",
    r"\bRunningLoop\b": "LoopThread",
    r"\b_loops\.tasks\b": "_loops.threads",
    r"\btask_body\b": "thread_body",
    r"\basynchronous\b": "synchronous",
    r" *# ruff: noqa: ASYNC109.*\n|  # noqa: ASYNC109.*": "",
}
TO_HTTPX2 = {r"\bhttpx\b": "httpx2"}


def generated() -> dict[Path, str]:
    """Return what each generated file has to hold."""
    clients = PACKAGE / "_clients"
    texts = {
        clients / "_sync" / path.name: _rewritten(path, TO_SYNC) for path in sorted((clients / "_async").glob("*.py"))
    }
    return texts | {PACKAGE / "httpx2.py": _rewritten(PACKAGE / "httpx.py", TO_HTTPX2)}


def _rewritten(path: Path, rules: dict[str, str]) -> str:
    text = path.read_text()
    for pattern, replacement in rules.items():
        text = re.sub(pattern, replacement, text)
    return HEADER.format(origin=path.relative_to(PACKAGE).as_posix()) + text


def main() -> int:
    """Write or check the files; return the status of the command."""
    stale = [path for path, text in generated().items() if not path.exists() or path.read_text() != text]
    if "--check" not in sys.argv:
        for path, text in generated().items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return 0
    for path in stale:
        sys.stderr.write(f"{path.relative_to(PACKAGE)} is not what `hatch run unasync` writes\n")
    return bool(stale)


if __name__ == "__main__":
    raise SystemExit(main())
