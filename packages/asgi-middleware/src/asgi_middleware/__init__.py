"""Middleware for any ASGI application: CORS, gzip, sessions, trusted hosts, authentication, errors and more."""

from __future__ import annotations

from ._configuration import ConfigurationWarning
from ._record import Middleware, MiddlewareFactory

__version__ = "1.0.0"

__all__ = ["ConfigurationWarning", "Middleware", "MiddlewareFactory", "__version__"]
