"""The ASGI interface is written once and copied: the five copies are one text."""

from __future__ import annotations


def test_the_types_are_the_same_bytes_in_every_package(packages):
    assert len({(package.source / "_types.py").read_bytes() for package in packages}) == 1


def test_the_types_stay_a_dozen_lines(packages):
    assert len((packages[0].source / "_types.py").read_text().splitlines()) <= 20
