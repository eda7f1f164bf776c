"""Types → order of construction → objects: what each factory is given, and what can't be given."""

import functools
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NewType, Optional, Protocol, Self

import pytest
from fastapi import APIRouter, FastAPI
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, SecretStr
from pydantic.dataclasses import dataclass as pydantic_dataclass

from composer._model import App, Cornerstone, Plan, Problem, Project
from composer._wire.construct import wire
from composer._wire.order import ordered
from composer._wire.shared import Shared
from composer._wire.types import factory_name, provides, type_name

PROJECT = Project(Path("/srv/house"), "testing")


class Database:
    def __init__(self, url: str = "") -> None:
        self.url = url


class Replica(Database): ...


class Auth:
    def __init__(self, database: Database) -> None:
        self.database = database


class Reader(Protocol):
    def read(self) -> str: ...


Token = NewType("Token", str)


class NotesSettings(BaseModel):
    page_size: int = 50
    folder: Path = Path("var")
    key: SecretStr = SecretStr("")


def database() -> Database:
    return Database()


def replica() -> Replica:
    return Replica()


def auth(db: Database) -> Auth:
    return Auth(db)


class Given(FastAPI):
    """An app that keeps what its factory was given."""

    def __init__(self, **given: Any) -> None:
        super().__init__()
        self.given = given


DB = Cornerstone("db", database)


def wired(
    *apps: App, cornerstones: list[Cornerstone] | None = None, overrides: dict[type, object] | None = None
) -> Plan:
    plan, problems = wire(cornerstones or [], apps, PROJECT, overrides or {})
    assert problems == []
    return plan


def problems_of(
    factory: Callable[..., Any], *cornerstones: Cornerstone, settings: dict[str, Any] | None = None
) -> list[Problem]:
    app = App("notes", "/notes", factory, settings=settings or {})
    return wire(cornerstones, [app], PROJECT, {})[1]


def problem_of(
    factory: Callable[..., Any], *cornerstones: Cornerstone, settings: dict[str, Any] | None = None
) -> tuple[str, str]:
    (problem,) = problems_of(factory, *cornerstones, settings=settings)
    assert problem.where == "app notes"
    return problem.id, problem.what


def given_to(
    factory: Callable[..., Any], *cornerstones: Cornerstone, settings: dict[str, Any] | BaseModel | None = None
) -> dict[str, Any]:
    plan = wired(App("notes", "/notes", factory, settings=settings or {}), cornerstones=list(cornerstones))
    app = plan.apps[0].asgi
    assert isinstance(app, Given)
    return app.given


def test_a_factory_is_given_the_cornerstone_of_its_parameters_type() -> None:
    def create_app(whatever: Database) -> FastAPI:
        return Given(db=whatever)

    plan = wired(App("notes", "/notes", create_app), cornerstones=[DB])

    assert plan.cornerstones[0].value is plan.apps[0].asgi.given["db"]  # type: ignore[attr-defined]
    assert plan.apps[0].uses == ("db",)


def test_all_apps_and_cornerstones_are_given_the_same_object() -> None:
    def create_app(db: Database, guard: Auth) -> FastAPI:
        assert guard.database is db
        return Given(db=db)

    plan = wired(App("a", "/a", create_app), App("b", "/b", create_app), cornerstones=[Cornerstone("auth", auth), DB])

    assert [built.name for built in plan.cornerstones] == ["db", "auth"]
    assert plan.apps[0].asgi.given == plan.apps[1].asgi.given  # type: ignore[attr-defined]


def test_what_is_used_through_another_cornerstone_counts_as_used() -> None:
    def create_app(guard: Auth) -> FastAPI:
        return Given(guard=guard)

    plan = wired(App("notes", "/notes", create_app), cornerstones=[DB, Cornerstone("auth", auth)])

    assert plan.apps[0].uses == ("db", "auth")


def test_apps_are_made_in_the_order_of_their_names_and_cornerstones_in_one_that_never_changes() -> None:
    stones = [Cornerstone(name, database) for name in ("c", "a", "b")]

    plan = wired(App("b", "/b", FastAPI), App("a", "/a", FastAPI), cornerstones=stones)

    assert [built.name for built in plan.cornerstones] == ["a", "b", "c"]
    assert [built.name for built in plan.apps] == ["a", "b"]


def test_a_cornerstone_fits_where_a_base_of_its_type_is_asked_for() -> None:
    def create_app(db: Database) -> FastAPI:
        return Given(db=db)

    assert isinstance(given_to(create_app, Cornerstone("replica", replica))["db"], Replica)


