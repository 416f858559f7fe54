"""The fixtures that the tests of sse-starlette name, and its state as it is at first."""

from __future__ import annotations

import asyncio
import logging
import threading

import httpx2
import pytest
import sse_starlette.sse
from sse_starlette import EventSourceResponse
from sse_starlette.sse import AppStatus
from starlette.applications import Starlette
from starlette.routing import Route


@pytest.fixture(autouse=True)
def reset_shutdown_state():
    AppStatus.should_exit = False
    AppStatus.enable_automatic_graceful_drain = True
    sse_starlette.sse._thread_state = threading.local()


@pytest.fixture
async def httpx_client():
    async def endless(request):
        async def numbers():
            number = 0
            try:
                while True:
                    yield {"data": number}
                    number += 1
                    await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                logging.getLogger(__name__).info("Disconnected from client")
                raise

        return EventSourceResponse(numbers())

    transport = httpx2.ASGITransport(Starlette(routes=[Route("/endless", endless)]))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client
