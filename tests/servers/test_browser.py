"""The pinboard in a real browser: what a person sees of it, and what moves without a reload."""

from __future__ import annotations

import httpx
import pytest

pytest.importorskip("websockets", reason="pip install websockets")


@pytest.fixture
def board(start, free_port, examples, tmp_path):
    return start(examples / "pinboard", "--port", free_port, "--data", tmp_path / "data", port=free_port)


@pytest.fixture
def picture(tmp_path):
    """A small GIF of one colour."""
    path = tmp_path / "picture.gif"
    path.write_bytes(
        b"GIF89a\x02\x00\x02\x00\x80\x00\x00\xb4G-\xff\xff\xff,\x00\x00\x00\x00\x02\x00\x02\x00\x00\x02\x02\x84Q\x00;"
    )
    return path


def test_the_board_shows_itself_without_an_error(browser, board):
    page = browser.open(board.url + "/")
    page.wait_for("document.title == 'Pinboard' && document.getElementById('here').textContent == '1 here'")
    assert page.run("document.querySelector('.empty').textContent") == "Nothing is pinned yet."
    assert page.run("getComputedStyle(document.body).maxWidth") != "none"
    assert page.errors == []


def test_a_note_is_pinned_through_the_form(browser, board, picture):
    page = browser.open(board.url + "/")
    page.write("input[name=author]", "Ada")
    page.write("textarea[name=text]", "Tea at <four>")
    page.choose_file("input[name=picture]", picture)
    page.click("form[enctype] button")
    page.wait_for("document.querySelector('.flash')?.textContent == 'Pinned.'")
    assert page.run("document.querySelector('.note p').textContent") == "Tea at <four>"
    assert page.run("document.querySelector('input[name=author]').value") == "Ada"
    page.wait_for("document.querySelector('.note img').naturalWidth == 2")
    page.go(board.url + "/")
    assert page.run("document.querySelectorAll('.note').length") == 1
    assert page.run("document.querySelector('.flash')") is None
    assert page.errors == []


def test_a_note_of_somebody_else_appears_and_vanishes(browser, board):
    page = browser.open(board.url + "/")
    page.run("window.loaded = 'once'")
    made = httpx.post(board.url + "/api/notes", json={"author": "Bob", "text": "from afar"}, timeout=60)
    page.wait_for("document.querySelector('.note p')?.textContent == 'from afar'")
    assert page.run("document.querySelector('.empty')") is None
    httpx.delete(made.headers["location"], timeout=60)
    page.wait_for("document.querySelector('.note') == null")
    assert page.run("window.loaded") == "once"
    assert page.errors == []


def test_what_was_missed_is_caught_up_with(browser, board):
    """Between the page and its stream, or while a lid was shut, notes came and went."""
    page = browser.open(board.url + "/")
    page.wait_for("performance.getEntriesByType('resource').some(entry => entry.name.endsWith('/api/notes'))")
    gone = httpx.post(board.url + "/api/notes", json={"author": "Bob", "text": "gone"}, timeout=60)
    page.wait_for("document.querySelector('.note p')?.textContent == 'gone'")
    page.run("events.close()")
    httpx.delete(gone.headers["location"], timeout=60)
    httpx.post(board.url + "/api/notes", json={"author": "Bob", "text": "missed"}, timeout=60)
    page.run("events.dispatchEvent(new Event('open'))")
    page.wait_for("document.querySelector('.note p')?.textContent == 'missed'")
    assert page.run("document.querySelectorAll('.note').length") == 1
    assert page.errors == []


def test_what_happens_while_the_page_catches_up_is_not_undone(browser, board):
    """The notes that it fetches are older than the events that come meanwhile."""
    page = browser.open(board.url + "/")
    page.wait_for("performance.getEntriesByType('resource').some(entry => entry.name.endsWith('/api/notes'))")
    old = httpx.post(board.url + "/api/notes", json={"author": "Bob", "text": "old"}, timeout=60)
    page.wait_for("document.querySelector('.note p')?.textContent == 'old'")
    page.run(
        "const fetched = window.fetch; window.fetch = async (url) => { const answer = await fetched(url);"
        " await new Promise((done) => { window.release = done; }); return answer; }; window.seen = 0;"
        " for (const kind of ['note', 'removed']) events.addEventListener(kind, () => { window.seen += 1; })"
    )
    page.run("events.dispatchEvent(new Event('open'))")
    page.wait_for("!!window.release")
    httpx.delete(old.headers["location"], timeout=60)
    httpx.post(board.url + "/api/notes", json={"author": "Bob", "text": "new"}, timeout=60)
    page.wait_for("window.seen == 2")
    page.run("window.release()")
    page.wait_for("[...document.querySelectorAll('.note p')].map((text) => text.textContent).join() == 'new'")
    assert page.errors == []


def test_two_pages_talk(browser, board):
    ada = browser.open(board.url + "/")
    ada.wait_for("document.getElementById('here').textContent == '1 here'")
    bob = browser.open(board.url + "/")
    for page in (ada, bob):
        page.wait_for("document.getElementById('here').textContent == '2 here'")
    ada.write("#say input", "good <morning>")
    ada.press_enter()
    for page in (ada, bob):
        page.wait_for("document.querySelector('#said li:last-child').textContent == 'somebody: good <morning>'")
        assert page.errors == []


def test_an_error_has_a_page_that_leads_back(browser, board):
    page = browser.open(board.url + "/nowhere")
    assert page.run("document.querySelector('main h2').textContent") == "Nothing is pinned here"
    assert page.run("getComputedStyle(document.querySelector('.card')).borderTopStyle") == "solid"
    assert [error for error in page.errors if "404" not in error] == []
    page.click("main a")
    page.wait_for("document.title == 'Pinboard'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window_and_all_can_be_read(browser, board, scheme, width):
    text = "https://example.org/a-word-that-has-no-end-" + "x" * 120
    httpx.post(board.url + "/api/notes", json={"author": "Ada " * 10, "text": text}, timeout=60)
    page = browser.open(board.url + "/", width=width, scheme=scheme)
    assert page.run("document.documentElement.scrollWidth") <= width
    dark = page.run("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every(part => part < 80)")
    assert dark is (scheme == "dark")
