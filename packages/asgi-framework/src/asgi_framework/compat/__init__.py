"""Starlette's module names, backed by these packages: applications and extensions written for it run unchanged.

    from asgi_framework.compat import install_as_starlette

    install_as_starlette()

    from fastapi import FastAPI  # and whatever else imports starlette

Call it before the first `import starlette`, as the first lines of a program or of a `conftest.py`. The objects are the
very same under both names: what is patched under one is patched under the other. `importlib.metadata` tells of
distributions and not of modules: what asks it for the version of starlette gets that of an installed distribution.
"""

from __future__ import annotations

from ._install import install_as_starlette

__all__ = ["install_as_starlette"]
