"""The rules of ASGI as state machines: no input, no output, no event loop, nothing but the standard library.

One object watches one call of an application. It is given every message in either direction, and finds what is wrong.
"""

from .base import Checks, Strict, known_codes
from .http import HTTPChecks, OrderChecks
from .lifespan import LifespanChecks
from .rules import RULES
from .unawaited import PendingCalls
from .websocket import WebSocketChecks

__all__ = [
    "RULES",
    "Checks",
    "HTTPChecks",
    "LifespanChecks",
    "OrderChecks",
    "PendingCalls",
    "Strict",
    "WebSocketChecks",
    "known_codes",
]
