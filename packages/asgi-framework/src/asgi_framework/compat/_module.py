"""A module whose names live elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from ._contents import ALL, MODULES, REFUSED, REQUIRED, VERSION


class Alias(ModuleType):
    """A module that reads, sets and deletes its names where they live, so that there is one of each.

    The names are looked up when they are used: importing the module imports nothing. Names that it does not hand on,
    such as its submodules, are its own.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, f"Backed by asgi_framework: see {__package__}.")
        self.__all__ = ALL[name]
        if name == "starlette":
            self.__version__ = VERSION

    @property
    def __dict__(self) -> Mapping[str, Any]:  # type: ignore[override]
        return _Names(self)

    def require(self) -> None:
        """Import the home of a module whose import fails without an extra; raises that ImportError."""
        if self.__name__ in REQUIRED:
            import_module(REQUIRED[self.__name__])

    def __getattr__(self, name: str) -> Any:
        home = MODULES[self.__name__].get(name)
        if home is not None:
            module, attribute = home
            # Not import_module at once: FastAPI asks for some names with every request.
            return getattr(sys.modules.get(module) or import_module(module), attribute)
        reason = REFUSED.get(self.__name__, {}).get(name)
        raise AttributeError(
            f"module {self.__name__!r} has no attribute {name!r}" + (f": {reason}" if reason else ""),
            name=name,
            obj=self,
        )

    def __setattr__(self, name: str, value: Any) -> None:
        home = MODULES[self.__name__].get(name)
        if home is None:
            super().__setattr__(name, value)
        else:
            module, attribute = home
            setattr(import_module(module), attribute, value)

    def __delattr__(self, name: str) -> None:
        home = MODULES[self.__name__].get(name)
        if home is None:
            super().__delattr__(name)
        else:
            module, attribute = home
            delattr(import_module(module), attribute)

    def __dir__(self) -> list[str]:
        return sorted(self.__dict__)

    def __repr__(self) -> str:
        return f"<module {self.__name__!r} from asgi_framework>"


_own_names: Any = vars(ModuleType)["__dict__"].__get__


class _Names(Mapping[str, Any]):
    """The `vars()` of an alias: those who patch a name look there for what they are to put back."""

    def __init__(self, alias: Alias) -> None:
        self._alias = alias
        self._keys = dict.fromkeys([*_own_names(alias), *MODULES[alias.__name__]])

    def __getitem__(self, name: str) -> Any:
        if name not in self._keys:
            raise KeyError(name)
        try:
            return getattr(self._alias, name)
        except AttributeError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)
