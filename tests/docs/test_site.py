"""The documentation site, as a reader uses it: in a browser, on a phone, with search, links and a dark room."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

pytest.importorskip("zensical", reason="the site is built by Zensical: hatch run docs:test")

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path.with_name("index.md" if path.name == "README.md" else path.name).relative_to(ROOT / "docs").with_suffix(".html").as_posix()
    for path in (ROOT / "docs").rglob("*.md")
)  # fmt: skip
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
# The parts of a page that are wider than the window and cannot be scrolled by themselves.
SPILT = """
[...document.querySelectorAll('.md-content *, .md-header *, .md-footer *')].filter(element => {
    if (element.getBoundingClientRect().right <= innerWidth + 1 || !element.offsetParent) return false
    for (let outer = element; outer && outer != document.body; outer = outer.parentElement)
        if (['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(outer).overflowX)) return false
    return true
}).map(element => element.tagName + ' ' + element.textContent.trim().slice(0, 60))
"""
RESULTS = "document.activeElement.shadowRoot?.querySelectorAll('[role=listbox] a')"


class Parsed(HTMLParser):
    """The ids of a page, what it links to and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.add(values["href"])
        if tag in LOADED and LOADED[tag] in values and values.get("rel") not in ("canonical", "prev", "next"):
            self.loads.add(values[LOADED[tag]])


@pytest.fixture(scope="session")
def parsed(site):
    return {path.relative_to(site.folder).as_posix(): Parsed(path) for path in site.folder.rglob("*.html")}


def test_every_page_is_built_and_there_is_one_for_what_is_not_there(parsed):
    assert sorted(parsed) == sorted([*PAGES, "404.html"])


def test_every_internal_link_leads_to_a_page_and_an_anchor_that_exist(site, parsed):
    dead = []
    for name, page in parsed.items():
        for link in page.links | page.loads:
            target, fragment = urldefrag(urljoin(f"http://site/{name}", link))
            parts = urlsplit(target)
            if parts.netloc != "site":
                continue
            path = unquote(parts.path).lstrip("/")
            path = f"{path}index.html" if path == "" or path.endswith("/") else path
            if not (site.folder / path).is_file() or (fragment and unquote(fragment) not in parsed[path].ids):
                dead.append(f"{name}: {link}")
    assert dead == []


def test_nothing_is_loaded_from_another_host(parsed):
    assert {load for page in parsed.values() for load in page.loads if urlsplit(load).netloc} == set()


def test_every_public_name_has_its_place_in_the_reference(parsed):
    griffe = pytest.importorskip("griffe")
    places = {place.rpartition(".")[2] for page in parsed.values() for place in page.ids if place.startswith("asgi_")}
    loader = griffe.GriffeLoader(search_paths=sorted(ROOT.glob("packages/*/src")))
    for page in (ROOT / "docs" / "reference").glob("*.md"):
        loader.load(page.stem.replace("-", "_"))
    loader.resolve_aliases(external=False)
    missing = []
    for page in (ROOT / "docs" / "reference").glob("*.md"):
        for module in re.findall(r"^::: (\S+)$", page.read_text(), re.MULTILINE):
            public = loader.modules_collection[module]
            for name in map(str, public.exports or ()):
                if not name.startswith("_") and public[name].kind.value in ("class", "function") and name not in places:
                    missing.append(f"{module}.{name}")
    assert missing == []


@pytest.mark.parametrize("name", [*PAGES, "no/such/page.html"])
def test_a_page_is_whole_on_a_phone_and_on_a_desk(browser, site, name):
    page = browser.open("about:blank", width=390, height=800)
    page.call("Page.navigate", url=f"{site.url}/{name}")
    page.wait_for(f"document.readyState == 'complete' && location.href == '{site.url}/{name}'")
    for width in (390, 1280):
        page.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600
        )
        page.wait_for(f"innerWidth == {width}")
        assert page.run("document.documentElement.scrollWidth") <= width
        assert page.run(SPILT) == []
    assert page.run("document.querySelectorAll('.md-content h1').length") == 1
    if name in PAGES:
        assert page.errors == []
    assert {urlsplit(url).netloc for url in page.requests if url.startswith("http")} == {urlsplit(site.url).netloc}
    page.close()


def test_search_finds_cors_credentials(browser, site):
    page = browser.open(f"{site.url}/index.html")
    page.click(".md-search__button")
    page.wait_for("document.activeElement.shadowRoot?.activeElement?.matches('input')")
    page.call("Input.insertText", text="cors credentials")
    page.wait_for(f"{RESULTS}.length > 0")
    found = page.run(f"[...{RESULTS}].map(link => link.getAttribute('href') + ' ' + link.innerText)")
    assert "/security.html?h=cors+credentials#cors-with-credentials CORS with credentials" in found[0]
    assert any("#asgi_middleware.cors.CORSMiddleware CORSMiddleware" in result for result in found)
    page.press_enter()
    page.wait_for("location.pathname == '/security.html' && location.hash == '#cors-with-credentials'")
    assert page.errors == []
    page.close()


@pytest.mark.parametrize(
    "copied",
    [
        "from contextlib import asynccontextmanager\n\nfrom asgi_framework import",
        "uvicorn shop:app --port 8000 &\ncurl http://127.0.0.1:8000/items/tea --silent\n\ncurl",
    ],
    ids=["file", "console"],
)
def test_a_block_of_code_is_copied_without_prompts_and_output(browser, site, copied):
    page = browser.open(f"{site.url}/tutorials/framework.html")
    page.allow_clipboard()
    page.wait_for("document.querySelector('.md-code__button') != null")
    first = copied.partition("\n")[0]
    block = f"[...document.querySelectorAll('.highlight')].find(block => block.innerText.includes({first!r}))"
    page.run(f"{block}.querySelector('.md-code__button').id = 'copy'")
    page.click("#copy")
    page.wait_for("document.querySelector('.md-dialog').innerText != ''")
    text = page.run("navigator.clipboard.readText()")
    assert text.startswith(copied)
    assert "$" not in text
    page.close()


@pytest.mark.parametrize(("scheme", "other"), [("light", "dark"), ("dark", "light")])
def test_the_colours_are_those_of_the_system_until_the_reader_chooses(browser, site, scheme, other):
    schemes = {"light": "default", "dark": "slate"}
    page = browser.open(f"{site.url}/index.html", scheme=scheme)
    page.wait_for(f"document.body.getAttribute('data-md-color-scheme') == '{schemes[scheme]}'")
    before = page.run("getComputedStyle(document.body).backgroundColor")
    page.click("label[for^=__palette]:not([hidden])")
    page.wait_for(f"document.body.getAttribute('data-md-color-scheme') == '{schemes[other]}'")
    assert page.run("getComputedStyle(document.body).backgroundColor") != before
    page.go(f"{site.url}/security.html")
    page.wait_for(f"document.body.getAttribute('data-md-color-scheme') == '{schemes[other]}'")
    page.close()


@pytest.mark.parametrize(
    "broken",
    [
        "[a page](nowhere.md)",
        "[an anchor](other.md#nowhere)",
        "::: asgi_routing.nowhere",
        "[a name][asgi_routing.nowhere]",
    ],
    ids=["page", "anchor", "module", "name"],
)
def test_a_broken_reference_stops_the_build(trial, broken):
    result = trial(broken)
    assert result.returncode == 1, result.stdout


def test_two_pages_without_a_fault_are_built(trial):
    result = trial("[the other](other.md#part)\n\n::: asgi_routing.exceptions")
    assert result.returncode == 0, result.stdout + result.stderr
