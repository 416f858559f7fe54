"""Applications under uvicorn in processes of their own, on sockets that listen before the server does.

    with Uvicorn("integrations.with_middleware:django", log=tmp_path / "log", factory=True) as server:
        httpx.get(server.url)

A request that comes early waits in the socket's queue, so that no test polls for the server to be ready.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

TESTS = Path(__file__).resolve().parent
# Not `uvicorn --fd`, which takes the socket for a UNIX one, so that TCP_NODELAY stays off and answers wait 40 ms.
LAUNCH = """
import json, socket, sys, uvicorn
listening = socket.socket(fileno=int(sys.argv[1]))
uvicorn.Server(uvicorn.Config(sys.argv[2], log_level="warning", **json.loads(sys.argv[3]))).run([listening])
"""


class Uvicorn:
    """One server process; `log` is the file of what it prints, `options` are those of uvicorn.Config."""

    def __init__(self, application: str, *, log: Path, **options: Any) -> None:
        self.log = log
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        arguments = [str(self.socket.fileno()), application, json.dumps(options)]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", LAUNCH, *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[self.socket.fileno()],
                env=os.environ | {"PYTHONPATH": str(TESTS)},
                start_new_session=True,
            )
        self.socket.close()

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(15)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(15)
