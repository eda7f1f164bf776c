"""The command line: in this process where its output is what is tested, in one of its own where the process is."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from typer.testing import CliRunner

from composer._cli import show
from composer._cli.commands import commands
from composer._cli.locate import load_composition
from tests.conftest import forget
from tests.serving import REPOSITORY

WIDTH = 200


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def composer(folder: Path, *arguments: str, **environment: str) -> Done:
    """Do what `composer ARGUMENTS` does in a folder, in this process, which is afterwards as it was before."""
    with _as_in_a_process(folder, environment):
        result = CliRunner().invoke(commands, arguments, prog_name="composer")
    # What else is raised would be a traceback of the process, which no test asks for here.
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def composer_on_repository(*arguments: str, **environment: str) -> Done:
    """Do what `composer ARGUMENTS` does on the repository's own apps, in this process, where they stay imported."""
    variables = environment_of(COMPOSER_SETTINGS=str(REPOSITORY / "settings.toml")) | environment
    with patch.dict(os.environ, variables, clear=True), patch.object(sys, "path", [*sys.path]):
        load_composition.cache_clear()
        sys.modules.pop("asgi", None)
        result = CliRunner().invoke(commands, arguments, prog_name="composer")
        load_composition.cache_clear()
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def composer_process(folder: Path, *arguments: str, **environment: str) -> Done:
    """Run `python -m composer ARGUMENTS` in a folder: for what a command does to its process, or to its log."""
    command, env = [sys.executable, "-m", "composer", *arguments], environment_of(**environment)
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def environment_of(**more: str) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COMPOSER_")}
    return clean | {"PYTHONPATH": str(REPOSITORY), "COLUMNS": str(WIDTH), "NO_COLOR": "1"} | more


@contextmanager
def _as_in_a_process(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    # pytest's own handlers would keep warnings from standard error.
    handlers, logging.root.handlers = logging.root.handlers, []
    _start_anew(folder)
    with (
        chdir(folder),
        patch.dict(os.environ, environment_of(**environment), clear=True),
        patch.object(sys, "path", [str(folder), *sys.path]),
    ):
        for console in (show.out, show.err):
            # They were made for the terminal in which the tests run.
            console.width, console.no_color = WIDTH, True
        try:
            yield
        finally:
            logging.root.handlers = handlers
            _start_anew(folder)


def _start_anew(folder: Path) -> None:
    load_composition.cache_clear()
    forget(folder)
