"""The plain frozen data that the phases hand on: what is to be composed, what was built, what went wrong."""

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

# Where an app's OpenAPI document comes from: True for its own, where it has one; False for none; a path inside the
# app ("/openapi.json"); a file, JSON or YAML; a function that returns it, given the app if it has a parameter; itself.
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
    """Say which project is being composed; a factory asks for it by this type.

    `root` is the absolute folder at which relative paths start (that of settings.toml), `env` the name of the
    environment (`COMPOSER_ENV`, or `development`).
    """

    root: Path
    env: str = "development"


@dataclass(frozen=True, slots=True)
class App:
    """Declare one app of a composition: its name, the prefix that it is mounted under, and how to make it.

    `factory` returns an ASGI app, and its parameters are filled by their annotated types; or it is the ASGI app
    itself. `settings` is the settings model that the factory asks for, or a mapping to validate by that model.
    `startup` says when it starts: before the server opens ("wait"), while it serves ("background"), or by its first
    request ("lazy"), which waits for it beyond any `request_timeout`, and starts it though the guard may refuse it;
    `on_failure` says what a failed start does: it fails all ("abort") or this app alone ("degrade").
    `startup_timeout` and `shutdown_timeout` are seconds. `after` names the apps that have to be up before it starts.
    `max_concurrency` is how many requests and WebSockets it serves at once (beyond it: 503 with Retry-After),
    `request_timeout` in how many seconds its responses have to start (else: 504), `max_body_size` how many bytes a
    request's body may have (else: 413), unless the app or a route has one of its own; None is no limit.
    `path` says whether the app gets the whole path or the one without its prefix ("stripped"); by default the whole,
    unless it is of a framework that is known to want the other. `location="rewrite"` puts the prefix into redirects and
    cookies of an app that doesn't know of it, by default where that is known. `wsgi` says that the factory makes a WSGI
    app. `guard` names the cornerstone that is asked before each request, but for the paths of the app in `guard_exempt`
    (one that ends with a slash stands for all below it).
    `openapi` says where its OpenAPI document comes from; `owner` and `description` are shown beside it on the pages.
    `ignore` holds the IDs of warnings about this app that are not to be reported.
    """

    name: str
    prefix: str
    factory: Callable[..., Any]
    _: KW_ONLY
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
        """Whether the composition isn't ready without it; one that a request starts never is."""
        return self.on_failure == "abort" and self.startup != "lazy"

    @property
    def place(self) -> str:
        """Where the app is declared, as an error names it."""
        return self.where or f"app {self.name}"


class DeferredFactory(partial[Any]):
    """A call that imports the factory of an app when the app starts; it raises CompositionError if that fails."""


@dataclass(frozen=True, slots=True)
class Cornerstone:
    """Declare one shared object: its name, and the factory whose annotated return type others ask for.

    `settings` is the settings model that the factory asks for, or a mapping to validate by that model.
    `startup_timeout` and `shutdown_timeout` are seconds. `ignore` holds the IDs of warnings about it that are not to be
    reported.
    """

    name: str
    factory: Callable[..., Any]
    _: KW_ONLY
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
    """Represent one problem in a composition: a stable ID (`C012`), where it is, what it is, and how to fix it.

    Its `level` is "error", which refuses the start, or "warning", which refuses nothing. `error` is the exception
    behind it, where showing its traceback can help.
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
    return [found for found in problems if found.level == "error"]


def warnings_among(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems that refuse nothing."""
    return [found for found in problems if found.level == "warning"]


class BuiltCornerstone(NamedTuple):
    """A cornerstone that was made: its declaration, the object, and the type by which it is asked for."""

    declared: Cornerstone
    value: Any
    provides: Any

    @property
    def name(self) -> str:
        """The name by which cornerstones of one type are told apart."""
        return self.declared.name


class BuiltApp(NamedTuple):
    """An app that was made: its declaration, the ASGI app, and the cornerstones that it uses.

    `uses` holds their names in the order of construction, those behind another cornerstone included.
    """

    declared: App
    asgi: ASGIApp
    uses: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name that settings, logs and errors call it by."""
        return self.declared.name

    @property
    def prefix(self) -> str:
        """The prefix that it is mounted under; the root's is `/`."""
        return self.declared.prefix


class Step(NamedTuple):
    """Note what one phase took for one part: its import, its construction, or its start.

    `begun` is a time of `time.perf_counter()`, in seconds; `seconds` is what it took, or has taken so far where it is
    not `over`.
    """

    phase: Literal["import", "build", "start"]
    kind: Kind
    name: str
    begun: float
    seconds: float
    over: bool = True

    @classmethod
    def since(cls, begun: float, phase: Making, kind: Kind, name: str) -> Self:
        """Note what began then and is over now."""
        return cls(phase, kind, name, begun, time.perf_counter() - begun)


class Notice(NamedTuple):
    """Note what one part changed of the whole process while it was imported or built: no mistake, but good to know.

    `change` is a sentence about "it", as in "it set a handler for SIGTERM".
    """

    phase: Making
    kind: Kind
    name: str
    change: str

    def __str__(self) -> str:
        done = "imported" if self.phase == "import" else "built"
        return f"{self.kind}s/{self.name}: while it was {done}, {self.change}"


class Plan(NamedTuple):
    """All that was built, ready to start: cornerstones in order of construction, apps in order of their names.

    `secrets` are those of all settings, also of what could not be built; `steps` say what took how long, `notices` what
    was changed of the whole process.
    """

    cornerstones: tuple[BuiltCornerstone, ...]
    apps: tuple[BuiltApp, ...]
    secrets: Secrets
    steps: tuple[Step, ...] = ()
    notices: tuple[Notice, ...] = ()


class State(Enum):
    """Where a part stands in its life; the value is the word that pages and logs show."""

    PENDING = "pending"
    STARTING = "starting"
    UP = "up"
    NOT_READY = "not ready"
    FAILED = "failed"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class PartStatus:
    """How one part is at the moment: an app or a cornerstone, its state, and the reason where it isn't up.

    `seconds` is what its start took. The reason tells no values: it is shown to everybody who can ask. Without a part
    that isn't `required` the composition is ready all the same.
    """

    kind: Kind
    name: str
    state: State = State.PENDING
    reason: str = ""
    seconds: float = 0.0
    required: bool = True
