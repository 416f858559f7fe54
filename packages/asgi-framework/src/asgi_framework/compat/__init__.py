"""Starlette's module names, backed by these packages: applications and extensions written for it run unchanged.

    from asgi_framework.compat import install_as_starlette

    install_as_starlette()

    from fastapi import FastAPI  # and whatever else imports starlette

Call it before the first `import starlette`, in the first lines of a program or of a `conftest.py`. Both names refer to
the same objects, so patches under one name apply under the other. Subclasses have Starlette's defaults where they
differ: `Starlette` redirects to absolute URLs, `StaticFiles` raises HTTPException wherever it is, and `TestClient` is
as tolerant as Starlette's. `importlib.metadata` knows only distributions, so its version of starlette is that of an
installed one.
"""

from __future__ import annotations

from ._install import install_as_starlette

__all__ = ["install_as_starlette"]
