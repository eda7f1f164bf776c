"""Names of a package that are imported when they are first asked for, and cost nothing before."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_attributes(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package; `modules` tells in which of its modules each name is.

    It is to be hidden from type checkers, to whom it would say that the package has every name there is.
    Source: PEP 562.
    """

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return find
