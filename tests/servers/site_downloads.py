"""Static files with compressed siblings, from the directory that STATIC_DIRECTORY names, and a page."""

from __future__ import annotations

import os

from asgi_framework import App, HTMLResponse, Request, Route
from asgi_requests.staticfiles import static


async def page(request: Request) -> HTMLResponse:
    return HTMLResponse("<title>Downloads</title>")


app = static(App(routes=[Route("/", page)]), os.environ["STATIC_DIRECTORY"])
