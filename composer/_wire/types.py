"""The annotations of factories: the type of each parameter, the return type, and which type provides which."""

import functools
import inspect
import sys
import types
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, NamedTuple, Union, cast, get_args, get_origin, get_type_hints

from composer._catalogue import problem
from composer._compat.fastapi import is_handler_default
from composer._project.problems import composition_error
from composer.errors import CompositionError


class Parameter(NamedTuple):
    """One parameter of a factory: its name, the type of its annotation, and whether it has a default.

    `annotation` is the whole annotation, with constraints and validators: a value from the settings is validated by it.
    `optional` means that None is accepted; `marked` is the cornerstone's name in `Annotated[Database, "replica"]`.
    """

    name: str
    wanted: Any
    annotation: Any
    has_default: bool
    optional: bool = False
    marked: str | None = None


def parameters_of(factory: Callable[..., Any], place: str) -> list[Parameter]:
    """Return the parameters of a factory but the starred ones; raise CompositionError if they can't be used."""
    try:
        signature = inspect.signature(factory)
        hints = _hints_of(factory, signature)
    except Exception as error:
        # An annotation is the user's own code, which can raise anything.
        raise composition_error("C016", place, factory=factory_name(factory), error=error) from error
    for_handlers = [
        problem("C042", place, parameter=p.name, factory=factory_name(factory), default=default)
        for p in signature.parameters.values()
        if (default := is_handler_default(p.default))
    ]
    if for_handlers:
        raise CompositionError(for_handlers)
    return [
        _parameter(p.name, hints.get(p.name, Any), p.default is not p.empty)
        for p in signature.parameters.values()
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]


def takes_any_keyword(factory: Callable[..., Any]) -> bool:
    """Return whether a factory has a `**kwargs`."""
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(factory).parameters.values())


def return_type_of(factory: Callable[..., Any], place: str) -> Any:
    """Return the type that a factory is annotated to return, or the class itself where the factory is one.

    Raises CompositionError if there is no such annotation, or if it can't be read.
    """
    function = _without_partial(factory)
    if inspect.isclass(function):
        return function
    try:
        hints = get_type_hints(_annotated_function(function))
    except Exception as error:
        raise composition_error("C016", place, factory=factory_name(factory), error=error) from error
    returned, _ = _without_none(hints.get("return"))
    if returned in (None, types.NoneType, Any, object):
        raise composition_error("C017", place, factory=factory_name(factory))
    return returned


def _parameter(name: str, annotation: Any, has_default: bool) -> Parameter:
    wanted, marked = split_marker(annotation)
    wanted, optional = _without_none(wanted)
    wanted, inner = split_marker(wanted)
    return Parameter(name, wanted, annotation, has_default, optional, marked or inner)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """Split `Database | None` into the type and whether None is accepted; keep a union of several types."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation, False
    others = [arm for arm in get_args(annotation) if arm is not types.NoneType]
    return others[0] if len(others) == 1 else annotation, len(others) < len(get_args(annotation))


def split_marker(annotation: Any) -> tuple[Any, str | None]:
    """Split `Annotated[Database, "replica"]` into the type and the name of the cornerstone."""
    if get_origin(annotation) is not Annotated:
        return annotation, None
    wanted, *metadata = get_args(annotation)
    return wanted, next((mark for mark in metadata if isinstance(mark, str)), None)


def provides(provided: Any, wanted: Any) -> bool:
    """Return whether an object of the provided type is also of the wanted type."""
    if provided == wanted:
        return True
    classes = inspect.isclass(provided) and inspect.isclass(wanted) and wanted is not object
    return classes and wanted in provided.__mro__


def providers_of(providers: Mapping[str, Any], wanted: Any) -> list[str]:
    """Return the names of the cornerstones that provide a type."""
    return [name for name, provided in providers.items() if provides(provided, wanted)]


def type_name(wanted: Any) -> str:
    """Return a type as an error shows it."""
    if get_origin(wanted) is None and inspect.isclass(wanted):
        return wanted.__name__
    return str(wanted).replace("typing.", "")


def qualified_names(wanted: Any, others: Collection[Any]) -> tuple[str, list[str]]:
    """Return types as an error shows them, with their modules if one of the others has the same name."""
    name, names = type_name(wanted), [type_name(other) for other in others]
    if name not in names:
        return name, names
    return _full_name(wanted), [_full_name(other) for other in others]


def _full_name(wanted: Any) -> str:
    return f"{wanted.__module__}.{wanted.__qualname__}" if inspect.isclass(wanted) else type_name(wanted)


def factory_name(factory: Any) -> str:
    """Return a factory as an error shows it."""
    function = _without_partial(factory)
    name: str = getattr(function, "__qualname__", type(function).__qualname__)
    return name.rpartition("<locals>.")[2]


def value_name(value: Any) -> str:
    """Return what a factory returned as an error shows it."""
    if inspect.isclass(value):
        return f"the class {value.__name__}"
    if inspect.isroutine(value):
        return f"the function {factory_name(value)}"
    return "None" if value is None else type(value).__name__


def _hints_of(factory: Callable[..., Any], signature: inspect.Signature) -> dict[str, Any]:
    """Return the types of the parameters, by their names.

    The signature has all annotations: of functions, of objects that can be called, of an `__init__` or a `__new__`, and
    of the fields of models, dataclasses and named tuples. Those that are text are evaluated here; not so the type that
    is returned, which may be imported for type checkers only.
    """
    annotations = {p.name: p.annotation for p in signature.parameters.values() if p.annotation is not p.empty}
    names = _names_for(_without_partial(factory))
    return get_type_hints(
        cast(Any, types.SimpleNamespace(__annotations__=annotations, __globals__=names)), None, None, True
    )


def _names_for(function: Any) -> dict[str, Any]:
    """Return the global names that the annotations of something callable may use."""
    if not inspect.isclass(function):
        return getattr(inspect.unwrap(_annotated_function(function)), "__globals__", {})
    names = dict(vars(sys.modules[function.__module__])) if function.__module__ in sys.modules else {}
    for method in (function.__new__, function.__init__):
        names |= getattr(inspect.unwrap(method), "__globals__", {})
    return names


def _without_partial(factory: Any) -> Any:
    while isinstance(factory, functools.partial):
        factory = factory.func
    return factory


def _annotated_function(function: Any) -> Any:
    """Return what holds the annotations of something callable that is not a class."""
    return function if inspect.isroutine(function) else type(function).__call__
