"""Event loops: the one of a test, or one in a thread of its own, asyncio or trio."""