def test_cornerstones_of_one_type_are_told_apart_by_the_parameters_name_or_a_mark() -> None:
    def create_app(replica: Database, other: Annotated[Database, "db"]) -> FastAPI:
        return Given(replica=replica, other=other)

    given = given_to(create_app, DB, Cornerstone("replica", replica))

    assert isinstance(given["replica"], Replica)
    assert not isinstance(given["other"], Replica)


def test_a_doubt_between_two_cornerstones_is_one_problem() -> None:
    def create_app(database: Database) -> FastAPI:
        return Given(database=database)

    assert problem_of(create_app, DB, Cornerstone("replica", replica)) == (
        "C013",
        "More than one cornerstone provides Database, and 'database' matches none of their names.",
    )


def test_a_mark_that_names_no_cornerstone_of_the_type_is_a_problem_even_where_there_is_only_one() -> None:
    def create_app(db: Annotated[Database, "replica"]) -> FastAPI:
        return Given(db=db)

    assert problem_of(create_app, DB) == (
        "C012",
        "No cornerstone provides Database named 'replica' (required by 'db').",
    )


def test_the_project_is_given_by_its_type() -> None:
    def create_app(project: Project) -> FastAPI:
        return Given(project=project)

    assert given_to(create_app) == {"project": PROJECT}


def test_settings_are_validated_by_the_model_and_their_paths_start_at_the_project() -> None:
    def create_app(settings: NotesSettings) -> FastAPI:
        return Given(settings=settings)

    settings = given_to(create_app, settings={"page_size": "5"})["settings"]

    assert (settings.page_size, settings.folder) == (5, PROJECT.root / "var")


def test_a_model_that_was_made_in_python_is_given_as_it_is() -> None:
    def create_app(settings: NotesSettings) -> FastAPI:
        return Given(settings=settings)

    settings = NotesSettings(page_size=3)

    assert given_to(create_app, settings=settings)["settings"] is settings


def test_without_a_model_settings_are_given_as_keywords_of_their_parameters_types() -> None:
    def create_app(limit: int, folder: Path, db: Database, name: str = "x") -> FastAPI:
        return Given(limit=limit, folder=folder, name=name)

    assert given_to(create_app, DB, settings={"limit": "3", "folder": "var"}) == {
        "limit": 3,
        "folder": PROJECT.root / "var",
        "name": "x",
    }


def refused(value: str) -> str:
    raise ValueError(f"{value} isn't spelled like that")


def broken(value: str) -> str:
    raise KeyError(value)


def constrained_app(
    size: Annotated[int, Field(gt=0)] = 1,
    pages: PositiveInt | None = 1,
    tags: Annotated[list[str], BeforeValidator(lambda text: text.split(","))] | None = None,
    name: Annotated[str, AfterValidator(refused)] = "",
    other: Annotated[str, AfterValidator(broken)] = "",
) -> FastAPI:
    return Given(size=size, pages=pages, tags=tags)


def test_keywords_are_validated_by_all_that_their_annotation_says() -> None:
    given = given_to(constrained_app, settings={"size": 3, "pages": None, "tags": "a,b"})

    assert given == {"size": 3, "pages": None, "tags": ["a", "b"]}


@pytest.mark.parametrize(
    ("settings", "id", "what"),
    [
        ({"size": -5}, "C004", "Invalid value for 'size': Input should be greater than 0."),
        ({"pages": 0}, "C004", "Invalid value for 'pages': Input should be greater than 0."),
        ({"name": "hunter2"}, "C004", "Invalid value for 'name': ********** isn't spelled like that."),
        ({"other": "hunter2"}, "C034", "Settings validation failed for 'other' of constrained_app: KeyError."),
    ],
)
def test_a_keyword_that_its_annotation_forbids_is_a_problem(settings: dict[str, Any], id: str, what: str) -> None:
    assert problem_of(constrained_app, settings=settings) == (id, what)


def test_a_factory_that_takes_any_keyword_is_given_all_settings() -> None:
    assert given_to(Given, settings={"size": 3, "folder": "var"}) == {"size": 3, "folder": "var"}


def test_settings_that_nobody_takes_are_a_problem() -> None:
    assert problem_of(database_app, DB, settings={"url": "hunter2"}) == (
        "C030",
        "Unused settings (url): database_app takes no settings.",
    )


def database_app(db: Database) -> FastAPI:
    return Given(db=db)


def optional_app(db: Database | None) -> FastAPI:
    return Given(db=db)


def old_optional_app(db: Optional[Database]) -> FastAPI:  # noqa: UP045
    return Given(db=db)


