"""What a factory's annotations say: the type of every parameter, the type that is returned, and what fits what."""

import functools
import inspect
import types
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from composer._catalogue import problem
from composer._compat.fastapi import is_handler_default
from composer._model import Problem


class Parameter(NamedTuple):
    """One parameter of a factory: its name, the type that it is annotated with, and whether it can be left out.

    `annotation` is all that is written there: a value from the settings is validated by it, constraints and validators
    included. `optional` means that None is accepted, `marked` is the cornerstone's name in
    `Annotated[Database, "replica"]`.
    """

    name: str
    wanted: Any
    annotation: Any
    has_default: bool
    optional: bool = False
    marked: str | None = None


def parameters_of(factory: Callable[..., Any], where: str) -> tuple[list[Parameter], list[Problem]]:
    """Read the parameters of a factory; starred ones take nothing and are left out."""
    try:
        signature = inspect.signature(factory)
        hints = _hints_of(factory, signature)
    except Exception as error:
        # An annotation is code of the user's own, which can raise anything.
        return [], [problem("C016", where, factory=factory_name(factory), error=error)]
    if wrong := _for_handlers(signature, factory, where):
        return [], wrong
    starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        _parameter(parameter.name, hints.get(parameter.name, Any), parameter.default is not parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.kind not in starred
    ], []


def _for_handlers(signature: inspect.Signature, factory: Callable[..., Any], where: str) -> list[Problem]:
    """Return a problem for every default that is a Depends(), a Query() or the like."""
    return [
        problem("C042", where, parameter=p.name, factory=factory_name(factory), default=default)
        for p in signature.parameters.values()
        if (default := is_handler_default(p.default))
    ]


def takes_any_keyword(factory: Callable[..., Any]) -> bool:
    """Tell whether a factory has a `**kwargs`."""
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(factory).parameters.values())


def return_type_of(factory: Callable[..., Any], where: str) -> tuple[Any, Problem | None]:
    """Read the type that a factory promises to return: its annotation, or the class itself where it is one."""
    if inspect.isclass(made := _unwrapped(factory)):
        return made, None
    try:
        hints = get_type_hints(_function_of(factory))
    except Exception as error:
        return None, problem("C016", where, factory=factory_name(factory), error=error)
    promised, _ = _without_none(hints.get("return"))
    if promised in (None, types.NoneType, Any, object):
        return None, problem("C017", where, factory=factory_name(factory))
    return promised, None


def _parameter(name: str, annotation: Any, has_default: bool) -> Parameter:
    wanted, marked = split_marker(annotation)
    wanted, optional = _without_none(wanted)
    wanted, inner = split_marker(wanted)
    return Parameter(name, wanted, annotation, has_default, optional, marked or inner)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """Take `Database | None` apart into the type and whether None is in it; a union of more stays as it is."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation, False
    others = [arm for arm in get_args(annotation) if arm is not types.NoneType]
    return others[0] if len(others) == 1 else annotation, len(others) < len(get_args(annotation))


def split_marker(annotation: Any) -> tuple[Any, str | None]:
    """Take `Annotated[Database, "replica"]` apart into the type and the name that marks it."""
    if get_origin(annotation) is not Annotated:
        return annotation, None
    wanted, *metadata = get_args(annotation)
    return wanted, next((mark for mark in metadata if isinstance(mark, str)), None)


def provides(provided: Any, wanted: Any) -> bool:
    """Tell whether an object of the provided type is one of the wanted type."""
    if provided == wanted:
        return True
    classes = inspect.isclass(provided) and inspect.isclass(wanted) and wanted is not object
    return classes and wanted in provided.__mro__


def providers_of(offers: Mapping[str, Any], wanted: Any) -> list[str]:
    """Return the names of the cornerstones, given with their types, that are of the wanted type."""
    return [name for name, provided in offers.items() if provides(provided, wanted)]


def type_name(wanted: Any) -> str:
    """Return a type as an error shows it."""
    if get_origin(wanted) is None and inspect.isclass(wanted):
        return wanted.__name__
    return str(wanted).replace("typing.", "")


def qualified_names(wanted: Any, others: Collection[Any]) -> tuple[str, list[str]]:
    """Return types as an error shows them, with their modules where one of the others has the same name."""
    name, names = type_name(wanted), [type_name(other) for other in others]
    if name not in names:
        return name, names
    return _full_name(wanted), [_full_name(other) for other in others]


def _full_name(wanted: Any) -> str:
    return f"{wanted.__module__}.{wanted.__qualname__}" if inspect.isclass(wanted) else type_name(wanted)


def factory_name(factory: Any) -> str:
    """Return a factory as an error shows it."""
    function = _unwrapped(factory)
    name: str = getattr(function, "__qualname__", type(function).__qualname__)
    return name.rpartition("<locals>.")[2]


def made_name(value: Any) -> str:
    """Return what a factory returned as an error shows it."""
    return "nothing" if value is None else type(value).__name__


def _hints_of(factory: Callable[..., Any], signature: inspect.Signature) -> dict[str, Any]:
    """Return what the parameters of something callable are annotated with, by their names."""
    function = _unwrapped(factory)
    if not inspect.isclass(function):
        return _hints_of_parameters(_function_of(function))
    if issubclass(function, tuple) and list(signature.parameters) == list(getattr(function, "_fields", ())):
        # What makes a named tuple was written by Python, without the names of the module that the types come from.
        return get_type_hints(function, include_extras=True)
    told = _told_by_signature(function, signature)
    if told.keys() == signature.parameters.keys():
        return told
    written = [method for method in (function.__init__, function.__new__) if inspect.isfunction(method)]
    hints = [get_type_hints(method, include_extras=True) for method in written]
    return {name: hint for each in [*hints, told] for name, hint in each.items()}


def _hints_of_parameters(function: Any) -> dict[str, Any]:
    # The type that is returned may be imported for checkers only: nobody asks for an app by it.
    written = {name: hint for name, hint in getattr(function, "__annotations__", {}).items() if name != "return"}
    names = getattr(inspect.unwrap(function), "__globals__", {})
    without_return: Any = types.SimpleNamespace(__annotations__=written, __globals__=names)
    return get_type_hints(without_return, include_extras=True)


def _told_by_signature(made: type, signature: inspect.Signature) -> dict[str, Any]:
    """Return the types of the fields of pydantic's models and dataclasses, which stand in their signature.

    What is a text there is a parameter of an __init__ of their own.
    """
    if not hasattr(made, "__signature__"):
        return {}
    found = {p.name: p.annotation for p in signature.parameters.values() if p.annotation is not p.empty}
    return {name: annotation for name, annotation in found.items() if not isinstance(annotation, str)}


def _unwrapped(factory: Any) -> Any:
    while isinstance(factory, functools.partial):
        factory = factory.func
    return factory


def _function_of(factory: Callable[..., Any]) -> Any:
    """Return where the annotations of something callable stand that is no class."""
    function = _unwrapped(factory)
    return function if inspect.isroutine(function) else type(function).__call__
