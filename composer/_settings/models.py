"""The tables of settings.toml whose keys are composer's own."""

from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, TypeAdapter, ValidationError

from composer._model import MAX_BODY_SIZE, SHUTDOWN_TIMEOUT, STARTUP_TIMEOUT, LocationForm, OnFailure, PathForm, Startup
from composer._text import names_in


def _truth(value: Any) -> Any:
    """Read the words for true and false as what they say: the environment has no other way to write them."""
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


@cache
def _byte_size() -> TypeAdapter[ByteSize]:
    return TypeAdapter(ByteSize)


def _bytes(value: Any) -> Any:
    """Read a number of bytes, or a text like 10MB; what pydantic says about a wrong one repeats a part of it."""
    try:
        return _byte_size().validate_python(value)
    except ValidationError:
        raise ValueError("it is neither a number of bytes nor a size such as '10MB' or '16MiB'") from None


def _names(value: Any) -> Any:
    return names_in(value) if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_names)]
Bytes = Annotated[int, Field(gt=0), BeforeValidator(_bytes)]


class ComposerTable(BaseModel):
    """The table `[composer]`: what is composed. Packages are import names, found from the settings' folder first.

    A list of one name may be written as the name alone.

    `max_body_size` is that of every app whose own table has none. `ignore` holds the IDs of warnings that are not to be
    reported; the table of an app or a cornerstone has that key too. `request_log` logs each request and gives it an id,
    `metrics` opens `/metrics` (with the extra `fastapi-composer[metrics]`).
    """

    model_config = ConfigDict(frozen=True)

    title: str = Field("composer", min_length=1)
    version: str = Field("0.1.0", min_length=1)
    apps: Names = ["apps"]
    cornerstones: Names = ["shared"]
    only: Names | None = None
    max_body_size: Bytes = MAX_BODY_SIZE
    ignore: list[str] = []
    request_log: bool = True
    metrics: bool = False


class AppTable(BaseModel):
    """The table `[apps.NAME]`: how one app is mounted, started, limited and stopped. Every key is optional.

    Times are in seconds. A `max_body_size` is a number of bytes, or a text like "10MB" or "16MiB".
    """

    model_config = ConfigDict(frozen=True)

    prefix: str | None = None
    enabled: bool = True
    factory: str | None = None
    plugin: str | None = None
    startup: Startup = "wait"
    startup_timeout: float = Field(STARTUP_TIMEOUT, gt=0)
    shutdown_timeout: float = Field(SHUTDOWN_TIMEOUT, gt=0)
    on_failure: OnFailure = "abort"
    after: list[str] = []
    max_concurrency: int | None = Field(None, gt=0)
    request_timeout: float | None = Field(None, gt=0, allow_inf_nan=False)
    max_body_size: Bytes | None = None
    path: PathForm | None = None
    location: LocationForm | None = None
    wsgi: bool = False
    guard: str = ""
    guard_exempt: list[str] = []
    ignore: list[str] = []
    openapi: Annotated[bool | str, BeforeValidator(_truth)] = True
    owner: str = ""
    description: str = ""
    settings: dict[str, Any] = {}


class CornerstoneTable(BaseModel):
    """The keys of `[cornerstones.NAME]` that are composer's own; all others are the cornerstone's settings."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    factory: str | None = None
    plugin: str | None = None
    enabled: bool = True
    ignore: list[str] = []
    startup_timeout: float = Field(STARTUP_TIMEOUT, gt=0)
    shutdown_timeout: float = Field(SHUTDOWN_TIMEOUT, gt=0)
