"""Classes with `__slots__` save the dict of each object: a base without them would bring it back."""

from __future__ import annotations

from importlib import import_module

# Programs replace its methods and give it attributes; its slots are what every message reads.
WITH_A_DICT = {"WebSocket"}


def test_an_object_of_a_class_with_slots_has_no_dict(package):
    with_slots, with_dict = [], []
    for path in package.files:
        if path.stem in ("__init__", "__main__"):
            continue
        module = import_module(".".join(path.relative_to(package.source.parent).with_suffix("").parts))
        for name, value in vars(module).items():
            if isinstance(value, type) and value.__module__ == module.__name__ and "__slots__" in vars(value):
                with_slots.append(name)
                with_dict += [name] * bool(value.__dictoffset__)
    assert with_slots
    assert set(with_dict) <= WITH_A_DICT
