"""The tables of settings.toml whose keys are composer's own. `App` and `Cornerstone` declare most of their keys."""

from dataclasses import fields
from typing import Annotated, Any, TypeVar, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from composer._model import MAX_BODY_SIZE, App, Bytes, Cornerstone
from composer._text import names_in


def _boolean(value: Any) -> Any:
    """Convert "true" and "false" to booleans: the environment has no other way to write them."""
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(lambda value: names_in(value) if isinstance(value, str) else value)]


class ComposerTable(BaseModel):
    """The table `[composer]`: what is composed. Packages are import names, found from the settings' folder first.

    A list of one name may be written as the name alone.

    `max_body_size` is the default of all apps. `ignore` lists the IDs of warnings that are not reported; the tables of
    apps and cornerstones have that key too. `request_log` logs each request and assigns it an ID; `metrics` serves
    `/metrics` (with the extra `fastapi-composer[metrics]`).
    """

    model_config = ConfigDict(frozen=True)

    title: str = Field("composer", min_length=1)
    version: str = Field("0.1.0", min_length=1)
    apps: Names = ["apps"]
    cornerstones: Names = ["shared"]
    only: Names | None = None
    max_body_size: Bytes = MAX_BODY_SIZE
    ignore: Names = []
    request_log: bool = True
    metrics: bool = False


class PartTable(BaseModel):
    """The keys of the table of an app or a cornerstone that say where it comes from."""

    model_config = ConfigDict(frozen=True)

    factory: str | None = None
    plugin: str | None = None


class _AppTable(PartTable):
    app: str | None = None
    prefix: str | None = None
    openapi: Annotated[bool | str, BeforeValidator(_boolean)] = True
    settings: dict[str, Any] = {}


class _CornerstoneTable(PartTable):
    # All other keys are the cornerstone's settings.
    model_config = ConfigDict(extra="ignore")


_OWN_KEYS = {*_AppTable.model_fields}
# The fields of a part that are not keys of a table, or have other types there.
_NOT_SHARED = {"_", "name", "where", *_OWN_KEYS}

TableT = TypeVar("TableT", bound=PartTable)


def _with_fields_of(part: type[App | Cornerstone], own: type[TableT], name: str) -> type[TableT]:
    """Return a table model with its own keys and the fields of a part; a tuple is a list there."""
    hints = get_type_hints(part, include_extras=True)
    shared = {field.name: field.default for field in fields(part) if field.name not in _NOT_SHARED}
    types = {key: list[str] if hints[key] == tuple[str, ...] else hints[key] for key in shared}
    keys: Any = {key: (types[key], list(value) if value == () else value) for key, value in shared.items()}
    return create_model(name, __base__=own, **keys)


AppTable = _with_fields_of(App, _AppTable, "AppTable")
CornerstoneTable = _with_fields_of(Cornerstone, _CornerstoneTable, "CornerstoneTable")


def shared_values(table: PartTable) -> dict[str, Any]:
    """Return the values of a table that are fields of its part, too."""
    values = {key: getattr(table, key) for key in type(table).model_fields if key not in _OWN_KEYS}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
