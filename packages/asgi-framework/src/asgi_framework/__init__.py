"""A web framework assembled from asgi-requests, asgi-routing and asgi-middleware."""

__version__ = "1.0.0"

__all__ = ["__version__"]
