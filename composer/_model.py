"""The plain frozen data that the phases pass on: the declarations, the built parts, the problems."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ByteSize, Field, PlainValidator, TypeAdapter, ValidationError
from starlette.types import ASGIApp

from composer._secrets import Secrets

Settings = Mapping[str, Any] | BaseModel

# See App.openapi; a function may have one parameter, which is the app.
Document = bool | str | Path | Mapping[str, Any] | Callable[..., Any]

Startup = Literal["wait", "background", "lazy"]
OnFailure = Literal["abort", "degrade"]
PathForm = Literal["full", "stripped"]
LocationForm = Literal["keep", "rewrite"]

Kind = Literal["app", "cornerstone"]
Section = Literal["apps", "cornerstones"]
Level = Literal["error", "warning"]
Making = Literal["import", "build"]

# The defaults, in seconds.
STARTUP_TIMEOUT = 30.0
SHUTDOWN_TIMEOUT = 10.0

# 16 MiB, which is also the longest message that uvicorn accepts from a WebSocket.
MAX_BODY_SIZE = 16 * 1024 * 1024


@cache
def _byte_size() -> TypeAdapter[ByteSize]:
    return TypeAdapter(ByteSize)


def _bytes(value: Any) -> Any:
    """Convert a text like 10MB to a number of bytes; pydantic's own message repeats a part of an invalid value."""
    try:
        size = value if value == "unlimited" else int(_byte_size().validate_python(value))
    except ValidationError:
        size = 0
    if not size:
        raise ValueError("it is none of: a number of bytes, a text like 10MB or 16MiB, 'unlimited'")
    return size


# Declarations and the tables of settings.toml are validated by these types; see _settings/models.py.
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
Bytes = Annotated[int | Literal["unlimited"], PlainValidator(_bytes)]


@dataclass(frozen=True, slots=True)
class Project:
    """The project that is composed. A factory gets it by a parameter of this type.

    Attributes:
        root: The absolute folder that relative paths start from: that of settings.toml.
        env: The name of the environment: `COMPOSER_ENV`, else `FASTAPI_ENV`, else `development`.

    Example:
        def create_app(project: Project) -> FastAPI:
            return FastAPI(debug=project.env == "development")
    """

    root: Path
    env: str = "development"


@dataclass(frozen=True, slots=True)
class App:
    """The declaration of one app for `compose()`. Its keys are those of `[apps.NAME]`.

    Values are checked by `compose()`, which reports all problems at once; nothing is raised here.

    Attributes:
        name: The name of the app in settings, logs and errors.
        prefix: The path that it is mounted under, such as `/notes`; `/` is the root. The default is `/NAME`.
        factory: A function or a class that returns an ASGI app; its parameters are filled by their annotated types.
        app: In place of a factory, the ASGI app itself: an object, a function, or a class that is one.
        enabled: Whether the app is composed.
        settings: The settings model that the factory requires, or a mapping that is validated by that model.
        openapi: Where its OpenAPI document comes from: True is the app's own, False is none; a path in the app
            (`/openapi.json`), a JSON or YAML file, a mapping, or a function that returns one.
        owner: Who maintains the app, shown on the pages.
        description: What the app does, shown on the pages.
        startup: `wait` starts it before the server accepts requests, `background` while it serves, `lazy` with the
            first request, even one that the guard refuses; that request waits for the start, whatever its
            `request_timeout`.
        on_failure: If the start fails, `abort` fails the whole start, `degrade` this app alone.
        startup_timeout: Seconds until a start has failed.
        shutdown_timeout: Seconds until a stop has failed.
        after: The names of the apps that have to be up before it starts.
        max_concurrency: How many requests and WebSockets it serves at once; others get 503 with `Retry-After`.
        request_timeout: Seconds in which a response has to start, else it is 504.
        max_body_size: Bytes of a request's body, or a text such as `10MB`, or `unlimited`; a larger body gets 413. None
            is that of the composition. A limit of the app itself, or of a route, takes precedence.
        path: `full` passes the whole path, `stripped` the one without the prefix; by default the one that the
            framework of the app needs.
        location: `rewrite` adds the prefix to redirects and cookies, `keep` doesn't; by default as the framework needs.
        wsgi: Whether the app is a WSGI app, as those of Flask and Django are.
        guard: The name of the cornerstone that authenticates each request.
        guard_exempt: Paths in the app without the guard; one that ends with a slash includes all paths below it.
        ignore: IDs of warnings about this app that are not reported.
        where: Where the app is declared, as errors show it.

    Example:
        notes = App("notes", "/notes", create_notes, settings={"page_size": 20}, max_concurrency=100)
        files = App("files", app=StaticFiles(directory="var/files"))
        app = compose([notes, files])
    """

    name: str
    prefix: str = ""
    factory: Callable[..., Any] = None  # type: ignore[assignment]  # either this or app
    _: KW_ONLY
    app: Any = None
    enabled: bool = True
    settings: Settings = field(default_factory=dict)
    openapi: Document = True
    owner: str = ""
    description: str = ""
    startup: Startup = "wait"
    on_failure: OnFailure = "abort"
    startup_timeout: Seconds = STARTUP_TIMEOUT
    shutdown_timeout: Seconds = SHUTDOWN_TIMEOUT
    after: tuple[str, ...] = ()
    max_concurrency: Count | None = None
    request_timeout: Annotated[Seconds, Field(allow_inf_nan=False)] | None = None
    max_body_size: Bytes | None = None
    path: PathForm | None = None
    location: LocationForm | None = None
    wsgi: bool = False
    guard: str = ""
    guard_exempt: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    where: str = ""

    @property
    def required(self) -> bool:
        """Whether the composition is ready only with this app; a lazy one is never required."""
        return self.on_failure == "abort" and self.startup != "lazy"

    @property
    def place(self) -> str:
        """Where the app is declared, as an error names it."""
        return self.where or f"app {self.name}"


