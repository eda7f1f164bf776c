"""Handlers that ask for a cornerstone's type in a way that doesn't give it."""

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security, WebSocket
from fastapi.testclient import TestClient

import composer
from composer import App, Cornerstone, Shared


class Base:
    def __init__(self, url: str = "wrong") -> None:
        self.url = url


class Database(Base): ...


class Replica(Database): ...


class Other:
    def __init__(self, size: int = 1) -> None:
        self.size = size


class Repository:
    def __init__(self, db: Annotated[Database, Depends()]) -> None:
        self.db = db


class RightRepository:
    def __init__(self, db: Shared[Database], other: Annotated[Other, Depends()]) -> None:
        self.db = db


def create_database() -> Database:
    return Database("right")


def nested(db: Database = Depends()) -> Database:
    return db


def problems_of(*apps: FastAPI, root: FastAPI | None = None) -> list[composer.Problem]:
    parts = [App(f"a{at}", f"/a{at}", lambda app=app: app) for at, app in enumerate(apps)]
    app = composer.compose(parts, cornerstones=[Cornerstone("db", create_database)], root=root)
    return list(composer.composition_of(app).warnings)


def with_route(handler: Any, **options: Any) -> FastAPI:
    app = FastAPI()
    app.get("/", **options)(handler)
    return app


def annotated(db: Annotated[Database, Depends()]) -> None: ...
def depends(db=Depends(Database)) -> None: ...  # type: ignore[no-untyped-def]
def default(db: Database = Depends()) -> None: ...
def security(db: Annotated[Database, Security(Database)]) -> None: ...
def shared_default(db=Shared[Database]) -> None: ...  # type: ignore[no-untyped-def]
def shared_depends(db=Depends(Shared[Database])) -> None: ...  # type: ignore[no-untyped-def]


@pytest.mark.parametrize("handler", [annotated, depends, default, security, shared_default, shared_depends])
def test_a_parameter_that_asks_in_the_wrong_way_is_told_with_its_place_and_the_right_one(handler: Any) -> None:
    (found,) = problems_of(with_route(handler))

    assert (found.id, found.where) == ("C070", "app a0")
    line = handler.__code__.co_firstlineno
    assert found.what.startswith(f"{handler.__name__} (")
    assert f"test_dependencies.py:{line}) does not get" in found.what
    assert found.hint == "Write db: Shared[Database]. Import Shared from composer."


def test_a_class_above_or_below_the_type_of_the_cornerstone_is_told() -> None:
    def base(db: Annotated[Base, Depends()]) -> None: ...
    def derived(db: Annotated[Replica, Depends()]) -> None: ...

    assert [found.hint[:25] for found in problems_of(with_route(base))] == ["Write db: Shared[Base]. I"]
    assert [found.hint[:25] for found in problems_of(with_route(derived))] == ["Write db: Shared[Database"]


@pytest.mark.parametrize("dependency", [nested, Repository])
def test_a_dependency_that_asks_in_the_wrong_way_is_told_once_by_its_own_place(dependency: Any) -> None:
    app = FastAPI(dependencies=[Depends(dependency)])
    for path in ("/a", "/b"):
        app.get(path)(lambda: None)

    (found,) = problems_of(app)

    assert found.what.startswith(f"{dependency.__name__} (")


def test_what_a_router_depends_on_is_told_once() -> None:
    router = APIRouter(dependencies=[Depends(Database)])
    for path in ("/a", "/b"):
        router.get(path)(lambda: None)
    app = FastAPI()
    app.include_router(router)

    assert [found.id for found in problems_of(app)] == ["C070"]


def test_websockets_mounted_apps_and_the_roots_own_routes_are_looked_into() -> None:
    async def talk(websocket: WebSocket, db: Annotated[Database, Depends()]) -> None: ...

    app, inner, root = FastAPI(), with_route(depends), with_route(default)
    app.websocket("/talk")(talk)
    app.mount("/inner", inner)

    assert [(found.where, found.what.partition(" ")[0]) for found in problems_of(app, root=root)] == [
        ("app a0", "talk"),
        ("app a0", "depends"),
        ("root", "default"),
    ]


def test_a_route_that_is_added_to_the_root_later_is_looked_into_at_the_start() -> None:
    root = composer.compose([], cornerstones=[Cornerstone("db", create_database)])
    root.get("/")(annotated)

    with TestClient(root):
        assert [found.id for found in composer.composition_of(root).warnings] == ["C070"]


def test_a_router_of_two_apps_is_told_once() -> None:
    assert len(problems_of(with_route(annotated), with_route(annotated))) == 1


def test_other_classes_and_functions_are_legitimate_dependencies() -> None:
    def right(
        repository: Annotated[RightRepository, Depends()],
        db: Shared[Database],
        other: Annotated[Other, Depends()],
        made: Annotated[Database, Depends(create_database)],
        text: str = "x",
    ) -> None: ...

    assert problems_of(with_route(right)) == []
