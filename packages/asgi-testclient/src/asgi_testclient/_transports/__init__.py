"""The transports, bound to no httpx yet: what they are told, the loop they own, and the lifespan they run."""

from .base import STREAM, WEBSOCKET
from .tasks import TaskTransport
from .threads import ThreadTransport

__all__ = ["STREAM", "WEBSOCKET", "TaskTransport", "ThreadTransport"]
