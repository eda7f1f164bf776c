"""What an app or a cornerstone changes of the whole process, or does to end it, while it is imported or built."""

import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import composer
from composer._model import Notice
from composer._project.side_effects import changes, snapshot
from tests.commands import composer_process
from tests.conftest import Project as WriteProject

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
APP = """
    import asyncio, logging, os, signal
    from fastapi import FastAPI

    {imported}

    def create_app():
        {built}
        return FastAPI()
    """
QUIET = APP.format(imported="", built="")
CHANGES = [
    ("signal.signal(signal.SIGTERM, lambda *_: None)", ["it set a handler for SIGTERM"]),
    ("signal.signal(signal.SIGINT, signal.SIG_DFL)", ["it removed the handler for SIGINT"]),
    ("signal.signal(signal.SIGHUP, signal.SIG_IGN)", ["it made the process ignore SIGHUP"]),
    ("logging.root.addHandler(logging.NullHandler())", ["it added a handler to the root logger"]),
    ("[logging.root.addHandler(logging.NullHandler()) for _ in '12']", ["it added 2 handlers to the root logger"]),
    ("logging.root.setLevel(logging.DEBUG)", ["it set the root logger's level to DEBUG"]),
    ("logging.root.setLevel(7)", ["it set the root logger's level to Level 7"]),
    ("os.chdir('/')", ["it changed the working directory to /"]),
    (
        "import uvloop; asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())",
        ["it replaced the event loop policy by uvloop.EventLoopPolicy"],
    ),
    (
        "logging.basicConfig(level=5, force=True); signal.signal(signal.SIGUSR1, lambda *_: None)",
        [
            "it set a handler for SIGUSR1",
            "it added a handler to the root logger",
            "it removed {count} from the root logger",
            "it set the root logger's level to Level 5",
        ],
    ),
    ("logging.getLogger('guest').setLevel('DEBUG'); asyncio.get_event_loop_policy()", []),
]
ONE_CHANGE = pytest.mark.parametrize(("code", "said"), CHANGES, ids=[code[:40] for code, _ in CHANGES])


@pytest.fixture(autouse=True)
def process_as_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Undo what a test changes of the process."""
    monkeypatch.chdir(tmp_path)
    handlers = [(number, signal.getsignal(number)) for number in SIGNALS]
    root, policy = logging.root, asyncio.get_event_loop_policy()
    hearing, level = list(root.handlers), root.level
    yield
    for number, handler in handlers:
        signal.signal(number, handler)
    root.handlers[:], root.level = hearing, level
    asyncio.set_event_loop_policy(policy)


def notices_of(root: Path) -> tuple[Notice, ...]:
    return composer.composition_of(composer.build(root / "settings.toml")).plan.notices


def expected(said: list[str]) -> list[str]:
    """Fill in how many handlers the root logger has of the test run's own."""
    count = len(logging.root.handlers)
    return [text.format(count="a handler" if count == 1 else f"{count} handlers") for text in said]


@ONE_CHANGE
def test_what_an_app_changes_while_it_is_imported_is_noticed(project: WriteProject, code: str, said: list[str]) -> None:
    root, said = project({"settings.toml": "", "apps/guest.py": APP.format(imported=code, built="")}), expected(said)

    assert notices_of(root) == tuple(Notice("import", "app", "guest", text) for text in said)


@ONE_CHANGE
def test_what_an_app_changes_while_it_is_built_is_noticed(project: WriteProject, code: str, said: list[str]) -> None:
    root, said = project({"settings.toml": "", "apps/guest.py": APP.format(imported="", built=code)}), expected(said)

    assert notices_of(root) == tuple(Notice("build", "app", "guest", text) for text in said)


def test_each_change_is_told_of_the_part_that_made_it(project: WriteProject) -> None:
    stone = """
        import logging

        logging.root.setLevel(3)

        class Stone: ...

        def create_cornerstone() -> Stone:
            logging.root.setLevel(4)
            return Stone()
        """
    root = project(
        {
            "settings.toml": "",
            "shared/stone.py": stone,
            "apps/a.py": QUIET,
            "apps/v1/b.py": APP.format(imported="logging.root.setLevel(1)", built="logging.root.setLevel(2)"),
            "apps/v1/c.py": QUIET,
        }
    )

    assert [str(notice) for notice in notices_of(root)] == [
        "cornerstones/stone: while it was imported, it set the root logger's level to Level 3",
        "apps/v1/b: while it was imported, it set the root logger's level to Level 1",
        "cornerstones/stone: while it was built, it set the root logger's level to Level 4",
        "apps/v1/b: while it was built, it set the root logger's level to Level 2",
    ]


