"""Pages for a browser: the board, its form, its pictures and its error pages."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from problems import Problem
from store import Note

from asgi_framework import (
    BackgroundTask,
    FileResponse,
    HTTPException,
    Jinja2Templates,
    RedirectResponse,
    Request,
    Response,
    UploadFile,
    run_in_threadpool,
)
from asgi_requests.sse import ServerSentEvent

templates = Jinja2Templates(Path(__file__).parent / "templates")

PICTURES = {
    b"\x89PNG\r\n\x1a\n": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"GIF8": ".gif",
    b"RIFF....WEBP": ".webp",  # a dot stands for any byte
}
LONGEST_NAME, LONGEST = 60, 500
REFUSALS = {
    404: ("Nothing is pinned here", "Perhaps it was once, or the address has a slip in it."),
    413: ("That is too large", "The board takes up to five megabytes at a time."),
    415: ("That is no picture", ""),
}


async def index(request: Request) -> Response:
    store, session = request.state.store, await request.session.load()
    context = {
        "notes": await store.notes(),
        "words": await store.top_words(),
        "author": session.get("author", ""),
        "pinned": session.get("pinned", 0),
        "flash": session.pop("flash", None),
        "longest": LONGEST,
    }
    return templates.TemplateResponse(request, "board.html", context)


async def pin(request: Request) -> Response:
    """Keep a note, and its picture if there is one; then back to the board (303: a reload posts nothing twice)."""
    session = await request.session.load()
    async with request.form(max_files=1) as form:
        author, text = str(form.get("author", "")).strip(), str(form.get("text", "")).strip().replace("\r\n", "\n")
        upload = form.get("picture")
        if not (0 < len(author) <= LONGEST_NAME and 0 < len(text) <= LONGEST):
            session["flash"] = f"A note wants a name and a text of at most {LONGEST} characters."
            return RedirectResponse(request.url_for("index"), status_code=303)
        picture = await keep(upload, request.state.pictures) if isinstance(upload, UploadFile) and upload.size else None
    note = await request.state.store.add(author, text, picture)
    session.update(author=author, pinned=session.get("pinned", 0) + 1, flash="Pinned.")
    return RedirectResponse(
        request.url_for("index"), status_code=303, background=BackgroundTask(after_pinning, request, note)
    )


async def after_pinning(request: Request, note: Note) -> None:
    """Tell the other browsers and count the words, once the browser has its answer."""
    request.state.news.publish(ServerSentEvent(note.as_dict(), event="note"))
    await request.state.store.count_words(note.text)


async def keep(upload: UploadFile, folder: Path) -> str:
    """Write a picture under a name of our own; what the client calls it is never a path (and its type is looked at)."""
    head = await upload.read(12)
    suffix = next((suffix for magic, suffix in PICTURES.items() if re.match(magic, head, re.DOTALL)), None)
    if suffix is None:
        raise HTTPException(415, "A picture is a PNG, JPEG, GIF or WebP file.")
    name = secrets.token_hex(8) + suffix
    content = head + await upload.read()
    folder.mkdir(exist_ok=True)
    await run_in_threadpool((folder / name).write_bytes, content)
    return name


async def picture(request: Request) -> Response:
    path = request.state.pictures / Path(request.path_params["name"]).name
    if not path.is_file():
        raise HTTPException(404)
    headers = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}
    return FileResponse(path, headers=headers)


async def refused(request: Request, exc: HTTPException) -> Response:
    """Every HTTPException, also the framework's own: a page for people, a problem for programs."""
    if request.url.path.startswith("/api/"):
        return Problem(exc.status_code, exc.detail, exc.headers)
    title, text = REFUSALS.get(exc.status_code, (exc.detail, ""))
    return error_page(request, exc.status_code, title, text or exc.detail, exc.headers)


async def broken(request: Request, exc: Exception) -> Response:
    if request.url.path.startswith("/api/"):
        return Problem(500, "Something broke; the log of the server says what")
    return error_page(request, 500, "A pin fell out", "The error is in the log of the server.")


def error_page(
    request: Request, status: int, title: str, text: str, headers: Mapping[str, str] | None = None
) -> Response:
    context = {"status": status, "title": title, "text": text}
    return templates.TemplateResponse(request, "error.html", context, status_code=status, headers=headers)
