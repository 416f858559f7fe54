"""A package named starlette, first on the path, that is replaced by the drop-in while it is imported."""

from asgi_framework.compat import install_as_starlette

install_as_starlette()
