"""The clients and their transports. `_sync` is generated from `_async`: see unasync.py."""
