"""What `overrides` may give in place of a cornerstone's object."""

import functools
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, NewType, Protocol, TypedDict
from unittest.mock import AsyncMock, Mock

import pytest

import composer
from composer import CompositionError, Cornerstone
from composer._wire.overrides import describe_invalid_override


class Database:
    def query(self) -> int:
        return 1


class Fake:
    def query(self) -> int:
        return 2


class Guard:
    def __call__(self, request: object) -> None: ...


class Queries(Protocol):
    def query(self) -> int: ...


class Row(TypedDict):
    size: int


class Url(str): ...


class Options(dict[str, int]): ...


Key = NewType("Key", str)


def make() -> Database:
    return Database()


async def connect() -> Database:
    return Database()


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (Database, "the class Database"),
        (Fake, "the class Fake"),
        (Mock, "the class Mock"),
        (make, "the function make"),
        (lambda: Database(), "the function <lambda>"),
        (functools.partial(make), "the function make"),
        (Database().query, "the function Database.query"),
        (len, "the function len"),
        (42, "a value of type int"),
        (Decimal(1), "a value of type Decimal"),
        ("sqlite://", "a value of type str"),
        (None, "None"),
        (True, "a value of type bool"),
        ({}, "a value of type dict"),
        ([Database()], "a value of type list"),
        (..., "a value of type ellipsis"),
    ],
)
def test_what_is_no_object_is_refused(value: Any, found: str) -> None:
    assert describe_invalid_override(value, Database) == found


def test_what_has_to_be_awaited_is_refused() -> None:
    coroutine = connect()
    assert describe_invalid_override(coroutine, Database) == "an unfinished coroutine"
    coroutine.close()


@pytest.mark.parametrize("value", [Database(), Fake(), Mock(), AsyncMock(), SimpleNamespace(), object(), pytest])
def test_any_object_of_a_class_may_stand_in(value: object) -> None:
    assert describe_invalid_override(value, Database) == ""


@pytest.mark.parametrize(
    ("value", "provided"),
    [
        ("x", str),
        ("x", Url),
        (True, int),
        ({}, Options),
        ({}, dict[str, int]),
        ({}, Row),
        ("x", Key),
        (make, Guard),
        (make, Callable[[], Database]),
        (Database, type[Database]),
        (Database, Queries),
        ({}, Queries),
        (3, int | str),
    ],
)
def test_a_plain_value_stands_in_for_a_type_that_is_one(value: object, provided: Any) -> None:
    assert describe_invalid_override(value, provided) == ""


def test_a_class_is_no_guard() -> None:
    assert describe_invalid_override(Guard, Guard) == "the class Guard"


def test_a_wrong_override_is_the_only_problem_and_calls_no_factory() -> None:
    def app(db: Database) -> Any: ...

    def never() -> Database:
        raise AssertionError

    with pytest.raises(CompositionError) as caught:
        composer.compose(
            [composer.App("a", "/a", app, guard="db")],
            cornerstones=[Cornerstone("db", never)],
            overrides={Database: Fake},
        )

    assert [(found.id, found.what) for found in caught.value.problems] == [
        ("C071", "overrides replaces Database with the class Fake, not with an object.")
    ]
