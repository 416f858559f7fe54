"""Installation of the modules named starlette."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from asgi_requests.forms import FormTooLarge

from ._contents import MODULES
from ._module import Alias, alias


class Finder(MetaPathFinder, Loader):
    """A finder of the modules named starlette, each an Alias; it comes before the path."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in MODULES:
            return None
        is_package = any(name.startswith(fullname + ".") for name in MODULES)
        return ModuleSpec(fullname, self, origin=__package__, is_package=is_package)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return alias(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Import a module that needs an extra, so that the ImportError is raised here and names the extra."""
        assert isinstance(module, Alias)
        module.require()


def install_as_starlette() -> None:
    """Make `import starlette` and its modules return the objects of these packages; a second call does nothing.

    A package of that name may call it while it is being imported, and is then replaced. Raises RuntimeError if
    Starlette itself is already imported: `isinstance` would fail between the two sets of classes.
    """
    loaded = [name for name in MODULES if sys.modules.get(name) is not None]
    foreign = [name for name in loaded if not isinstance(sys.modules[name], Alias)]
    if foreign and not (foreign == ["starlette"] and _is_calling(sys.modules["starlette"])):
        origin = getattr(sys.modules[foreign[0]], "__file__", None)
        raise RuntimeError(
            f"Starlette itself is already imported ({', '.join(foreign)}; {origin}): call "
            "asgi_framework.compat.install_as_starlette() before the first import of starlette, "
            "or of anything that imports it"
        )
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())  # before the path, where Starlette itself may be installed
        # Starlette answers every invalid form with 400; by default one that is too large gets 413.
        FormTooLarge.status = 400
    if foreign:
        _replace(sys.modules["starlette"])


def _is_calling(module: ModuleType) -> bool:
    """Return whether a module is still being imported: a package of that name may call from its `__init__`."""
    return bool(getattr(module.__spec__, "_initializing", False))


def _replace(shim: ModuleType) -> None:
    """Replace a package while it is being imported; its path is kept, so that its other modules can be imported."""
    # The import system looks the module up again when its code has run, and returns what it finds in sys.modules.
    module = alias("starlette")
    module.__spec__ = shim.__spec__
    module.__loader__ = shim.__loader__
    module.__file__ = shim.__file__
    module.__path__ = shim.__path__
    module.__package__ = "starlette"
    sys.modules["starlette"] = module
