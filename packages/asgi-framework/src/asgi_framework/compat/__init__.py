"""Starlette's module names, backed by these packages: applications and extensions written for it run unchanged.

    from asgi_framework.compat import install_as_starlette

    install_as_starlette()

    from fastapi import FastAPI  # and whatever else imports starlette

Call it before the first `import starlette`, as the first lines of a program or of a `conftest.py`. The objects are the
very same under both names: what is patched under one is patched under the other. Subclasses stand in where a default
is another: `Starlette` redirects to absolute URLs, `StaticFiles` raises HTTPException wherever it is, and `TestClient`
is as tolerant as Starlette's. `importlib.metadata` knows distributions and not modules: the version of starlette there
is that of an installed one.
"""

from __future__ import annotations

from ._install import install_as_starlette

__all__ = ["install_as_starlette"]
