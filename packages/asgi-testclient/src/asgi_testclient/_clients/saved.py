"""The method that writes an exchange to a file, of HTTP or of a WebSocket."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

__tracebackhide__ = True  # pytest shows the code of its reader instead


class Saved:
    """An exchange that can be saved."""

    def save(self: Any, path: str | Path, *, redact: Iterable[str] | None = None) -> None:
        """Write the exchange to a file for `Replay`; `redact` names the headers whose values are left out."""
        from ..replay import REDACTED, save

        save(path, self, redact=REDACTED if redact is None else redact)
