"""What a test sees when an application is too late, goes astray, or ignores a client that left."""

from __future__ import annotations


class AppTimeout(TimeoutError):
    """The application did not do in time what the test waits for; the message names the line it waits at."""


class AppCancelled(RuntimeError):
    """The application ended by a cancellation that nobody asked for."""


class ClientDisconnected(OSError):
    """Raised out of `send()` after the client left, where the scope says ASGI 2.4 or later."""


class AppIgnoredDisconnect(UserWarning):
    """The client left, and the application was still running when the grace period ended; it was cancelled."""


class BlockedEventLoop(UserWarning):
    """The synchronous client was used inside a running event loop, which stands still meanwhile."""


class UnfinishedTasks(ResourceWarning):
    """Tasks the application had started were still running when its event loop was closed."""
