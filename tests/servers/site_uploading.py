"""An application that saves each file of a form into the directory UPLOADS while it arrives."""

from __future__ import annotations

import os

import anyio

from asgi_framework import App, JSONResponse, Request, Route
from asgi_requests.parts import DiskSink


async def upload(request: Request) -> JSONResponse:
    saved = {}
    async for part in request.parts():
        sink = DiskSink(os.environ["UPLOADS"], part.safe_filename)
        saved[part.name] = (await part.save(sink, hash="sha256")).hexdigest
    return JSONResponse(saved)


async def waiting(request: Request) -> JSONResponse:
    """Take one chunk of a file, and the rest once UPLOADS has a file `go on`."""
    async with request.parts() as parts:
        async for part in parts:
            await anext(part)
            while not os.path.exists(os.path.join(os.environ["UPLOADS"], "go on")):
                await anyio.sleep(0.01)
            return JSONResponse({"size": sum([len(chunk) async for chunk in part])})
    return JSONResponse({})


app = App(routes=[Route("/", upload, methods=["POST"]), Route("/waiting", waiting, methods=["POST"])])
