"""Calls of an application as a server makes them: one object for each request, WebSocket or lifespan."""