def default_app(db: Database = Database("default")) -> FastAPI:  # noqa: B008
    return Given(db=db)


def quoted_app(db: "Database") -> FastAPI:
    return Given(db=db)


def positional_app(db: Database, /, *, size: int = 1) -> FastAPI:
    return Given(db=db)


def numbered_app(number: int, db: Database) -> FastAPI:
    return Given(db=db)


class CallableApp:
    def __call__(self, db: Database) -> FastAPI:
        return Given(db=db)

    def method(self, db: Database) -> FastAPI:
        return Given(db=db)

    def two(self, db: Database, guard: Auth) -> FastAPI:
        return Given(db=db)


class TwoNeeds:
    def __call__(self, db: Database, guard: Auth) -> FastAPI:
        return Given(db=db)


class ClassApp(Given):
    def __init__(self, db: Database) -> None:
        super().__init__(db=db)


@pytest.mark.parametrize(
    "factory",
    [
        optional_app,
        old_optional_app,
        default_app,
        quoted_app,
        positional_app,
        functools.partial(numbered_app, 3),
        functools.partial(numbered_app, number=3),
        CallableApp(),
        CallableApp().method,
        CallableApp().two,
        TwoNeeds(),
        ClassApp,
    ],
    ids=factory_name,
)
def test_whatever_can_be_called_is_a_factory(factory: Callable[..., Any]) -> None:
    db = given_to(factory, DB, Cornerstone("auth", auth))["db"]

    assert isinstance(db, Database)
    assert db.url == ""


class NamedTupleRepository(NamedTuple):
    db: Database
    size: int = 1


class QuotedRepository(NamedTuple):
    db: "Database"


class NewRepository:
    db: Database

    def __new__(cls, db: Database) -> Self:
        made = super().__new__(cls)
        made.db = db
        return made


