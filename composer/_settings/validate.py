"""Tables validated by models, with the place of every mistake; no value is part of a problem's text."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import AliasChoices, BaseModel, PydanticUserError, ValidationError
from pydantic.fields import FieldInfo

from composer._catalogue import problem
from composer._model import Problem
from composer._secrets import validation_errors
from composer._settings.table import Table, place_of
from composer._text import describe_error, did_you_mean, listed, nearest

Model = TypeVar("Model", bound=BaseModel)


def validated_or_default(model: type[Model], table: Table) -> tuple[Model, list[Problem]]:
    """Validate a table of composer's own, whose keys all have defaults: a wrong value counts as not given.

    So what else is wrong is found too.
    """
    found, problems = validated(model, table, "composer")
    if found is not None:
        return found, []
    right = {key: value for key, value in table.items() if validated(model, {key: value}, "")[0] is not None}
    return model.model_validate(right), problems


def validated(model: type[Model], table: Mapping[str, Any], owner: str) -> tuple[Model | None, list[Problem]]:
    """Validate a table by a model; unknown keys are forbidden unless the model itself says what to do with them.

    Returns the model, or None, with one problem for each wrong value and each unknown key.
    """
    if isinstance(table, Table):
        table = table.spelled(partial(_fields_at, model))
    try:
        return model.model_validate(dict(table), extra=model.model_config.get("extra") or "forbid"), []
    except ValidationError as error:
        return None, _invalid(model, table, owner, error)
    except Exception as error:
        # A validator raised what pydantic doesn't expect, and its text may hold the value; or it's no usable model.
        why = describe_error(error) if isinstance(error, PydanticUserError) else type(error).__name__
        return None, [problem("C034", owner, model=model.__name__, why=why)]


def _invalid(model: type[BaseModel], table: Mapping[str, Any], owner: str, error: ValidationError) -> list[Problem]:
    """Return a problem for each unknown key, and one for each wrong value, with all that is wrong about it."""
    problems: list[Problem] = []
    reasons: dict[tuple[str, ...], list[str]] = {}
    rows = list(validation_errors(error, table))
    unknown = [row["loc"] for row, _ in rows if row["type"] == "extra_forbidden"]
    for row, said in rows:
        loc = row["loc"]
        if row["type"] == "missing" and any(_was_meant(other, loc) for other in unknown):
            continue
        if row["type"] == "extra_forbidden":
            problems.append(unknown_key(place_of(table, loc, owner), str(loc[-1]), _fields_at(model, loc[:-1])))
        else:
            missing = row["type"] == "missing"
            reasons.setdefault(_path_in(table, loc, missing), []).append("it is required" if missing else said)
    for path, found in reasons.items():
        where = place_of(table, path, owner)
        key, reason = ".".join(path), "; ".join(dict.fromkeys(found))
        problems.append(
            problem("C004", where, key=key, why=reason, owner=owner)
            if path
            else problem("C034", where, model=model.__name__, why=reason)
        )
    return problems


def _was_meant(unknown: tuple[int | str, ...], missing: tuple[int | str, ...]) -> bool:
    """Return whether an unknown key is a missing one of the same table, misspelt."""
    return unknown[:-1] == missing[:-1] and bool(nearest(str(unknown[-1]), [str(missing[-1])]))


def unknown_key(place: str, key: str, known: Iterable[str]) -> Problem:
    """Make the problem of a key that nobody knows, with the nearest one that is known."""
    names = list(known)
    return problem("C003", place, key=key, near=did_you_mean(key, names), known=listed(names))


def _path_in(table: Mapping[str, Any], loc: tuple[int | str, ...], missing: bool) -> tuple[str, ...]:
    """Return a place that pydantic names as a path of keys in the table, without the steps that stand for types."""
    path: list[str] = []
    here: Any = table
    for step in loc:
        inside = step in here if isinstance(here, Mapping) else isinstance(here, list) and isinstance(step, int)
        if inside:
            here = here[step]
            path.append(str(step))
    return (*path, str(loc[-1])) if missing and loc else tuple(path)


def _fields_at(model: type[BaseModel], loc: Iterable[int | str]) -> list[str]:
    """Return what may be written in the table at that place, as it is written there."""
    models = [model]
    for step in loc:
        fields = [info for each in models for name, info in each.model_fields.items() if step in _spelled(name, info)]
        models = [inner for info in fields for inner in _models_in(info.annotation)] if fields else models
    return [word for each in models for name, info in each.model_fields.items() for word in _spelled(name, info)]


def _spelled(name: str, info: FieldInfo) -> list[str]:
    alias = info.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return [choice for choice in choices if isinstance(choice, str)] or [name]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]


def with_paths_from(root: Path, value: Any) -> Any:
    """Return settings in which every relative Path starts at `root`; models, lists and tables are gone through."""
    if isinstance(value, Path):
        return root / value
    if isinstance(value, BaseModel):
        update = {name: with_paths_from(root, getattr(value, name)) for name in type(value).model_fields}
        return value.model_copy(update=update)
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(with_paths_from(root, item) for item in value)
    if isinstance(value, dict):
        return {key: with_paths_from(root, item) for key, item in value.items()}
    return value
