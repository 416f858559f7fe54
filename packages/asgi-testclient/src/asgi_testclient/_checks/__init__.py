"""The rules of ASGI as state machines: no input, no output, no event loop, nothing but the standard library.

One object watches one call of an application. It is shown every message in either direction, and says what is wrong.
"""

from .base import Checks, Strict
from .calls import Calls
from .http import HTTPChecks
from .lifespan import LifespanChecks
from .order import OrderChecks
from .rules import RULES
from .violations import ProtocolViolation, ProtocolWarning, Violation
from .websocket import WebSocketChecks

__all__ = [
    "RULES",
    "Calls",
    "Checks",
    "HTTPChecks",
    "LifespanChecks",
    "OrderChecks",
    "ProtocolViolation",
    "ProtocolWarning",
    "Strict",
    "Violation",
    "WebSocketChecks",
]
