"""What every test may ask for: a small project on disk, and the event loop of its async tests."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest
from hypothesis import settings

from tests.messages import file_of, read_messages, write_message

AssertSays = Callable[[object], None]
Project = Callable[[Mapping[str, str]], Path]

_REPOSITORY = Path(__file__).parents[1]

_IN_CI = bool(os.environ.get("CI"))

# No example may fail for being slow on a busy machine; in CI, every run tries the same ones.
settings.register_profile("composer", deadline=None, derandomize=_IN_CI, max_examples=100 if _IN_CI else 25)
settings.load_profile("composer")

# Tests that take seconds each: real browsers and servers, generated clients, PostgreSQL, every fault at every place.
SLOW = (
    "tests/apps/test_house_price_promotion.py",
    "tests/faults/test_matrix.py",
    "tests/faults/test_process.py",
    "tests/contrib/test_lasting.py",
    "tests/contrib/test_models_docs.py",
    "tests/test_clients.py",
    "tests/test_docs_browser.py",
    "tests/test_preload.py",
    "tests/test_schemathesis.py",
    "tests/test_server.py",
)
_SLOW_FIXTURES = frozenset(["postgres", "database_url"])


def examples(count: int) -> int:
    """Return how many examples a property is tried with: all of them in CI, a quarter on a developer's machine."""
    return count if _IN_CI else count // 4


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option by which `python -m tests.mistakes --write` has the expected texts written."""
    parser.addoption("--write-messages", action="store_true", help="write the texts that tests expect word for word")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the slow tests, so that `make test` leaves them to `make test-slow`."""
    if config.getoption("--write-messages"):
        items[:] = [item for item in items if "writing" in getattr(item, "fixturenames", ())]
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        on_postgres = not _SLOW_FIXTURES.isdisjoint(fixtures) and "sqlite" not in item.name
        if on_postgres or item.path.relative_to(_REPOSITORY).as_posix() in SLOW:
            item.add_marker("slow")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def writing(request: pytest.FixtureRequest) -> bool:
    """Say whether the texts that tests expect are to be written anew."""
    return bool(request.config.getoption("--write-messages"))


@pytest.fixture
def assert_says(request: pytest.FixtureRequest, tmp_path: Path, writing: bool) -> Callable[[object], None]:
    """Give a function that compares a text with the one that tests/messages has for this test."""
    file, name = file_of(request.path), request.node.name

    def assert_says(said: object) -> None:
        text = str(said).replace(str(tmp_path), "{folder}")
        if writing:
            write_message(file, name, text)
        assert text == read_messages(file).get(name)

    return assert_says


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Give a function that writes files by their relative paths, dedented, and returns the project's folder.

    It may be called again to change the project. The test sees neither the repository's own apps and cornerstones nor
    any COMPOSER_ variable, and what it imported from its folder is forgotten afterwards.
    """
    for name in [name for name in os.environ if name.startswith("COMPOSER_") or name == "FASTAPI_ENV"]:
        monkeypatch.delenv(name)
    path = list(sys.path)
    sys.path[:] = [place for place in path if Path(place).resolve() != _REPOSITORY]
    hidden = _hide_repository()
    yield lambda files: write_files(tmp_path / "project", files)
    forget(tmp_path)
    sys.path[:] = path
    sys.modules.update(hidden)


def _hide_repository() -> dict[str, ModuleType]:
    tops = ("apps", "asgi", "shared")
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in tops}


def write_files(root: Path, files: Mapping[str, str]) -> Path:
    """Write files by their relative paths, dedented, and return their folder."""
    root.mkdir(exist_ok=True)
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
    importlib.invalidate_caches()
    return root


def forget(folder: Path) -> None:
    """Forget the modules that were imported from a folder, and what the import system remembers about it."""
    # All first, for a namespace package can't tell its path any more once its parent is gone.
    places = {
        name: [getattr(module, "__file__", None), *(getattr(module, "__path__", None) or ())]
        for name, module in sys.modules.items()
    }
    for name, found in places.items():
        if any(isinstance(place, str) and place.startswith(f"{folder}{os.sep}") for place in found):
            del sys.modules[name]
    for place in list(sys.path_importer_cache):
        if f"{place}{os.sep}".startswith(f"{folder}{os.sep}"):
            del sys.path_importer_cache[place]
