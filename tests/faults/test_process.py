"""How the process of a real server ends, by what its lifespans did."""

from collections.abc import Callable, Mapping
from pathlib import Path
from signal import SIGTERM

import pytest

from tests.serving import Server, serving

Project = Callable[[Mapping[str, str]], Path]

UVICORN = ["uvicorn", "asgi:app", "--port", "{port}"]


def files(*, enter: str = "pass", leave: str = "pass", on_failure: str = "abort") -> dict[str, str]:
    return {
        "settings.toml": f"[composer]\n[apps.weak]\non_failure = '{on_failure}'\nshutdown_timeout = 0.1\n",
        "asgi.py": "import composer\napp = composer.build()\n",
        "apps/__init__.py": "",
        "apps/weak.py": _app("weak", enter, leave),
        "apps/strong.py": _app("strong", "pass", "pass"),
    }


def _app(name: str, enter: str, leave: str) -> str:
    return f"""
        import asyncio
        from contextlib import asynccontextmanager
        from fastapi import FastAPI

        @asynccontextmanager
        async def lifespan(app):
            {enter}
            yield
            {leave}
            print("{name} has stopped", flush=True)

        def create_app() -> FastAPI:
            return FastAPI(lifespan=lifespan)
    """


def ended(server: Server) -> int:
    """Tell the server to stop, and return its exit status."""
    server.wait_until_ready()
    server.process.terminate()
    return server.process.wait(30)


@pytest.mark.parametrize("raises", ["OSError('no disk')", "SystemExit(0)", "KeyboardInterrupt()"])
def test_a_start_that_fails_ends_the_process_with_status_three(raises: str, project: Project, tmp_path: Path) -> None:
    root = project(files(enter=f"raise {raises}"))
    with serving(UVICORN, root, tmp_path / "log") as server:
        assert server.process.wait(30) == 3
    assert f"app weak failed to start: {raises.partition('(')[0]}" in server.output
    assert "strong has stopped" in server.output


def test_a_start_that_may_fail_ends_nothing(project: Project, tmp_path: Path) -> None:
    root = project(files(enter="raise SystemExit(5)", on_failure="degrade"))
    with serving(UVICORN, root, tmp_path / "log") as server:
        assert ended(server) in (0, -SIGTERM)
    assert "app weak failed to start: SystemExit: 5" in server.output
    assert "strong has stopped" in server.output


@pytest.mark.parametrize(
    ("leave", "told"),
    [
        ("raise OSError('no disk')", "OSError: no disk"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("await asyncio.sleep(60)", "TimeoutError: shutdown did not complete within 0.1 seconds"),
    ],
)
def test_a_stop_that_fails_is_told_and_keeps_nothing_from_stopping(
    leave: str, told: str, project: Project, tmp_path: Path
) -> None:
    with serving(UVICORN, project(files(leave=leave)), tmp_path / "log") as server:
        status = ended(server)
    assert f"app weak failed to stop: {told}" in server.output
    assert "strong has stopped" in server.output
    assert "Application shutdown failed" in server.output
    # uvicorn then lets the signal that it was ended by do its work, as after any other stop.
    assert status in (0, -SIGTERM), server.output


def test_a_stop_in_which_nothing_fails_ends_well(project: Project, tmp_path: Path) -> None:
    with serving(UVICORN, project(files()), tmp_path / "log") as server:
        server.wait_until_ready()
        server.stop()
    assert "weak has stopped" in server.output
    assert "strong has stopped" in server.output
