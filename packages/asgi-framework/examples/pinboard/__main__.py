"""Start the pinboard: `python packages/asgi-framework/examples/pinboard [--port 8000] [--data FOLDER]`."""

from __future__ import annotations

import argparse
import contextlib
import socket
from pathlib import Path

import uvicorn
from board import build

from asgi_framework import App


class Server(uvicorn.Server):
    """Ends the event streams first: of themselves they never end, and a server waits for every connection."""

    def __init__(self, app: App, **options: object) -> None:
        super().__init__(uvicorn.Config(app, **options))
        self.app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.app.state.hub.close()
        await super().shutdown(sockets)


def main() -> None:
    parser = argparse.ArgumentParser(description="A pinboard for a small group: notes, pictures, a chat.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--data", type=Path, default=Path("pinboard.data"), help="where notes and pictures are kept")
    parser.add_argument("--debug", action="store_true", help="show tracebacks in the browser")
    options = parser.parse_args()
    print(f"The pinboard is at http://{options.host}:{options.port} and keeps its notes in {options.data}/", flush=True)
    print("Ctrl+C stops it.", flush=True)
    app = build(options.data, debug=options.debug)
    with contextlib.suppress(KeyboardInterrupt):
        server = Server(app, host=options.host, port=options.port, log_level="warning", timeout_graceful_shutdown=3)
        server.run()
    raise SystemExit(not server.started)


if __name__ == "__main__":
    main()
