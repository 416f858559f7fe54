"""Errors as RFC 9457 has them: application/problem+json."""

from __future__ import annotations

from collections.abc import Mapping

from asgi_framework import JSONResponse, Request, Response


class Problem(JSONResponse):
    media_type = "application/problem+json"

    def __init__(self, status: int, title: str, headers: Mapping[str, str] | None = None, **more: object) -> None:
        super().__init__({"title": title, "status": status, **more}, status, headers)


class Invalid(Exception):
    """An invalid note; `errors` says why, field by field."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(errors)
        self.errors = errors


async def invalid(request: Request, exc: Invalid) -> Response:
    return Problem(422, "That is not a note", errors=exc.errors)
