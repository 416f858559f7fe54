"""Sources, tests, READMEs and documentation are in plain English of the field: none of the phrases of plain_words.txt."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("plain_words.txt")


def phrases() -> list[tuple[re.Pattern[str], str]]:
    """Return the regular expressions of the list, in which a space matches a line break, too."""
    found = []
    for line in LIST.read_text().splitlines():
        if line and not line.startswith("#"):
            phrase, advice = re.split(r" {2,}", line, maxsplit=1)
            found.append((re.compile(phrase.replace(" ", r"\s"), re.IGNORECASE), advice))
    return found


PHRASES = phrases()


def places(text: str) -> list[str]:
    """Return the phrases of the list that stand in a text, with their lines and the advice."""
    text = re.sub(r"\n[ \t]*(?:# )?", "\n", text)
    return [
        f"{text.count(chr(10), 0, found.start()) + 1}: {' '.join(found[0].split())!r}, write {advice}"
        for phrase, advice in PHRASES
        for found in phrase.finditer(text)
    ]


def named(text: str) -> str:
    """Return a text with the words of its functions' names apart."""
    return re.sub(r"(?<=def )\w+", lambda found: found[0].replace("_", " "), text)


def test_no_phrase_of_the_list_is_used(root):
    paths = [
        *root.glob("packages/*/src/**/*.py"),
        *(path for path in root.glob("tests/**/*.py") if path != Path(__file__)),
        *root.glob("packages/*/README.md"),
        *root.glob("docs/**/*.md"),
        *root.glob("*.md"),
    ]
    assert len(paths) > 700
    assert [f"{path.relative_to(root)}:{place}" for path in paths for place in places(named(path.read_text()))] == []


@pytest.mark.parametrize(
    "text",
    [
        "It is no token.",
        "Nobody waits.",
        "It is told\n    # of it.",
        "This is\n    no response",
        "She hands it on.",
        "FOR EVER",
        "def test_what_is_no_token(): ...",
    ],
)
def test_a_phrase_is_found_across_lines_and_in_any_case(text):
    assert places(named(text))


@pytest.mark.parametrize(
    "text",
    [
        "There is no route.",
        "It is no longer needed.",
        "It is\n# no more than 5.",
        "write it by hand on the line",
        "forever",
    ],
)
def test_plain_english_is_not_refused(text):
    assert places(text) == []
