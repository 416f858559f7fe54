"""Request, Response, WebSocket, forms, files, static files and templates for any ASGI application."""

__version__ = "1.0.0"

__all__ = ["__version__"]
