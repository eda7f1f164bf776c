"""`Shared[...]`: a cornerstone as a dependency of handlers."""

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from composer._model import BuiltCornerstone, Cornerstone
from composer._scope import SCOPE_SHARED
from composer._wire.shared import Shared, SharedDependency, SharedObjects, shared_dependencies_of


class Database:
    def __init__(self, name: str = "db") -> None:
        self.name = name


class Replica(Database): ...


class Auth: ...


def built(name: str, value: object, provides: Any = None) -> BuiltCornerstone:
    return BuiltCornerstone(Cornerstone(name, lambda: value), value, provides or type(value))


def served(app: ASGIApp, *cornerstones: BuiltCornerstone) -> TestClient:
    """Serve an app with these shared objects in the scope of its requests."""
    shared = SharedObjects(cornerstones)

    async def with_shared(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, SCOPE_SHARED: shared}, receive, send)

    return TestClient(with_shared)


router = APIRouter()


@router.get("/name")
def read_name(db: Shared[Database]) -> str:
    return db.name


@router.get("/replica")
async def read_replica(db: Shared[Annotated[Database, "replica"]]) -> str:
    return db.name


@router.websocket("/socket")
async def talk(socket: WebSocket, db: Shared[Database]) -> None:
    await socket.accept()
    await socket.send_text(db.name)
    await socket.close()


def app_with(*routers: APIRouter) -> FastAPI:
    app = FastAPI()
    for one in routers:
        app.include_router(one)
    return app


def test_a_handler_of_a_module_level_router_is_given_the_shared_object() -> None:
    with served(app_with(router), built("db", Database("the one"))) as client:
        assert client.get("/name").json() == "the one"


def test_a_websocket_is_given_it_too() -> None:
    with (
        served(app_with(router), built("db", Database("the one"))) as client,
        client.websocket_connect("/socket") as socket,
    ):
        assert socket.receive_text() == "the one"


def test_a_name_tells_two_objects_of_one_type_apart() -> None:
    stones = [built("db", Database()), built("replica", Database("replica"))]
    with served(app_with(router), *stones) as client:
        assert client.get("/replica").json() == "replica"


def test_one_router_serves_two_compositions_with_an_object_each() -> None:
    app = app_with(router)
    with served(app, built("db", Database("a"))) as one, served(app, built("db", Database("b"))) as two:
        assert (one.get("/name").json(), two.get("/name").json()) == ("a", "b")


def test_what_is_shared_is_no_parameter_of_the_request() -> None:
    operation = app_with(router).openapi()["paths"]["/name"]["get"]

    assert "parameters" not in operation
    assert "requestBody" not in operation


def test_an_app_that_is_served_outside_a_composition_says_so() -> None:
    with (
        TestClient(app_with(router)) as client,
        pytest.raises(LookupError, match=r"^Shared\[Database\] is used by an app that is served outside"),
    ):
        client.get("/name")


def test_an_object_is_found_by_a_base_of_its_type() -> None:
    replica = Replica()

    assert SharedObjects([built("replica", replica), built("auth", Auth())]).find(SharedDependency(Database)) is replica


def test_an_object_is_found_by_the_type_that_its_factory_promises() -> None:
    plugins = [Auth()]

    assert SharedObjects([built("plugins", plugins, list[Auth])]).find(SharedDependency(list[Auth])) is plugins


@pytest.mark.parametrize(
    ("demand", "text"),
    [
        (SharedDependency(Auth), "Shared[Auth]: 0 cornerstones provide it, of none."),
        (SharedDependency(Database), "Shared[Database]: 2 cornerstones provide it, of a, b."),
        (SharedDependency(Database, "c"), 'Shared[Annotated[Database, "c"]]: 0 cornerstones provide it, of a, b.'),
    ],
)
def test_what_is_not_there_exactly_once_is_a_lookup_error(demand: SharedDependency, text: str) -> None:
    shared = SharedObjects([built("a", Database()), built("b", Database())])

    with pytest.raises(LookupError) as caught:
        shared.find(demand)

    assert str(caught.value) == text


def test_the_demands_of_an_app_are_listed_once_each_in_the_order_of_its_routes() -> None:
    assert shared_dependencies_of(app_with(router)) == [
        SharedDependency(Database),
        SharedDependency(Database, "replica"),
    ]


def needs_auth(auth: Shared[Auth]) -> Auth:
    return auth


def test_demands_behind_dependencies_of_handlers_routers_and_the_app_are_found() -> None:
    inner = APIRouter(dependencies=[Depends(needs_auth)])

    @inner.get("/")
    def read() -> None: ...

    below = APIRouter()

    @below.get("/deep")
    def read_deep(auth: Annotated[Auth, Depends(needs_auth)]) -> None: ...

    on_app = FastAPI(dependencies=[Depends(needs_auth)])

    @on_app.get("/")
    def read_app() -> None: ...

    outer = APIRouter()
    outer.include_router(below)
    assert (
        shared_dependencies_of(app_with(inner))
        == shared_dependencies_of(app_with(outer))
        == shared_dependencies_of(on_app)
        == [SharedDependency(Auth)]
    )


def test_demands_of_an_app_that_is_mounted_inside_are_found() -> None:
    outer = FastAPI()
    outer.mount("/inner", app_with(router))

    assert shared_dependencies_of(outer) == [SharedDependency(Database), SharedDependency(Database, "replica")]
    assert shared_dependencies_of(Starlette(routes=[Mount("/inner", app_with(router))])) == shared_dependencies_of(
        outer
    )


@pytest.mark.parametrize("app", [FastAPI(), Starlette(), object()], ids=["FastAPI", "Starlette", "anything"])
def test_an_app_that_asks_for_nothing_has_no_demands(app: object) -> None:
    assert shared_dependencies_of(app) == []


def test_a_demand_is_shown_as_it_is_written_in_a_handler() -> None:
    assert str(SharedDependency(Database)) == "Shared[Database]"
    assert str(SharedDependency(list[Auth], "x")) == f'Shared[Annotated[list[{__name__}.Auth], "x"]]'
