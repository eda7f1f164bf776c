"""Validation of tables by models, with the place of every problem; no value is part of a problem's text."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from pydantic import AliasChoices, AliasPath, BaseModel, PydanticUserError, ValidationError
from pydantic.fields import FieldInfo

from composer._catalogue import problem
from composer._model import Problem
from composer._secrets import validation_errors
from composer._settings.table import Table, place_of
from composer._text import describe_error, did_you_mean, listed, nearest

Model = TypeVar("Model", bound=BaseModel)

_MISSING: Final = "it is required"


def validated_or_default(model: type[Model], table: Table) -> tuple[Model, list[Problem]]:
    """Validate a table whose keys all have defaults: an invalid value is replaced by its default."""
    whole, problems = validated(model, table, "composer")
    if whole is not None:
        return whole, []
    valid = {key: value for key, value in table.items() if validated(model, {key: value}, "")[0] is not None}
    return model.model_validate(valid), problems


def validated(model: type[Model], table: Mapping[str, Any], owner: str) -> tuple[Model | None, list[Problem]]:
    """Validate a table by a model; unknown keys are forbidden unless the model itself configures `extra`.

    Returns the model, or None and one problem for each invalid value and each unknown key.
    """
    if isinstance(table, Table):
        table = table.respelled(partial(_fields_at, model))
    try:
        return model.model_validate(dict(table), extra=model.model_config.get("extra") or "forbid"), []
    except ValidationError as error:
        return None, _problems_of(error, model, table, owner)
    except Exception as error:
        # A validator raised what pydantic doesn't expect, and its text may contain the value; or the model is unusable.
        why = describe_error(error) if isinstance(error, PydanticUserError) else type(error).__name__
        return None, [problem("C034", owner, model=model.__name__, why=why)]


def _problems_of(error: ValidationError, model: type[BaseModel], table: Mapping[str, Any], owner: str) -> list[Problem]:
    """Return a problem for each unknown key, and one for each invalid value, with all reasons."""
    problems: list[Problem] = []
    reasons: dict[tuple[str, ...], list[str]] = {}
    rows = list(validation_errors(error, table))
    unknown = [row["loc"] for row, _ in rows if row["type"] == "extra_forbidden"]
    for row, reason in rows:
        loc, is_missing = row["loc"], row["type"] == "missing"
        if row["type"] == "extra_forbidden":
            problems.append(unknown_key(place_of(table, loc, owner), str(loc[-1]), _fields_at(model, loc[:-1])))
        elif not (is_missing and any(_is_misspelt(other, loc) for other in unknown)):
            path = _path_in(table, loc, is_missing)
            reasons.setdefault(path, []).append(_MISSING if is_missing else reason)
    for path, texts in reasons.items():
        where, why = place_of(table, path, owner), "; ".join(dict.fromkeys(texts))
        of_model = problem("C034", where, model=model.__name__, why=why)
        problems.append(invalid_value(where, ".".join(path), why, owner) if path else of_model)
    return problems


def _is_misspelt(unknown: tuple[int | str, ...], missing: tuple[int | str, ...]) -> bool:
    """Return whether an unknown key is a missing one of the same table, misspelt."""
    return unknown[:-1] == missing[:-1] and bool(nearest(str(unknown[-1]), [str(missing[-1])]))


def invalid_value(where: str, key: str, why: str, owner: str) -> Problem:
    """Return the problem of a value that its owner, composer or a factory, doesn't accept."""
    advice = f"Change the value, or the type that {owner} declares for it."
    if why == _MISSING:
        advice = f"Add {key} to that table."
    elif owner == "composer":
        advice = "Change the value, or remove the key to use the default."
    return problem("C004", where, key=key, why=why, advice=advice)


def unknown_key(place: str, key: str, known: Iterable[str]) -> Problem:
    """Return the problem of an unknown key, with the nearest known one."""
    names = list(known)
    return problem("C003", place, key=key, near=did_you_mean(key, names), known=listed(names))


def _path_in(table: Mapping[str, Any], loc: tuple[int | str, ...], is_missing: bool) -> tuple[str, ...]:
    """Return the location of a validation error as a path of keys in the table, without the steps that name types."""
    path: list[str] = []
    inner: Any = table
    for step in loc:
        if step in inner if isinstance(inner, Mapping) else isinstance(inner, list) and isinstance(step, int):
            inner = inner[step]
            path.append(str(step))
    return (*path, str(loc[-1])) if is_missing and loc else tuple(path)


def _fields_at(model: type[BaseModel], loc: Iterable[int | str]) -> list[str]:
    """Return the keys that the table may have at that place."""
    models = [model]
    for step in loc:
        fields = [
            info for each in models for name, info in each.model_fields.items() if step in _input_names(name, info)
        ]
        inside = [kind for info in fields for kind in _classes_in(info.annotation) if issubclass(kind, BaseModel)]
        models = inside if fields else models
    return [key for each in models for name, info in each.model_fields.items() for key in _input_names(name, info)]


def resolve_paths(root: Path, value: Any) -> Any:
    """Return settings in which every relative Path starts at `root`, also in models, lists and tables."""
    if isinstance(value, Path):
        return root / value
    if isinstance(value, BaseModel):
        update = {name: resolve_paths(root, getattr(value, name)) for name in type(value).model_fields}
        return value.model_copy(update=update)
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(resolve_paths(root, item) for item in value)
    if isinstance(value, dict):
        return {key: resolve_paths(root, item) for key, item in value.items()}
    return value


def _input_names(name: str, field: FieldInfo) -> list[str]:
    """Return the names under which a field of a model may be written: its aliases, else its own."""
    alias = field.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias or name]
    return [str(choice.path[0]) if isinstance(choice, AliasPath) else choice for choice in choices]


def _classes_in(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type):
        yield annotation
    for argument in get_args(annotation):
        yield from _classes_in(argument)
