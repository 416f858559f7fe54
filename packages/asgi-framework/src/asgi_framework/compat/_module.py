"""A module whose names are defined in other modules."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from . import _names
from ._contents import ALL, MODULES, REFUSED, REQUIRED, VERSION
from ._library import LIBRARY


class Alias(ModuleType):
    """A module that reads, sets and deletes its names in the modules that define them, so that each exists once.

    Names are looked up when they are used: importing the module imports nothing else. Other names, such as those of
    submodules and those that programs set, are its own. Each module has a class of its own, made by `alias`.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, f"Backed by asgi_framework: see {__package__}.")
        self.__all__ = ALL[name]
        # Tools such as reloaders and coverage look at the file of every module, so it has to exist.
        self.__file__ = _names.__file__
        # Of the module (PEP 562) instead of its class, which would slow down every other name.
        super().__setattr__("__getattr__", self._find)
        if name == "starlette":
            self.__version__ = VERSION

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        return _Names(self)

    def require(self) -> None:
        """Import the module behind this one if it needs an extra; raises its ImportError."""
        if self.__name__ in REQUIRED:
            import_module(REQUIRED[self.__name__])

    def _find(self, name: str) -> Any:
        """Return a submodule, or a name that Starlette's module imports."""
        if f"{self.__name__}.{name}" in MODULES:
            return self._imported(name, f"{self.__name__}.{name}", "")
        if name in LIBRARY.get(self.__name__, ()):
            return self._imported(name, *LIBRARY[self.__name__][name])
        reason = REFUSED.get(self.__name__, {}).get(name)
        raise AttributeError(
            f"module {self.__name__!r} has no attribute {name!r}" + (f": {reason}" if reason else ""),
            name=name,
            obj=self,
        )

    def _imported(self, name: str, module: str, attribute: str) -> Any:
        """Return a module, or an attribute of it; raises AttributeError if it cannot be imported."""
        try:
            origin = import_module(module)
        except ImportError as exc:
            message = f"module {self.__name__!r} has no attribute {name!r}: {module} cannot be imported"
            raise AttributeError(message, name=name, obj=self) from exc
        return getattr(origin, attribute) if attribute else origin

    def __dir__(self) -> list[str]:
        return sorted({*_own_names(self), *MODULES[self.__name__], *LIBRARY.get(self.__name__, ())})

    def __repr__(self) -> str:
        return f"<module {self.__name__!r} from asgi_framework>"


def alias(name: str) -> Alias:
    """Return the module of that name, of a class that has a property for each of its names."""
    # FastAPI reads names for every request: a property takes a sixth of the time of `__getattr__`.
    names = {attribute: _defined_in(*home) for attribute, home in MODULES[name].items()}
    made: Alias = type("Alias", (Alias,), names)(name)
    return made


def _defined_in(module: str, attribute: str) -> property:
    """Return a property that is an attribute of another module, imported when it is first read or set."""

    def read(alias: Alias) -> Any:
        # import_module takes ten times as long.
        return getattr(sys.modules.get(module) or import_module(module), attribute)

    def write(alias: Alias, value: Any) -> None:
        setattr(import_module(module), attribute, value)

    def delete(alias: Alias) -> None:
        delattr(import_module(module), attribute)

    return property(read, write, delete)


_own_names: Any = vars(ModuleType)["__dict__"].__get__


class _Names(dict[str, Any]):
    """The `vars()` of an alias: a snapshot of its names, whose changes reach the modules that define them.

    It is a dict because tools copy, merge and patch the `vars()` of any module.
    """

    def __init__(self, alias: Alias) -> None:
        super().__init__()
        self._alias = alias
        super().update(_own_names(alias))
        for name, (module, attribute) in {**LIBRARY.get(alias.__name__, {}), **MODULES[alias.__name__]}.items():
            try:
                home = import_module(module)
            except ImportError:
                continue
            # A name that a program has deleted is left out, and so is one for which a module has a __getattr__, which
            # may warn of it.
            if not attribute:
                super().setdefault(name, home)
            elif attribute in vars(home):
                super().setdefault(name, vars(home)[attribute])

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self._alias, name, value)
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        try:
            delattr(self._alias, name)
        except AttributeError:
            pass  # a name of the library, which is found there again at the next lookup

    def clear(self) -> None:
        """Delete all names except dunder names; `mock.patch.dict` does so before it restores them."""
        for name in [name for name in self if not name.startswith("__")]:
            del self[name]

    def pop(self, name: str, *default: Any) -> Any:
        """Delete a name and return its value, or the default; raises KeyError if there is neither."""
        if name not in self:
            return super().pop(name, *default)
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Delete the last name and return it with its value."""
        name = next(reversed(self))
        return name, self.pop(name)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return the value of a name, which is set if there is none."""
        if name not in self:
            self[name] = default
        return self[name]

    def update(self, *values: Any, **names: Any) -> None:
        """Set some names."""
        for name, value in dict(*values, **names).items():
            self[name] = value

    def __ior__(self, values: Any) -> _Names:  # type: ignore[override,misc]
        self.update(values)
        return self
