"""The guests: the tables of settings.toml, and their checks."""

import inspect
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from a2wsgi import WSGIMiddleware

SETTINGS = Path(__file__).with_name("settings.toml")

# A check gets the URL of its guest, without a trailing slash, and a browser if it has such a parameter.
Check = Callable[..., Any]


@dataclass(frozen=True)
class Guest:
    """One guest: its name, its table in settings.toml, its package, and its checks by name."""

    name: str
    table: Mapping[str, Any]
    package: str
    checks: Mapping[str, Check]


def tables() -> dict[str, Mapping[str, Any]]:
    """Return the table of each guest, by its name."""
    apps: dict[str, Mapping[str, Any]] = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))["apps"]
    return apps


def guests() -> list[Guest]:
    """Return all guests, with their checks imported."""
    found = []
    for name, table in tables().items():
        module = import_module(f"tests.guests.checks.{name}")
        found.append(Guest(name, table, module.PACKAGE, _checks(module)))
    return found


def _checks(module: ModuleType) -> dict[str, Check]:
    functions = inspect.getmembers(module, inspect.isfunction)
    # In the order of the file.
    checks = [(name, check) for name, check in functions if name.startswith("check_")]
    checks.sort(key=lambda each: each[1].__code__.co_firstlineno)
    return {name.removeprefix("check_"): check for name, check in checks}


def made(table: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
    """Return a guest without composer, in the same way: call the factory with the settings, or use the app itself."""
    module, _, name = table["factory"].partition(":")
    app = getattr(import_module(module), name)
    if inspect.isfunction(app):
        models = [parameter.annotation for parameter in inspect.signature(app).parameters.values()]
        app = app(*(model(**settings) for model in models))
    return WSGIMiddleware(app) if table.get("wsgi") else app
