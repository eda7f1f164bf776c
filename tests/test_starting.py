"""The start: concurrent lifespans, the time of each part, and reports of slow parts."""

import asyncio
import io
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread
import httpx
import pytest
from fastapi import FastAPI
from rich.console import Console

import composer
from composer import App, Cornerstone, StartupError, composition_of
from composer._cli.waterfall import ROWS, report_slow_parts, show_slow_parts, show_waterfall
from composer._model import Step
from tests.conftest import Project as WriteProject
from tests.serving import serving

TWENTY = [f"app{number:02}" for number in range(20)]


def starting(name: str, enter: Callable[[str], Awaitable[object]]) -> App:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await enter(name)
        yield

    return App(name, f"/{name}", lambda: FastAPI(lifespan=lifespan))


def shown(*steps: Step, width: int = 80, encoding: str = "utf-8") -> list[str]:
    """Return the lines of the waterfall of these steps."""
    buffer = io.BytesIO()
    file = io.TextIOWrapper(buffer, encoding)
    show_waterfall(steps, Console(file=file, width=width))
    file.flush()
    return [line.rstrip() for line in buffer.getvalue().decode(encoding).splitlines()]


def reported(*steps: Step) -> str:
    file = io.StringIO()
    show_slow_parts(steps, Console(file=file))
    return file.getvalue()


@pytest.mark.anyio
async def test_twenty_lifespans_are_all_entered_before_the_first_of_them_is_up() -> None:
    journal: list[str] = []
    all_entered = asyncio.Barrier(len(TWENTY))

    async def enter(name: str) -> None:
        journal.append("entered")
        await all_entered.wait()
        journal.append("up")

    app = composer.compose([starting(name, enter) for name in TWENTY])
    async with app.router.lifespan_context(app):
        assert journal == ["entered"] * 20 + ["up"] * 20


@pytest.mark.anyio
async def test_blocking_work_in_the_threads_of_one_lifespan_doesnt_hold_up_the_others() -> None:
    # Each waits in a thread for all the others: one after the other would never come up.
    all_of_them = threading.Barrier(20)

    async def enter(name: str) -> None:
        await anyio.to_thread.run_sync(all_of_them.wait, 10)

    app = composer.compose([starting(name, enter) for name in TWENTY])
    async with app.router.lifespan_context(app):
        assert all(part.state is composer.State.UP for part in composition_of(app).parts())


@pytest.mark.anyio
async def test_each_import_construction_and_start_is_noted_with_what_it_took(project: WriteProject) -> None:
    files = {
        "settings.toml": "[composer]\n",
        "apps/__init__.py": "",
        "apps/notes.py": "import time\ntime.sleep(0.05)\nfrom fastapi import FastAPI as create_app\n",
        "shared/__init__.py": "",
        "shared/clock.py": """
            class Clock: ...

            def create_cornerstone() -> Clock:
                return Clock()
        """,
    }
    app = composer.build(project(files) / "settings.toml")
    async with app.router.lifespan_context(app):
        steps = composition_of(app).lifecycle.steps()
    found = [(step.phase, step.kind, step.name) for step in steps]
    parts = [("cornerstone", "clock"), ("app", "notes")]
    assert found == [(phase, *part) for phase in ("import", "build", "start") for part in parts]
    took = {(step.phase, step.name): step.seconds for step in steps}
    assert took["import", "notes"] >= 0.05
    assert all(step.over for step in steps)
    assert [step.begun for step in steps] == sorted(step.begun for step in steps)


@pytest.mark.anyio
async def test_a_start_under_way_is_noted_as_not_over_and_one_that_failed_as_over() -> None:
    entered, seen = asyncio.Event(), list[Step]()

    async def wait(name: str) -> None:
        entered.set()
        await asyncio.sleep(10)

    async def fail(name: str) -> None:
        await entered.wait()
        seen.extend(composition_of(app).lifecycle.steps())
        raise OSError("the disk is full")

    app = composer.compose([starting("fails", fail), starting("waits", wait)])
    with pytest.raises(StartupError):
        async with app.router.lifespan_context(app):
            pass
    assert [(step.name, step.over) for step in seen if step.phase == "start"] == [("fails", False), ("waits", False)]
    assert all(step.over for step in composition_of(app).lifecycle.steps())


@pytest.mark.anyio
async def test_a_watch_is_entered_before_the_start_and_left_when_all_is_up() -> None:
    journal: list[str] = []

    @asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        journal.append("starts")
        yield

    class ObserverFactory:
        def __enter__(self) -> None:
            journal.append("watched")

        def __exit__(self, *error: object) -> None:
            journal.append("left")

    class Clock: ...

    def make() -> Clock:
        return Clock()

    async def enter(name: str) -> None:
        journal.append("starts")

    app = composer.compose([starting("notes", enter)], cornerstones=[Cornerstone("clock", make)])
    composition_of(app).lifecycle.while_starting(ObserverFactory)
    async with app.router.lifespan_context(app):
        journal.append("serving")
    assert journal == ["watched", "starts", "left", "serving"]


def test_the_waterfall_has_a_row_for_each_part_and_a_bar_for_each_phase() -> None:
    lines = shown(
        Step("import", "cornerstone", "db", 10.0, 0.4),
        Step("import", "app", "notes", 10.4, 0.1),
        Step("build", "cornerstone", "db", 10.5, 0.05),
        Step("build", "app", "notes", 10.55, 0.05),
        Step("start", "cornerstone", "db", 10.6, 0.4),
        Step("start", "app", "notes", 11.0, 1.0),
    )
    assert lines == [
        "milliseconds     from ░ import ▒ build █ start",
        "cornerstone db      0      400      50     400  ░░░░░░  ▒███████",
        "app notes         400      100      50    1000        ░░▒▒      ████████████████",
        "Ready in 2000 ms from the first import.",
    ]


