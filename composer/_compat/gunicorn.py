"""What composer knows of gunicorn beyond its documentation."""

from importlib import import_module
from typing import Final

# gunicorn 27.0, in the modules that are named here: what `composer serve --preload` overrides or calls.
_RELIED_ON: Final = {
    ("gunicorn.arbiter", "Arbiter"): ("run", "stop", "reap_workers", "signal", "kill_workers"),
    ("gunicorn.workers.base", "Worker"): ("SIGNALS", "init_signals", "run"),
    ("gunicorn.glogging", "Logger"): ("setup",),
    ("gunicorn.app.base", "BaseApplication"): ("load_config", "load"),
    ("gunicorn.errors", "HaltServer"): (),
}


def unknown_names() -> list[str]:
    """Return what this release of gunicorn has under no such name.

    Raises ModuleNotFoundError where gunicorn isn't installed.
    """
    import_module("gunicorn")
    return [f"{module}.{name}" for (module, name), wanted in _RELIED_ON.items() if not _has(module, name, wanted)]


def _has(module: str, name: str, wanted: tuple[str, ...]) -> bool:
    try:
        kind = getattr(import_module(module), name, None)
    except ImportError:
        return False
    return kind is not None and all(hasattr(kind, each) for each in wanted)
