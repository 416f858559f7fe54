"""The application of one framework and case for a server to import: `ASGI_BENCHMARK=starlette/json`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from worker import application

app = asyncio.run(application(*os.environ["ASGI_BENCHMARK"].split("/")))
