# Generated from _clients/_async/__init__.py by `hatch run unasync`: edit that file.
# fmt: off
"""The synchronous client."""
