"""Undocumented facts about gunicorn."""

from importlib import import_module
from typing import Final

# gunicorn 27.0, in these modules: what `composer serve --preload` overrides or calls.
_RELIED_ON: Final = {
    ("gunicorn.arbiter", "Arbiter"): ("run", "stop", "reap_workers", "signal", "kill_workers"),
    ("gunicorn.workers.base", "Worker"): ("SIGNALS", "init_signals", "run"),
    ("gunicorn.glogging", "Logger"): ("setup",),
    ("gunicorn.app.base", "BaseApplication"): ("load_config", "load"),
    ("gunicorn.errors", "HaltServer"): (),
}


def missing_names() -> list[str]:
    """Return the names that this release of gunicorn doesn't have.

    Raises ModuleNotFoundError where gunicorn isn't installed.
    """
    import_module("gunicorn")
    return [f"{module}.{name}" for (module, name), wanted in _RELIED_ON.items() if not _has(module, name, wanted)]


def _has(module: str, name: str, attributes: tuple[str, ...]) -> bool:
    try:
        owner = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        return False
    return all(hasattr(owner, attribute) for attribute in attributes)