class DeferredImport(partial[Any]):
    """A call that imports an app or its factory when the app starts; it raises CompositionError if that fails."""


@dataclass(frozen=True, slots=True)
class Cornerstone:
    """The declaration of one shared object for `compose()`. Factories and handlers require it by its type.

    Attributes:
        name: The name of the cornerstone in settings, logs and errors; it selects one of several of the same type.
        factory: Returns the object. Its annotated return type is the type that the cornerstone provides.
        enabled: Whether the cornerstone is composed.
        settings: The settings model that the factory requires, or a mapping that is validated by that model.
        startup_timeout: Seconds until a start has failed.
        shutdown_timeout: Seconds until a stop has failed.
        ignore: IDs of warnings about this cornerstone that are not reported.
        where: Where the cornerstone is declared, as errors show it.

    Example:
        def create_database() -> Database:
            return Database("sqlite://")

        app = compose([notes], cornerstones=[Cornerstone("db", create_database)])
    """

    name: str
    factory: Callable[..., Any]
    _: KW_ONLY
    enabled: bool = True
    settings: Settings = field(default_factory=dict)
    startup_timeout: Seconds = STARTUP_TIMEOUT
    shutdown_timeout: Seconds = SHUTDOWN_TIMEOUT
    ignore: tuple[str, ...] = ()
    where: str = ""

    @property
    def place(self) -> str:
        """Where the cornerstone is declared, as an error names it."""
        return self.where or f"cornerstone {self.name}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a composition. `str()` returns it as one line.

    Attributes:
        id: A stable ID, such as `C012`; docs/mistakes.md lists them all.
        where: The file, the line, or the table of settings.toml.
        what: What is wrong.
        hint: How to fix it.
        error: The exception behind it, if its traceback can help.
        level: `error` refuses the start; `warning` refuses nothing.
    """

    id: str
    where: str
    what: str
    hint: str
    error: BaseException | None = field(default=None, compare=False, repr=False)
    level: Level = "error"

    def __str__(self) -> str:
        return f"{self.id} {self.where}: {self.what} Hint: {self.hint}"


def errors_among(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems that refuse the start."""
    return [problem for problem in problems if problem.level == "error"]


def warnings_among(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems that refuse nothing."""
    return [problem for problem in problems if problem.level == "warning"]


class BuiltCornerstone(NamedTuple):
    """A cornerstone that is built: its declaration, the object, and the type that it provides.

    `uses` has the names of the cornerstones behind it, in the order of construction.
    """

    declared: Cornerstone
    value: Any
    provides: Any
    uses: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name that selects one of several cornerstones of a type."""
        return self.declared.name

    def hook(self, name: str) -> Callable[..., Any] | None:
        """Return a hook of the object; None where it has none."""
        try:
            hook = getattr(self.value, name, None)
        except Exception:
            # A property that fails, or an unbound proxy.
            return None
        return hook if callable(hook) else None


class BuiltApp(NamedTuple):
    """An app that is built: its declaration, the ASGI app, and the names of the cornerstones that it uses.

    `uses` has them in the order of construction, those behind another cornerstone included.
    """

    declared: App
    asgi: ASGIApp
    uses: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the app in settings, logs and errors."""
        return self.declared.name

    @property
    def prefix(self) -> str:
        """The prefix that it is mounted under; the root's is `/`."""
        return self.declared.prefix


class Step(NamedTuple):
    """The duration of one phase of one part: its import, its construction, or its start.

    `begun` is a time of `time.perf_counter()`; `seconds` is the duration, so far if it is not `over`.
    """

    phase: Literal["import", "build", "start"]
    kind: Kind
    name: str
    begun: float
    seconds: float
    over: bool = True

    @classmethod
    def since(cls, begun: float, phase: Making, kind: Kind, name: str) -> Self:
        """Return the step that began then and is over now."""
        return cls(phase, kind, name, begun, time.perf_counter() - begun)


class Notice(NamedTuple):
    """A change of the whole process by the import or the construction of one part: no mistake, but good to know.

    `change` is a clause about "it", as in "it set a handler for SIGTERM".
    """

    phase: Making
    kind: Kind
    name: str
    change: str

    def __str__(self) -> str:
        done = "imported" if self.phase == "import" else "built"
        return f"{self.kind}s/{self.name}: while it was {done}, {self.change}"


class Plan(NamedTuple):
    """All that is built, ready to start: cornerstones in order of construction, apps in order of their names.

    `secrets` are those of all settings, also of parts that could not be built; `steps` has all durations, `notices` all
    changes of the whole process.
    """

    cornerstones: tuple[BuiltCornerstone, ...]
    apps: tuple[BuiltApp, ...]
    secrets: Secrets
    steps: tuple[Step, ...] = ()
    notices: tuple[Notice, ...] = ()


class State(Enum):
    """The state of a part; the value is the word that pages and logs show."""

    PENDING = "pending"
    STARTING = "starting"
    UP = "up"
    NOT_READY = "not ready"
    FAILED = "failed"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class PartStatus:
    """The status of one app or cornerstone.

    Attributes:
        kind: `app` or `cornerstone`.
        name: The name of the part.
        state: Its state.
        reason: Why it isn't up; it contains no values, because `/readyz` shows it.
        seconds: The duration of its start.
        required: Whether the composition is ready only with this part.
    """

    kind: Kind
    name: str
    state: State = State.PENDING
    reason: str = ""
    seconds: float = 0.0
    required: bool = True
