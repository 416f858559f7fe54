"""Middleware for any ASGI application: CORS, gzip, sessions, trusted hosts, authentication, errors and more."""

__version__ = "1.0.0"

__all__ = ["__version__"]
