"""Files that are written once and copied: the copies are one text."""

from __future__ import annotations


def test_the_types_are_the_same_bytes_in_every_package(packages):
    assert len({(package.source / "types.py").read_bytes() for package in packages}) == 1


def test_the_types_stay_a_dozen_lines(packages):
    assert len((packages[0].source / "types.py").read_text().splitlines()) <= 20


def test_the_grammar_of_a_host_is_the_same_bytes_wherever_it_stands(packages):
    copies = [package.source / "_host.py" for package in packages if (package.source / "_host.py").exists()]
    assert len(copies) == 3
    assert len({copy.read_bytes() for copy in copies}) == 1