def test_where_the_terminal_knows_no_blocks_the_bars_are_letters() -> None:
    lines = shown(Step("import", "app", "a", 0, 1), Step("start", "app", "a", 1, 1), width=10, encoding="ascii")
    assert lines[0].endswith("i import b build s start")
    assert lines[1].endswith("  iiiiiiiiiissssssssss")


def test_in_a_waterfall_of_many_parts_those_that_took_least_are_only_counted() -> None:
    steps = [Step("start", "app", f"a{number}", 0, number) for number in range(ROWS + 5)]
    lines = shown(*steps)
    assert [line.split()[1] for line in lines[1:-1]] == [f"a{number}" for number in range(5, ROWS + 5)]
    assert lines[-1].endswith(" 5 faster parts are not shown.")


def test_a_waterfall_of_nothing_is_nothing() -> None:
    assert shown() == []


def test_names_and_bars_fit_the_width_of_a_small_terminal() -> None:
    lines = shown(Step("import", "app", "n" * 90, 0, 1), Step("start", "app", "n" * 90, 1.5, 0))
    assert max(map(len, lines)) <= 80
    # What took no time has a mark all the same.
    assert lines[1].endswith("░░      █")


def test_a_report_names_the_first_of_the_slow_parts_with_their_seconds() -> None:
    steps = [Step("start", "app", f"a{number}", number, 9.0 - number, over=False) for number in range(7)]
    assert (
        reported(*reversed(steps)) == "still starting: a0 (9 s), a1 (8 s), a2 (7 s), a3 (6 s), a4 (5 s), and 2 more\n"
    )
    assert reported(steps[0]) == "still starting: a0 (9 s)\n"


def test_a_slow_part_is_reported_again_only_after_twice_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    looks = iter([0.5, 1.1, 1.9, 2.3, 4.5, 4.7])
    seen = threading.Event()

    def steps() -> list[Step]:
        seconds = next(looks, 0.0)
        if not seconds:
            seen.set()
        return [Step("start", "app", "notes", 0, seconds, over=not seconds)]

    with report_slow_parts(steps):
        assert seen.wait(10)
    told = ["still starting: notes (1 s)", "still starting: notes (2 s)", "still starting: notes (5 s)"]
    assert capsys.readouterr().err.splitlines() == told


def test_a_start_that_fails_ends_the_reports() -> None:
    before = threading.active_count()
    during = 0

    def start() -> None:
        nonlocal during
        with report_slow_parts(list):
            during = threading.active_count()
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        start()
    assert during == before + 1
    assert threading.active_count() == before


BLOCKING = {
    "settings.toml": "[composer]\n",
    "apps/__init__.py": "",
    "apps/quick.py": "from fastapi import FastAPI as create_app\n",
    "apps/blocking.py": """
        import time
        from contextlib import asynccontextmanager
        from fastapi import FastAPI
        from pathlib import Path

        def block(phase):
            while not Path(phase).exists():
                time.sleep(0.01)

        @asynccontextmanager
        async def lifespan(app):
            block("starting")
            yield

        block("importing")

        def create_app() -> FastAPI:
            block("building")
            return FastAPI(lifespan=lifespan)
    """,
}


def test_serve_reports_slow_parts_and_then_the_time_of_each(project: WriteProject, tmp_path: Path) -> None:
    root = project(BLOCKING)
    with serving(["composer", "serve", "--port", "{port}"], root, tmp_path / "log") as running:
        for phase in ("importing", "building", "starting"):
            running.wait_until_printed(f"still {phase}: blocking (")
            (root / phase).touch()
        running.wait_until_ready()
        running.stop()
        told = [text in running.output for text in ("milliseconds", "Ready in ")]
    assert told == [True, True]


def test_serve_reports_no_times_in_production(project: WriteProject, tmp_path: Path) -> None:
    blocking = BLOCKING["apps/blocking.py"].replace("while not Path(phase).exists():", "if phase == 'importing':")
    root = project(BLOCKING | {"apps/blocking.py": blocking.replace("0.01", "1.5")})
    environment = {"COMPOSER_ENV": "production"}
    with serving(["composer", "serve", "--port", "{port}"], root, tmp_path / "log", environment) as running:
        running.wait_until_ready()
        running.stop()
        told = [text in running.output for text in ("still importing", "milliseconds", "Ready in ")]
    assert told == [False, False, False]


def test_what_stands_after_the_start_of_serve_is_left_out_of_garbage_collections(
    project: WriteProject, tmp_path: Path
) -> None:
    counting = """
        import gc
        from fastapi import FastAPI

        app = FastAPI()

        @app.get("/")
        def frozen() -> bool:
            return gc.get_freeze_count() > 10_000 and gc.isenabled()

        def create_app() -> FastAPI:
            return app
    """
    root = project({"settings.toml": "[composer]\n", "apps/__init__.py": "", "apps/counting.py": counting})
    with serving(["composer", "serve", "--port", "{port}"], root, tmp_path / "log") as running:
        running.wait_until_ready()
        assert httpx.get(f"{running.url}/counting/").json() is True


def test_what_a_step_took_is_the_time_since_it_began() -> None:
    begun = time.perf_counter() - 2
    step = Step.since(begun, "build", "app", "notes")
    assert 2 <= step.seconds <= time.perf_counter() - begun
    assert step.over
