"""Start the pinboard: `python packages/asgi-framework/examples/pinboard [--port 8000] [--data FOLDER]`.

Sessions and rate limits are in SQLite; `PINBOARD_REDIS=redis://localhost` keeps them in Redis, for several machines.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path

import uvicorn
from board import build


def main() -> None:
    parser = argparse.ArgumentParser(description="A pinboard for a small group: notes, pictures, a chat.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--data", type=Path, default=Path("pinboard.data"), help="where notes and pictures are kept")
    parser.add_argument("--debug", action="store_true", help="show tracebacks in the browser")
    options = parser.parse_args()
    print(f"The pinboard is at http://{options.host}:{options.port} and keeps its notes in {options.data}/", flush=True)
    print("Ctrl+C stops it.", flush=True)
    app = build(options.data, redis=os.environ.get("PINBOARD_REDIS"), debug=options.debug)
    server = uvicorn.Server(uvicorn.Config(app, host=options.host, port=options.port, log_level="warning"))
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    raise SystemExit(not server.started)


if __name__ == "__main__":
    main()