def test_what_is_declared_in_python_is_noticed_too() -> None:
    def create_app() -> FastAPI:
        os.chdir("/")
        return FastAPI()

    app = composer.compose([composer.App("guest", "/guest", create_app)])

    assert composer.composition_of(app).plan.notices == (
        Notice("build", "app", "guest", "it changed the working directory to /"),
    )


def test_nothing_is_undone(project: WriteProject) -> None:
    changing = APP.format(imported="os.chdir('/')", built="logging.root.setLevel(logging.DEBUG)")

    notices_of(project({"settings.toml": "", "apps/guest.py": changing}))

    assert (Path.cwd(), logging.root.level) == (Path("/"), logging.DEBUG)


def test_a_handler_that_is_replaced_by_another_one_is_a_change() -> None:
    signal.signal(signal.SIGTERM, lambda *_: None)
    before = snapshot()
    signal.signal(signal.SIGTERM, lambda *_: None)

    assert changes(before, snapshot()) == ["it set a handler for SIGTERM"]
    assert changes(snapshot(), snapshot()) == []


def test_a_deleted_working_directory_is_a_change_like_any_other(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    before = snapshot()
    os.chdir(gone)
    gone.rmdir()

    assert changes(before, snapshot()) == ["it changed the working directory to a deleted folder"]


def test_check_tells_it_after_the_table_and_ends_with_0(project: WriteProject) -> None:
    imported, built = "signal.signal(signal.SIGTERM, lambda *_: None)", "logging.root.setLevel('ERROR')"
    guest = APP.format(imported=imported, built=built)
    root = project({"settings.toml": "", "apps/__init__.py": "", "apps/guest.py": guest})

    done = composer_process(root, "check")

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-4:] == [
        "apps/guest: while it was imported, it set a handler for SIGTERM",
        "apps/guest: while it was built, it set the root logger's level to ERROR",
        "",
        "No problems.",
    ]


def test_a_composition_that_starts_to_serve_logs_it_once(
    project: WriteProject, caplog: pytest.LogCaptureFixture
) -> None:
    root = project({"settings.toml": "", "apps/guest.py": APP.format(imported="os.chdir('/')", built="")})
    app = composer.build(root / "settings.toml")
    assert caplog.record_tuples == []

    with TestClient(app) as client:
        client.get("/guest/")
        client.get("/guest/")

    text = "apps/guest: while it was imported, it changed the working directory to /"
    assert [row for row in caplog.record_tuples if row[0] == "composer"] == [("composer", logging.WARNING, text)]


@pytest.mark.parametrize("place", ["imported", "built"])
@pytest.mark.parametrize("end", ["import sys; sys.exit()", "import sys; sys.exit(0)", "raise SystemExit('no key')"])
def test_a_guest_that_ends_the_process_is_a_problem_beside_the_others(
    project: WriteProject, place: str, end: str
) -> None:
    code = {"imported": "", "built": ""} | {place: end}
    root = project({"settings.toml": "", "apps/guest.py": APP.format(**code), "apps/torn.py": "x = 1"})

    with pytest.raises(composer.CompositionError) as caught:
        composer.build(root / "settings.toml")

    found = {problem.id for problem in caught.value.problems}
    assert found == {"C006" if place == "imported" else "C011", "C008"}


@pytest.mark.parametrize("place", ["imported", "built"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, asyncio.CancelledError, GeneratorExit])
def test_what_else_ends_the_process_goes_through(project: WriteProject, place: str, error: type[BaseException]) -> None:
    raising = f"raise {'asyncio.' if error is asyncio.CancelledError else ''}{error.__name__}"
    root = project(
        {"settings.toml": "", "apps/guest.py": APP.format(**{"imported": "", "built": ""} | {place: raising})}
    )

    with pytest.raises(error):
        composer.build(root / "settings.toml")
