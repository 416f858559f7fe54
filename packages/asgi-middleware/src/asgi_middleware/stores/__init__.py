"""State that the workers of an application share: bytes under a key, for a time.

    from asgi_middleware.stores import MemoryStore, RedisStore, SQLiteStore

    store = MemoryStore()                       # one process
    store = SQLiteStore("state.db")             # several processes of one machine
    store = RedisStore("redis://localhost")     # several machines: pip install asgi-middleware[redis] or [valkey]

A `Store` is a protocol: a class of your own with these methods does as well. What must be atomic is one call.
"""

from __future__ import annotations

from ._base import ANYTHING, Store
from ._limits import Limit, LimitState, Spent
from ._memory import MemoryStore
from ._redis import RedisStore
from ._sqlite import SQLiteStore

__all__ = ["ANYTHING", "Limit", "LimitState", "MemoryStore", "RedisStore", "SQLiteStore", "Spent", "Store"]
