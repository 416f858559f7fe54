"""State shared by the workers of an application: bytes under a key, with an expiry.

    from asgi_middleware.stores import MemoryStore, RedisStore, SQLiteStore

    store = MemoryStore()                       # one process
    store = SQLiteStore("state.db")             # several processes of one machine
    store = RedisStore("redis://localhost")     # several machines: pip install asgi-middleware[redis] or [valkey]

A `Store` is a protocol: a class of your own with these methods works as well. Each operation that must be atomic is a
single call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._late import late_names

if TYPE_CHECKING:
    from ._base import ANYTHING, Store
    from ._limits import Limit, LimitState, Spent
    from ._memory import MemoryStore
    from ._redis import RedisStore
    from ._sqlite import SQLiteStore

__all__ = ["ANYTHING", "Limit", "LimitState", "MemoryStore", "RedisStore", "SQLiteStore", "Spent", "Store"]

__getattr__, __dir__ = late_names(
    __name__,
    {
        "ANYTHING": "_base",
        "Store": "_base",
        "Limit": "_limits",
        "LimitState": "_limits",
        "Spent": "_limits",
        "MemoryStore": "_memory",
        "RedisStore": "_redis",
        "SQLiteStore": "_sqlite",
    },
)
