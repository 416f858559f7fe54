"""Routes from a path and a method to an ASGI application, and back from a name to a path."""

__version__ = "1.0.0"

__all__ = ["__version__"]
