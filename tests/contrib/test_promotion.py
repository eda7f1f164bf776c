"""A new model in the place of an old one: what is checked, what the folder holds at each moment, who sees it."""

import asyncio
import gc
import json
import logging
import os
import resource
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from composer.contrib.models import (
    ArtefactError,
    Model,
    Models,
    joblib_loader,
    read_card,
    write_artefact,
)
from composer.contrib.models._artefact import read_artefact
from composer.contrib.models._loaded import LoadedArtefact
from tests.contrib.lines import KNOWN, OFTEN, slope, until, write

pytestmark = pytest.mark.anyio


class Calls:
    """Pickled, it calls a function when it is read."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, ("made",)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "served", 2.0)
    return tmp_path / "served"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return write(tmp_path / "new", 2.1)


def promote(folder: Path, file: Path, accept: Callable[[object], object] = slope) -> None:
    """Promote as a process of its own does, which has never loaded the model."""
    models = Models(folder)
    models.expect("line", accept)
    models.promote("line", file)


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in folder.iterdir()}


async def test_a_promoted_model_serves_without_a_restart(folder: Path, new: Path) -> None:
    async with Models(folder, look_every=OFTEN) as models:
        model = models.expect("line")
        assert slope(await model.load()) == 2.0
        promote(folder, new)
        await until(lambda: slope(model.current) == 2.1)
        assert await models.load("line") is model.current


async def test_all_who_use_an_artefact_are_given_the_same_new_object(folder: Path, new: Path) -> None:
    async with Models(folder, look_every=OFTEN) as models:
        one, other = models.expect("line"), models.expect("line")
        old = await one.load()
        promote(folder, new)
        await until(lambda: one.current is not old)
        assert one.current is other.current


async def test_the_old_model_is_freed(folder: Path, new: Path) -> None:
    async with Models(folder, look_every=OFTEN) as models:
        model = models.expect("line")
        old = weakref.ref(await model.load())
        promote(folder, new)
        await until(lambda: slope(model.current) == 2.1)
        gc.collect()
        assert old() is None


async def test_what_was_promoted_is_what_a_server_starts_on(folder: Path, new: Path) -> None:
    promote(folder, new)
    assert slope(await Models(folder).load("line")) == 2.1


async def test_an_earlier_model_can_be_promoted_again(folder: Path, new: Path, tmp_path: Path) -> None:
    old = write(tmp_path / "old", 2.0)
    for file, expected in ((new, 2.1), (old, 2.0), (new, 2.1), (new, 2.1)):
        promote(folder, file)
        assert slope(await Models(folder).load("line")) == expected


@pytest.mark.parametrize("again", [1, 2])
async def test_what_a_promotion_replaced_can_be_promoted_from_where_it_was_put(
    folder: Path, new: Path, again: int
) -> None:
    for _ in range(again):
        promote(folder, new)
    for expected in (2.0, 2.1, 2.0):
        promote(folder, folder / str(read_card(folder, "line").replaced))
        assert slope(await Models(folder).load("line")) == expected


async def test_what_was_written_over_a_promoted_model_can_be_promoted_again_too(
    folder: Path, new: Path, tmp_path: Path
) -> None:
    promote(folder, new)
    write(folder, 2.2, author="A. Nobody")
    promote(folder, write(tmp_path / "newer", 2.3))
    promote(folder, folder / str(read_card(folder, "line").replaced))
    assert slope(await Models(folder).load("line")) == 2.2
    assert getattr(read_card(folder, "line"), "author", None) == "A. Nobody"


@pytest.mark.parametrize("case", ["no card", "no file", "a cut file"])
async def test_what_was_broken_is_replaced_and_not_kept(folder: Path, new: Path, case: str) -> None:
    spoil, _ = BAD[case]
    spoil(folder / "line.joblib")
    promote(folder, new)
    assert read_card(folder, "line").replaced is None
    assert slope(await Models(folder).load("line")) == 2.1


async def test_an_artefact_that_is_written_over_serves_without_a_promotion(folder: Path, new: Path) -> None:
    promote(folder, new)
    async with Models(folder, look_every=OFTEN) as models:
        model = models.expect("line")
        assert slope(await model.load()) == 2.1
        write(folder, 2.2)
        await until(lambda: slope(model.current) == 2.2)


async def test_files_that_still_change_are_not_read(folder: Path) -> None:
    artefact = LoadedArtefact(folder, "line", joblib_loader())
    model: Model[object] = artefact.register(lambda model: model)
    await model.load()
    for value in (2.1, 2.2):
        write(folder, value)
        await artefact.reload_if_changed()
        assert slope(model.current) == 2.0
    await artefact.reload_if_changed()
    assert slope(model.current) == 2.2


async def test_a_file_that_becomes_bad_is_told_once_and_the_model_serves_on(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    artefact = LoadedArtefact(folder, "line", joblib_loader())
    model: Model[object] = artefact.register(lambda model: model)
    await model.load()
    whole = (folder / "line.joblib").read_bytes()
    (folder / "line.joblib").write_bytes(whole[:-1])
    for _ in range(5):
        await artefact.reload_if_changed()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "line: the old model stays in use: artefact 'line' rejected" in caplog.text
    assert "expected: SHA-256" in caplog.text
    assert slope(model.current) == 2.0
    write(folder, 2.1)
    for _ in range(2):
        await artefact.reload_if_changed()
    assert slope(model.current) == 2.1
    assert len(caplog.records) == 1


@contextmanager
def no_file_can_be_opened() -> Iterator[None]:
    """Use up the files that this process may have open, as many connections do."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, allowed[1]))
    taken: list[int] = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for number in taken:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, allowed)


