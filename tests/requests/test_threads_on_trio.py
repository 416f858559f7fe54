from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import trio
from asgi_requests import FileResponse

async def main():
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "headers": []}
    await FileResponse(sys.argv[1])(scope, trio.sleep_forever, send)
    assert b"".join(message.get("body", b"") for message in sent) == b"content"

trio.run(main)
assert "asyncio" not in sys.modules
"""


def test_on_trio_a_file_is_sent_without_asyncio(tmp_path):
    file = tmp_path / "file.txt"
    file.write_bytes(b"content")
    command = [sys.executable, "-c", PROGRAM, str(file)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
