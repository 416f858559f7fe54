"""The same notes as JSON, for programs: errors are problem details (RFC 9457)."""

from __future__ import annotations

import json

from pages import LONGEST, LONGEST_NAME, after_pinning
from problems import Invalid, Problem

from asgi_framework import BackgroundTask, HTTPEndpoint, JSONResponse, Request, Response
from asgi_requests.sse import ServerSentEvent


def validated(note: object) -> tuple[str, str]:
    """Author and text of a note that was sent; raises Invalid."""
    if not isinstance(note, dict):
        raise Invalid({"": "a note is a JSON object"})
    errors = {}
    for field, longest in (("author", LONGEST_NAME), ("text", LONGEST)):
        value = note.get(field)
        if not isinstance(value, str) or not value.strip():
            errors[field] = "a text is required"
        elif len(value) > longest:
            errors[field] = f"at most {longest} characters, not {len(value)}"
    if errors:
        raise Invalid(errors)
    return note["author"].strip(), note["text"].strip()


class Notes(HTTPEndpoint):
    """/api/notes"""

    async def get(self, request: Request) -> Response:
        return JSONResponse([note.as_dict() for note in await request.state.store.notes()])

    async def post(self, request: Request) -> Response:
        try:
            sent = await request.json()
        except json.JSONDecodeError as exc:
            raise Invalid({"": f"not JSON: {exc}"}) from exc
        note = await request.state.store.add(*validated(sent))
        location = request.url_for("api:note", id=note.id)
        background = BackgroundTask(after_pinning, request, note)
        return JSONResponse(note.as_dict(), 201, {"location": str(location)}, background=background)


class Note(HTTPEndpoint):
    """/api/notes/{id}"""

    async def get(self, request: Request) -> Response:
        note = await request.state.store.note(request.path_params["id"])
        if note is None:
            return Problem(404, "There is no such note")
        return JSONResponse(note.as_dict())

    async def delete(self, request: Request) -> Response:
        if not await request.state.store.remove(request.path_params["id"]):
            return Problem(404, "There is no such note")
        request.state.news.publish(ServerSentEvent({"id": request.path_params["id"]}, event="removed"))
        return Response(status_code=204)
