"""Starting the servers, each in a process of its own, and waiting until they answer."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.guests.mounted import FIXED
from tests.guests.served import GUEST
from tests.serving import Server, serving

# Seconds until all guests are imported and up, on a machine that does other things too.
PATIENCE = 180.0

# Nobody may call home, and nobody has anything to get there.
_OFFLINE = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}


@contextmanager
def served_alone(guest: str, folder: Path) -> Iterator[Server]:
    """Serve one guest at the root; the folder takes what the server prints and what the guest writes."""
    with _served("tests.guests.served:alone", folder, {GUEST: guest}) as server:
        yield server


@contextmanager
def served_mounted(folder: Path, fixed: int = 0) -> Iterator[Server]:
    """Serve all guests under their prefixes by FastAPI.mount, with the first causes of failures fixed."""
    with _served("tests.guests.mounted:app", folder, {FIXED: str(fixed)}) as server:
        yield server


@contextmanager
def served_composed(folder: Path) -> Iterator[Server]:
    """Serve all guests under their prefixes by composer."""
    with _served("tests.guests.served:composed", folder, {}) as server:
        yield server


@contextmanager
def _served(factory: str, folder: Path, environment: Mapping[str, str]) -> Iterator[Server]:
    folder.mkdir(parents=True, exist_ok=True)
    arguments = ["uvicorn", "--factory", factory, "--port", "{port}"]
    with serving(arguments, folder, folder / "log", {**_OFFLINE, **environment}) as server:
        _wait(server)
        yield server


def _wait(server: Server) -> None:
    """Return when the server answers anything; raise AssertionError with its output where it ends or never does."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert server.process.poll() is None, f"ended with {server.process.returncode}:\n{server.output}"
        try:
            httpx.get(f"{server.url}/livez", timeout=10)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"no answer after {PATIENCE} seconds:\n{server.output}")
