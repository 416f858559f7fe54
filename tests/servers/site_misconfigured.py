"""An application whose middleware cannot be built, and one that reads uploads."""

from __future__ import annotations

from asgi_framework import App, CORSMiddleware, Middleware, PlainTextResponse, Request, Route


async def size(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


app = App(middleware=[Middleware(CORSMiddleware, origins=["*"])])
uploads = App(routes=[Route("/", size, methods=["POST"])])
