"""The options of a client that sends its body in pieces, reads slowly or leaves early; read once for each request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

Chunks = int | Sequence[int]
DisconnectAfter = Literal["start", "request"] | int | tuple[Literal["request"], int]
NAMES = ("chunks", "disconnect_after", "bandwidth")
LEFT = 499  # nginx's status for a client that left before the response began


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The checked options of one client or request. `download` and `upload` are bytes until the client leaves."""

    chunks: Chunks | None = None
    disconnect_after: DisconnectAfter | None = None
    bandwidth: float | None = None

    def __post_init__(self) -> None:
        chunks: object = self.chunks
        if not (chunks is None or _is_count(chunks, 1) or _are_counts(chunks)):
            raise ValueError(f"chunks is a number of bytes from 1, or the sizes of the pieces, not {chunks!r}")
        after: object = self.disconnect_after
        if not (after in (None, "start", "request") or _is_count(after, 0) or _is_upload(after)):
            raise ValueError(
                "disconnect_after is 'start', a number of bytes of the response, 'request' or ('request', bytes), "
                f"not {after!r}"
            )
        speed: object = self.bandwidth
        if speed is not None and not (isinstance(speed, int | float) and speed > 0):
            raise ValueError(f"bandwidth is a number of bytes a second above 0, not {speed!r}")

    @property
    def download(self) -> int | None:
        """Bytes of the response after which the client leaves; "start" is 0."""
        after = self.disconnect_after
        return 0 if after == "start" else after if isinstance(after, int) else None

    @property
    def upload(self) -> float | None:
        """Bytes of the request after which the client leaves; infinite for its end."""
        after = self.disconnect_after
        return inf if after == "request" else after[1] if isinstance(after, tuple) else None


def faults_of(defaults: Faults | None, extensions: Mapping[str, Any]) -> Faults | None:
    """Return the faults of a request: its extensions, then those of the client. Raises ValueError."""
    own = {name: extensions[name] for name in NAMES if name in extensions}
    if not own:
        return defaults
    return Faults(**{name: getattr(defaults, name, None) for name in NAMES} | own)


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _are_counts(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes) and all(_is_count(n, 0) for n in value)


def _is_upload(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and value[0] == "request" and _is_count(value[1], 0)
