"""The httpx to build on where nobody named one: httpx2 if it is installed, else httpx."""

from __future__ import annotations

from importlib import import_module


def choose() -> str:
    """The name of the module with the preferred classes."""
    try:
        import_module("httpx2")
    except ImportError:
        return "httpx"
    return "httpx2"


preferred = import_module(f".{choose()}", __package__)
