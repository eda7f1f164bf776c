"""The catalogue of mistakes, and the exceptions."""

import re
import string
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel, SecretStr, ValidationError

from composer import App, compose
from composer._catalogue import CATALOGUE, problem
from composer._model import Problem
from composer._text import describe_error
from composer.errors import ComposerError, CompositionError, PartError, ShutdownError, StartupError, problems_text


class Login(BaseModel):
    name: str
    key: SecretStr
    tries: int


def test_a_problem_is_made_from_the_templates_of_its_id() -> None:
    made = problem("C025", "apps/notes.py", name="ntes", key="'after'", near="Did you mean 'notes'?", known="notes")

    assert made == Problem(
        "C025",
        "apps/notes.py",
        "Unknown app 'ntes' in 'after'.",
        "Did you mean 'notes'? Known apps: notes.",
    )


def test_a_hint_without_a_near_name_starts_with_what_is_left_of_it() -> None:
    assert problem("C025", "here", name="ntes", key="'after'", known="none").hint == "Known apps: none."


def test_an_id_that_is_not_in_the_catalogue_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="C999"):
        problem("C999", "here")


def test_a_field_that_a_template_names_has_to_be_given() -> None:
    with pytest.raises(KeyError, match="parameter"):
        problem("C012", "here", wanted="Db", known="none")


def test_the_exception_behind_a_problem_is_kept_and_is_no_part_of_its_equality() -> None:
    error = RuntimeError("no key")
    made = problem("C006", "notes.py:3", error=error)

    assert made.error is error
    assert made.what == "Import failed: RuntimeError: no key."
    assert made == problem("C006", "notes.py:3", error=RuntimeError("no key"))


def test_the_ids_of_the_catalogue_are_a_letter_and_three_digits() -> None:
    assert all(re.fullmatch(r"C\d{3}", name) for name in CATALOGUE)


def test_every_text_of_the_catalogue_is_a_sentence() -> None:
    for entry in CATALOGUE.values():
        assert entry.what[0] in string.ascii_uppercase + "{" or entry.what.startswith(("overrides", "metrics"))
        assert entry.what.endswith((".", "{path}"))
        assert entry.hint.endswith((".", ". {near}", "{advice}", "{known}"))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RuntimeError("no key"), "RuntimeError: no key"),
        (RuntimeError("no key."), "RuntimeError: no key"),
        (RuntimeError("no\n   key"), "RuntimeError: no key"),
        (RuntimeError(), "RuntimeError"),
        (SystemExit(3), "SystemExit: 3"),
    ],
)
def test_an_exception_is_described_in_one_line(error: BaseException, text: str) -> None:
    assert describe_error(error) == text


def test_a_validation_error_is_described_without_the_values() -> None:
    with pytest.raises(ValidationError) as caught:
        Login.model_validate({"name": "ann", "key": 31337, "tries": "hunter2"})

    assert describe_error(caught.value) == (
        "ValidationError: key: Input should be a valid string; "
        "tries: Input should be a valid integer, unable to parse string as an integer"
    )


def test_all_problems_are_told_under_one_headline() -> None:
    one, two = Problem("C001", "a.toml", "Not there.", "Make it."), Problem("C002", "b.toml", "Bad.", "Mend it.")

    assert problems_text([one, two], "House") == (
        "2 problems in House, nothing was started:\n\n"
        "C001  a.toml\n      Not there.\n      Hint: Make it.\n\n"
        "C002  b.toml\n      Bad.\n      Hint: Mend it."
    )
    assert problems_text([one]) == (
        "1 problem, nothing was started:\n\nC001  a.toml\n      Not there.\n      Hint: Make it."
    )


def test_a_composition_error_keeps_its_problems_and_its_title() -> None:
    one = Problem("C001", "a.toml", "Not there.", "Make it.")
    error = CompositionError([one], "House")

    assert error.problems == (one,)
    assert error.title == "House"
    assert str(error) == problems_text([one], "House")


def test_a_part_error_names_the_part_the_phase_and_the_reason() -> None:
    error = PartError("app", "notes", "start", "RuntimeError: no disk")

    assert (error.kind, error.name, error.phase, error.reason) == ("app", "notes", "start", "RuntimeError: no disk")
    assert str(error) == "app notes failed to start: RuntimeError: no disk"


@pytest.mark.parametrize("kind", [StartupError, ShutdownError])
def test_the_errors_of_parts_are_caught_as_a_composer_error_and_as_a_group(
    kind: type[StartupError] | type[ShutdownError],
) -> None:
    part = PartError("app", "notes", "start", "RuntimeError")
    error = kind("1 part failed", [part])

    assert isinstance(error, ComposerError)
    assert error.exceptions == (part,)


class WordlessError(Exception):
    def __str__(self) -> str:
        raise TypeError("it can't be told")


class OldError(Exception):
    """Be called like pydantic's, and have its rows in another way, as that of pydantic 1 does."""

    def errors(self) -> list[object]:
        return []


OldError.__name__ = "ValidationError"


@pytest.mark.parametrize("error", [WordlessError(), OldError("x is no number")])
def test_an_error_of_any_kind_fails_the_start_and_is_told(error: Exception) -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        raise error
        yield

    app = compose([App("notes", "/notes", lambda: FastAPI(lifespan=lifespan))])
    with pytest.raises(StartupError) as raised, TestClient(app):
        pass
    assert [type(failure.__cause__) for failure in raised.value.exceptions] == [type(error)]
    assert f"app notes failed to start: {describe_error(error)}" in str(raised.value.exceptions[0])


def test_a_factory_may_raise_an_error_that_has_no_text() -> None:
    def create_app() -> FastAPI:
        raise WordlessError

    with pytest.raises(CompositionError, match=r"C011 (.|\n)*create_app raised WordlessError\."):
        compose([App("notes", "/notes", create_app)])