async def test_a_promotion_is_not_missed_where_files_could_not_be_opened_for_a_while(
    folder: Path, new: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    artefact = LoadedArtefact(folder, "line", joblib_loader())
    model: Model[object] = artefact.register(lambda model: model)
    await model.load()
    promote(folder, new)
    with no_file_can_be_opened():
        for _ in range(5):
            await artefact.reload_if_changed()
    assert slope(model.current) == 2.0
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "found: Too many open files" in caplog.text
    await artefact.reload_if_changed()
    assert slope(model.current) == 2.1


def damage(file: Path) -> None:
    payload = bytearray(file.read_bytes())
    payload[len(payload) // 2] ^= 1
    file.write_bytes(payload)


def change_card(artefact: Path, **fields: object) -> None:
    card = artefact.with_suffix(".json")
    card.write_text(json.dumps({**json.loads(card.read_text()), **fields}))


# What is done to the new artefact, and what the refusal says that was expected.
BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "a flipped byte": (damage, "SHA-256"),
    "a cut file": (lambda file: file.write_bytes(file.read_bytes()[:-1]), "SHA-256"),
    "another digest": (lambda file: change_card(file, sha256="0" * 64), "SHA-256"),
    "another version": (lambda file: change_card(file, versions={"scikit-learn": "1.2.0"}), "scikit-learn 1.2.0"),
    "no card": (lambda file: file.with_suffix(".json").unlink(), "a readable file"),
    "no file": (Path.unlink, "a readable file"),
    "code": (lambda file: write_artefact(file.parent, "line", Calls(), {"known_rows": KNOWN}), "only trusted"),
    "far off": (
        lambda file: write(file.parent, 3.5),
        "predictions of the card's known rows with an error of at most 1",
    ),
    "no number": (lambda file: write_artefact(file.parent, "line", nothing(), {"known_rows": KNOWN}), "predictions of"),
    "not a model": (lambda file: write_artefact(file.parent, "line", [1], {"known_rows": KNOWN}), "predictions of"),
    "other features": (
        lambda file: write_artefact(file.parent, "line", flat(), {"known_rows": KNOWN}),
        "predictions of",
    ),
    "no known rows": (lambda file: change_card(file, known_rows=None), "known_rows in the card"),
    "fewer targets": (
        lambda file: change_card(file, known_rows={**KNOWN.model_dump(), "targets": [1]}),
        "a model card",
    ),
}


def flat() -> LinearRegression:
    return LinearRegression().fit([[0.0, 1.0], [1.0, 0.0]], [1.0, 2.0])


def nothing() -> LinearRegression:
    """Return a model that was trained, and lost its numbers."""
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    model.intercept_ = np.nan
    return model


@pytest.mark.parametrize("case", BAD)
def test_a_bad_artefact_is_not_promoted_and_changes_nothing(folder: Path, new: Path, case: str) -> None:
    spoil, expected = BAD[case]
    spoil(new)
    before = contents(folder)
    with pytest.raises(ArtefactError) as caught:
        promote(folder, new)
    assert caught.value.expected.startswith(expected)
    assert contents(folder) == before


def test_a_model_that_an_app_cannot_use_is_not_promoted(folder: Path, new: Path) -> None:
    def refuse(model: object) -> object:
        raise ValueError("it takes one feature")

    before = contents(folder)
    with pytest.raises(ArtefactError, match="found: ValueError: it takes one feature"):
        promote(folder, new, refuse)
    assert contents(folder) == before


def test_what_no_app_uses_is_not_promoted(folder: Path, new: Path) -> None:
    models = Models(folder)
    models.expect("line")
    with pytest.raises(LookupError, match="no app uses the artefact 'lime'; artefacts in use: line"):
        models.promote("lime", new)


async def test_a_model_that_is_off_is_refused_at_a_start_too(folder: Path) -> None:
    write(folder, 3.5)
    with pytest.raises(ArtefactError, match=r"ValueError: the prediction of row 0 is 3\.5 instead of 2"):
        await Models(folder).load("line")


async def test_a_start_asks_no_artefact_for_known_rows(folder: Path) -> None:
    write(folder, 3.5, known_rows=None)
    assert slope(await Models(folder).load("line")) == 3.5


def test_whoever_reads_while_models_are_promoted_finds_a_whole_one(folder: Path, new: Path, tmp_path: Path) -> None:
    old = write(tmp_path / "old", 2.0)
    found: list[float] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            found.append(slope(read_artefact(folder, "line").model))

    # What a reader raises fails the test: pytest makes an error of it.
    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(25):
        promote(folder, new)
        promote(folder, old)
    ended.set()
    for reader in readers:
        reader.join()
    assert set(found) == {2.0, 2.1}


def test_promotions_at_the_same_time_leave_a_whole_model_at_each_moment(folder: Path, tmp_path: Path) -> None:
    # Of different lengths, as are their cards: half of one over the other would show.
    files = [write(tmp_path / str(number), 2 + number / 10, notes="x" * 20_000 * number) for number in range(3)]
    ended = threading.Event()

    def read() -> set[float]:
        found = set()
        while not ended.is_set():
            found.add(slope(read_artefact(folder, "line").model))
        return found

    def promote_often(file: Path) -> None:
        for _ in range(40):
            promote(folder, file)

    with ThreadPoolExecutor() as threads:
        reader = threads.submit(read)
        promotions = [threads.submit(promote_often, file) for file in files]
        failures = [promotion.exception() for promotion in promotions]
        ended.set()
    assert failures == [None] * 3
    assert reader.result() <= {2.0, 2.1, 2.2}
    assert not [file.name for file in folder.iterdir() if file.name.startswith(".")]


def test_others_may_read_what_was_promoted_as_they_may_read_any_new_file(folder: Path, new: Path) -> None:
    (folder / "any").touch()
    promote(folder, new)
    assert {file.stat().st_mode for file in folder.iterdir()} == {(folder / "any").stat().st_mode}


def test_a_promotion_that_ends_before_the_card_is_replaced_leaves_the_old_pair(folder: Path, new: Path) -> None:
    (folder / "line.json").rename(folder / "aside.json")
    (folder / "line.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        promote(folder, new)
    (folder / "line.json").rmdir()
    (folder / "aside.json").rename(folder / "line.json")
    assert slope(read_artefact(folder, "line").model) == 2.0
    assert [file.name for file in folder.iterdir() if file.name.startswith(".")] == []


def test_what_was_promoted_long_ago_is_removed_but_the_one_before(folder: Path, tmp_path: Path) -> None:
    files = []
    for number in range(4):
        promote(folder, write(tmp_path / str(number), 2 + number / 100))
        files.append(str(read_card(folder, "line").file))
        hours_ago = time.time() - 2 * 3600
        os.utime(folder / files[-1], (hours_ago, hours_ago))
    pairs = {f"{file.removesuffix('.joblib')}{ending}" for file in files[-2:] for ending in (".joblib", ".json")}
    assert {file.name for file in folder.iterdir()} == {"line.json", "line.joblib", *pairs}


@pytest.mark.parametrize("name", ["../line.joblib", "/line.joblib", "a/line.joblib", "line", ".line.joblib"])
def test_a_card_cannot_name_a_file_outside_of_its_folder(folder: Path, name: str) -> None:
    change_card(folder / "line.joblib", file=name)
    with pytest.raises(ArtefactError) as caught:
        read_artefact(folder, "line")
    assert caught.value.expected == "a model card"


async def test_nobody_looks_at_the_files_any_more_once_the_models_are_left(folder: Path) -> None:
    before = asyncio.all_tasks()
    async with Models(folder, look_every=OFTEN) as models:
        await models.load("line")
        assert asyncio.all_tasks() != before
    assert asyncio.all_tasks() == before


async def test_a_model_that_is_not_loaded_says_who_has_to(folder: Path) -> None:
    model = Models(folder).expect("line")
    with pytest.raises(LookupError, match=r"the model 'line' isn't loaded: `async with model:`"):
        _ = model.current
