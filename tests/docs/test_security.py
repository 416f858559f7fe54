"""The page about security: every middleware says what it protects and what it does not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_middleware_says_what_it_protects_and_what_it_does_not():
    table = (ROOT / "docs" / "security.md").read_text().partition("## Middleware by middleware")[2]
    rows = [row.split("|")[1:-1] for row in re.findall(r"^\| `.*\|$", table, re.MULTILINE)]
    assert all(cell.strip() for row in rows for cell in row)
    classes = {
        node.name
        for path in ROOT.glob("packages/asgi-middleware/src/asgi_middleware/**/*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and re.fullmatch(r"[A-Z]\w+Middleware", node.name)
    }
    assert {name for row in rows for name in re.findall(r"`(\w+Middleware)`", row[0])} == classes
