"""What an app expects of a model ends with the app: a new model needs to satisfy only the apps that run."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI

import composer
from composer.contrib.models import ArtefactError, Models, create_cornerstone
from tests.contrib.lines import OFTEN, slope, until, write

pytestmark = pytest.mark.anyio


def only(*slopes: float) -> Callable[[object], object]:
    def accept(model: object) -> object:
        if slope(model) not in slopes:
            raise ValueError(f"slope {slope(model)}")
        return model

    return accept


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "served", 2.0)
    return tmp_path / "served"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return write(tmp_path / "new", 2.1)


async def test_a_replaced_app_has_no_say_about_a_new_model(folder: Path, new: Path) -> None:
    async with Models(folder, look_every=OFTEN) as models:
        old_version = models.expect("line", only(2.0))
        async with old_version:
            with pytest.raises(ArtefactError, match=r"slope 2\.1"):
                models.promote("line", new)
            new_version = models.expect("line", only(2.0, 2.1))
            await new_version.__aenter__()
        models.promote("line", new)
        await until(lambda: slope(new_version.current) == 2.1)
        await new_version.__aexit__(None, None, None)
        assert models.expected == []


async def test_a_version_that_was_built_and_never_started_has_no_say_while_others_run(folder: Path, new: Path) -> None:
    async with Models(folder, look_every=OFTEN) as models, models.expect("line", only(2.0, 2.1)):
        models.expect("line", only(9.0))
        models.promote("line", new)


async def test_a_version_that_fails_to_start_ends_its_expectations_and_leaves_the_others(folder: Path) -> None:
    async with Models(folder) as models, models.expect("line", only(2.0)) as running:
        failing = models.expect("line", only(9.0))
        with pytest.raises(ArtefactError, match=r"slope 2\.0"):
            async with failing:
                raise AssertionError("it started")
        assert slope(running.current) == 2.0
        assert models.expected == ["line"]


async def test_an_app_whose_model_is_rejected_does_not_keep_another_from_starting(folder: Path) -> None:
    async with Models(folder) as models:
        handles = [models.expect("line", only(9.0)), models.expect("line", only(2.0))]
        outcomes = []
        for handle in handles:
            try:
                async with handle:
                    outcomes.append("started")
            except ArtefactError:
                outcomes.append("rejected")
        assert outcomes == ["rejected", "started"]


async def test_the_last_app_that_ends_unloads_the_model_and_one_that_starts_again_loads_it(folder: Path) -> None:
    async with Models(folder) as models:
        handle = models.expect("line")
        async with handle:
            first = handle.current
        with pytest.raises(LookupError, match="isn't loaded"):
            _ = handle.current
        assert models.expected == []
        async with handle:
            assert handle.current is not first
            assert models.expected == ["line"]


async def test_a_restarted_app_leaves_only_its_new_expectations(folder: Path, new: Path) -> None:
    accepted = [[2.0], [2.0, 2.1]]

    def create_app(models: Models) -> FastAPI:
        model = models.expect("line", only(*accepted.pop(0)))

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            async with model:
                yield

        return FastAPI(lifespan=lifespan)

    cornerstone = composer.Cornerstone("models", create_cornerstone, settings={"folder": folder})
    app = composer.compose([composer.App("line", "/", create_app)], cornerstones=[cornerstone])
    composition = composer.composition_of(app)
    async with app.router.lifespan_context(app):
        with pytest.raises(ArtefactError, match=r"slope 2\.1"):
            composition.get(Models).promote("line", new)
        await composition.restart("line")
        composition.get(Models).promote("line", new)
    assert composition.get(Models).expected == []


async def test_before_any_app_runs_all_that_were_built_have_a_say(folder: Path, new: Path) -> None:
    models = Models(folder)
    models.expect("line")
    models.expect("line", only(2.0))
    with pytest.raises(ArtefactError, match=r"slope 2\.1"):
        models.promote("line", new)
