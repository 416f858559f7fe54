"""Files of a directory, as they are or compressed beforehand.

    from asgi_requests.staticfiles import StaticFiles

    app = StaticFiles(directory="dist", precompressed=True, immutable=True, cache_control={"*.html": "no-cache"})

It is an ASGI application: mounted, or alone on a server. Within an application that handles exceptions it raises
HTTPException for 403, 404, 405 and 406; alone it answers them. In front of an application of any framework stands

    from asgi_requests.staticfiles import static

    app = static(app, "dist", "/static")

which serves what is a file and passes everything else through; `django_static(app)` takes directory and prefix from
Django's settings. `python -m asgi_requests.staticfiles compress DIR` writes the compressed siblings.
"""

from __future__ import annotations

from ._answers import NotModifiedResponse
from ._app import StaticFiles
from ._django import django_static
from ._front import static
from ._representations import PathLike, Representation

__all__ = ["NotModifiedResponse", "PathLike", "Representation", "StaticFiles", "django_static", "static"]