class ModelRepository(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    db: "Database"
    data: int = 1


class AliasRepository(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    db: Database = Field(alias="database")


@dataclass
class DataRepository:
    db: Database


@pydantic_dataclass(config=ConfigDict(arbitrary_types_allowed=True))
class ValidatedRepository:
    db: Database


REPOSITORIES = [
    NamedTupleRepository,
    QuotedRepository,
    NewRepository,
    ModelRepository,
    AliasRepository,
    DataRepository,
    ValidatedRepository,
    functools.partial(NamedTupleRepository, size=3),
]


@pytest.mark.parametrize("repository", REPOSITORIES, ids=factory_name)
def test_a_class_is_a_cornerstones_factory_however_it_says_what_it_takes(repository: Callable[..., Any]) -> None:
    plan = wired(cornerstones=[DB, Cornerstone("repository", repository)])

    made = {built.name: built.value for built in plan.cornerstones}
    assert made["repository"].db is made["db"]


def marked_app(db: Annotated[Database, "replica"] | None) -> FastAPI:
    return Given(db=db)


def test_a_mark_counts_where_none_is_allowed_too() -> None:
    assert isinstance(given_to(marked_app, DB, Cornerstone("replica", replica))["db"], Replica)


def test_what_nobody_gives_is_none_where_that_is_allowed_and_the_default_where_there_is_one() -> None:
    assert given_to(optional_app) == {"db": None}
    assert given_to(default_app)["db"].url == "default"


def plugins() -> list[Database]:
    return [Database()]


def token() -> Token:
    return Token("x")


def reader() -> Reader:
    class File:
        def read(self) -> str:
            return "x"

    return File()


def maybe_database() -> Database | None:
    return Database()


def wants_plugins(of: list[Database]) -> FastAPI:
    return Given(of=of)


def wants_token(of: Token) -> FastAPI:
    return Given(of=of)


def wants_reader(of: Reader) -> FastAPI:
    return Given(of=of)


def wants_database(of: Database) -> FastAPI:
    return Given(of=of)


@pytest.mark.parametrize(
    ("cornerstone", "factory"),
    [
        (plugins, wants_plugins),
        (token, wants_token),
        (reader, wants_reader),
        (maybe_database, wants_database),
        (Database, wants_database),
    ],
    ids=["generic", "new type", "protocol", "optional", "class"],
)
def test_a_cornerstone_is_asked_for_by_whatever_type_its_factory_promises(
    cornerstone: Callable[..., Any], factory: Callable[..., Any]
) -> None:
    assert given_to(factory, Cornerstone("one", cornerstone))["of"] is not None


def no_return():  # type: ignore[no-untyped-def]
    return 3


def any_return() -> Any:
    return 3


def wrong_return() -> Database:
    return 3  # type: ignore[return-value]


def nothing() -> Database:
    return None  # type: ignore[return-value]


async def async_database() -> Database:
    return Database()


def yields() -> Iterator[Database]:
    yield Database()


@contextmanager
def decorated() -> Iterator[Database]:
    yield Database()


@asynccontextmanager
async def decorated_async() -> Any:
    yield Database()


def raises() -> Database:
    raise RuntimeError("no disk")


@pytest.mark.parametrize(
    ("factory", "id"),
    [
        (no_return, "C017"),
        (any_return, "C017"),
        (wrong_return, "C020"),
        (nothing, "C020"),
        (async_database, "C010"),
        (functools.partial(async_database), "C010"),
        (yields, "C033"),
        (decorated, "C033"),
        (raises, "C011"),
    ],
)
def test_a_cornerstone_that_can_not_be_made_is_a_problem(factory: Callable[..., Any], id: str) -> None:
    _, problems = wire([Cornerstone("db", factory)], [], PROJECT, {})

    assert [(problem.id, problem.where if id != "C011" else "cornerstone db") for problem in problems] == [
        (id, "cornerstone db")
    ]


def test_an_app_whose_cornerstone_could_not_be_made_is_no_problem_of_its_own() -> None:
    _, problems = wire(
        [Cornerstone("db", async_database), Cornerstone("auth", auth)],
        [App("notes", "/notes", wants_database)],
        PROJECT,
        {},
    )

    assert [problem.id for problem in problems] == ["C010"]


async def async_app() -> FastAPI:
    return FastAPI()


def untyped_app(db):  # type: ignore[no-untyped-def]
    return FastAPI()


def bad_quote_app(db: "a database") -> FastAPI:  # type: ignore[valid-type]  # noqa: F722
    return FastAPI()


def hidden_type_app(db: "Hidden") -> FastAPI:  # type: ignore[name-defined]  # noqa: F821
    return FastAPI()


def wants_object(db: object) -> FastAPI:
    return FastAPI()


def wsgi_app(environ: Any, start_response: Any) -> list[bytes]:
    return []


async def asgi_app(scope: Any, receive: Any, send: Any) -> None: ...


@pytest.mark.parametrize(
    ("factory", "problem"),
    [
        (async_app, ("C010", "The factory async_app is async.")),
        (yields, ("C033", "The factory yields is a generator.")),
        (decorated_async, ("C033", "The factory decorated_async is a generator.")),
        (untyped_app, ("C015", "Parameter 'db' of untyped_app has no type annotation.")),
        (wants_object, ("C012", "No cornerstone provides object (required by 'db').")),
        (
            bad_quote_app,
            (
                "C016",
                (
                    "Cannot read the type annotations of bad_quote_app: SyntaxError: "
                    "Forward reference must be an expression -- got 'a database'."
                ),
            ),
        ),
        (
            hidden_type_app,
            ("C016", "Cannot read the type annotations of hidden_type_app: NameError: name 'Hidden' is not defined."),
        ),
        (lambda: None, ("C020", "The factory <lambda> returned None, not an ASGI app.")),
        (lambda: 3, ("C020", "The factory <lambda> returned int, not an ASGI app.")),
        (lambda: FastAPI, ("C020", "The factory <lambda> returned the class FastAPI, not an ASGI app.")),
        (lambda: wsgi_app, ("C019", "The app is a WSGI app (the function wsgi_app), not an ASGI app.")),
        (wsgi_app, ("C057", "factory is a WSGI app, not a function that returns one.")),
        (asgi_app, ("C057", "factory is an ASGI app, not a function that returns one.")),
    ],
)
def test_an_app_that_can_not_be_made_is_one_problem(factory: Callable[..., Any], problem: tuple[str, str]) -> None:
    assert problem_of(factory, DB) == problem


def app_of_a_hidden_type(db: Database) -> "Hidden":  # type: ignore[name-defined]  # noqa: F821
    return Given(db=db)


def test_the_type_that_an_app_factory_returns_may_be_imported_for_checkers_only() -> None:
    assert list(given_to(app_of_a_hidden_type, DB)) == ["db"]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_default_that_is_a_model_of_pydantic_v1_is_left_as_it_is() -> None:
    from pydantic import v1

    class OldSettings(v1.BaseModel):
        size: int = 3

    def create_app(settings: OldSettings = OldSettings()) -> FastAPI:  # noqa: B008
        return Given(size=settings.size)

    assert given_to(create_app) == {"size": 3}
    [found] = problems_of(create_app, settings={"size": 4})
    assert found.id == "C043"


def test_a_factory_that_ends_the_process_is_a_problem_at_its_line() -> None:
    def create_app() -> FastAPI:
        raise SystemExit(3)

    (problem,) = problems_of(create_app)

    assert problem.id == "C011"
    assert problem.where == f"{__file__}:{create_app.__code__.co_firstlineno + 1}"


def test_types_of_one_name_are_shown_with_their_modules() -> None:
    other = type("Database", (), {"__module__": "elsewhere"})

    def create_app(db: Any) -> FastAPI:
        return FastAPI()

    create_app.__annotations__["db"] = other

    assert problem_of(create_app, DB) == ("C012", "No cornerstone provides elsewhere.Database (required by 'db').")


def needs_second(second: "Second") -> "First":
    return First()


def needs_first(first: "First") -> "Second":
    return Second()


class First: ...


class Second: ...


def test_each_circle_of_cornerstones_is_drawn_once_and_the_others_are_made() -> None:
    stones = [Cornerstone("first", needs_second), Cornerstone("second", needs_first), DB]

    plan, problems = wire(stones, [], PROJECT, {})

    assert [built.name for built in plan.cornerstones] == ["db"]
    assert [(problem.id, problem.what) for problem in problems] == [
        (
            "C014",
            (
                "Circular dependency between cornerstones:\n"
                "first (cornerstone first)\n"
                "└─ second, for the parameter 'second' of first\n"
                "   └─ first, for the parameter 'first' of second"
            ),
        )
    ]


def test_an_override_replaces_the_cornerstone_whose_factory_is_then_not_called() -> None:
    fake = Database("fake")

    plan = wired(
        App("notes", "/notes", database_app),
        cornerstones=[Cornerstone("db", raises), Cornerstone("auth", auth)],
        overrides={Database: fake},
    )

    assert plan.apps[0].asgi.given == {"db": fake}  # type: ignore[attr-defined]
    assert [built.value for built in plan.cornerstones if built.name == "db"] == [fake]


def test_an_override_of_a_type_that_no_cornerstone_is_of_is_a_problem() -> None:
    _, (problem,) = wire([DB], [], PROJECT, {Auth: object()})

    assert (problem.id, problem.where) == ("C029", "overrides")


def test_an_override_of_the_name_of_a_type_asks_for_the_type() -> None:
    overrides: dict[Any, object] = {"Database": Database("fake")}

    _, (problem,) = wire([DB], [], PROJECT, overrides)

    assert (problem.id, problem.hint) == ("C029", "Use the type itself. Types provided: Database.")


def test_overrides_may_be_a_list_of_pairs() -> None:
    overrides: Any = [(Database, Database("fake"))]

    assert wire([DB], [], PROJECT, overrides)[1] == []


def test_what_a_handler_asks_for_counts_as_used_and_is_checked() -> None:
    router = APIRouter()

    @router.get("/")
    def read(db: Shared[Database], token: Shared[Token]) -> None: ...

    def create_app() -> FastAPI:
        app = FastAPI()
        app.include_router(router)
        return app

    plan, (problem,) = wire([DB], [App("notes", "/notes", create_app)], PROJECT, {})

    assert plan.apps[0].uses == ("db",)
    assert (problem.id, problem.what) == (
        "C012",
        f"No cornerstone provides {type_name(Token)} (required by 'Shared[{type_name(Token)}]').",
    )


@pytest.mark.parametrize(
    ("provided", "wanted", "answer"),
    [
        (Replica, Database, True),
        (Database, Replica, False),
        (Database, object, False),
        (list[Database], list[Database], True),
        (list[Database], list[Replica], False),
        (list[Database], list, False),
        (Database, Any, False),
    ],
)
def test_an_object_fits_where_its_type_or_a_base_of_it_is_asked_for(provided: Any, wanted: Any, answer: bool) -> None:
    assert provides(provided, wanted) is answer


@pytest.mark.parametrize(
    ("wanted", "name"),
    [(Database, "Database"), (list[int], "list[int]"), (Annotated[int, "x"], "Annotated[int, 'x']"), (Any, "Any")],
)
def test_a_type_is_shown_as_it_is_written(wanted: Any, name: str) -> None:
    assert type_name(wanted) == name


def test_names_are_ordered_after_those_that_they_need_and_circles_are_told() -> None:
    needs = {"a": ["c"], "b": [], "c": ["b"], "x": ["y"], "y": ["x"], "z": ["z"]}

    order, circles = ordered(needs)

    assert order == ["b", "c", "a"]
    assert sorted(sorted(set(circle)) for circle in circles) == [["x", "y"], ["z"]]
    assert all(circle[0] == circle[-1] for circle in circles)
