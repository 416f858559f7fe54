"""A test client for every ASGI application: Django, Quart, FastAPI, Litestar, Falcon and bare ASGI."""

__version__ = "1.0.0"

__all__ = ["__version__"]
