"""Warnings about a configuration without effect, at the line of the program that writes it."""

from __future__ import annotations

import sys
import warnings

from asgi_middleware import ConfigurationWarning

_OURS = {"asgi_framework", "asgi_middleware", "asgi_requests", "asgi_routing"}


def warn(message: str) -> None:
    """Warn at the first line outside these packages."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and (frame.f_globals.get("__package__") or "").partition(".")[0] in _OURS:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, ConfigurationWarning, stacklevel=level)
