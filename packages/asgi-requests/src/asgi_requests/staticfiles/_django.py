"""Django's static files in front of its ASGI application, by its own settings."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from ..types import ASGIApp
from ._front import static
from ._globs import warn


def django_static(app: ASGIApp, **options: Any) -> ASGIApp:
    """Return an application that serves STATIC_ROOT at STATIC_URL, and Django's `app` for everything else.

    Where the storage has a manifest, as ManifestStaticFilesStorage has, the names of it are immutable. With DEBUG every
    file is looked up again. Options are those of `static`. Call it after `get_asgi_application()`; it warns if
    collectstatic has not been run. Raises ValueError if STATIC_ROOT or STATIC_URL is not set.
    """
    settings = import_module("django.conf").settings
    storage = import_module("django.contrib.staticfiles.storage").staticfiles_storage
    for name in ("STATIC_ROOT", "STATIC_URL"):
        if not getattr(settings, name):
            raise ValueError(f"django_static needs settings.{name}, which is not set")
    root = os.fspath(settings.STATIC_ROOT)
    if not os.path.isdir(root):
        warn(f"STATIC_ROOT {root!r} does not exist: run manage.py collectstatic")
    # A CDN at another host asks this server for the same path.
    prefix = urlsplit(settings.STATIC_URL).path
    script = (settings.FORCE_SCRIPT_NAME or "").rstrip("/")
    if script and prefix.startswith(script + "/"):
        prefix = prefix[len(script) :]
    defaults: dict[str, Any] = {"manifest": getattr(storage, "hashed_files", None), "check_dir": False}
    if settings.DEBUG:
        defaults["stat_max_age"] = 0.0
    return static(app, root, prefix, **(defaults | options))
