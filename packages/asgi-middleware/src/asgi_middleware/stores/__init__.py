"""State shared by the workers of an application: bytes under a key, with an expiry.

    from asgi_middleware.stores import MemoryStore, RedisStore, SQLiteStore

    store = MemoryStore()                       # one process
    store = SQLiteStore("state.db")             # several processes of one machine
    store = RedisStore("redis://localhost")     # several machines: pip install asgi-middleware[redis] or [valkey]

A `Store` is a protocol: a class of your own with these methods works as well. Each operation that must be atomic is a
single call.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._base import ANYTHING, Store
    from ._limits import Limit, LimitState, Spent
    from ._memory import MemoryStore
    from ._redis import RedisStore
    from ._sqlite import SQLiteStore

__all__ = ["ANYTHING", "Limit", "LimitState", "MemoryStore", "RedisStore", "SQLiteStore", "Spent", "Store"]

# Imported when they are first used.
_MODULES = {
    "ANYTHING": "_base",
    "Store": "_base",
    "Limit": "_limits",
    "LimitState": "_limits",
    "Spent": "_limits",
    "MemoryStore": "_memory",
    "RedisStore": "_redis",
    "SQLiteStore": "_sqlite",
}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
