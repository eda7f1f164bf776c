"""Undocumented facts about pydantic."""

import inspect
from collections.abc import Mapping
from typing import Any, get_args

from pydantic.fields import FieldInfo


def known_fields(kind: type) -> Mapping[str, FieldInfo] | None:
    """Return the fields of a model or of a pydantic dataclass; None for any other class and where unknown."""
    # pydantic 2.14, main.py and dataclasses.py.
    return getattr(kind, "__pydantic_fields__", None)


def types_of_own_errors() -> frozenset[str]:
    """Return the types of errors whose text is pydantic's own, not a validator's; none where unknown."""
    try:
        # pydantic-core 2.50, core_schema.py.
        from pydantic_core.core_schema import ErrorType
    except ImportError:
        return frozenset()
    return frozenset(get_args(ErrorType)) - {"value_error", "assertion_error"}


def is_v1_model(wanted: Any) -> bool:
    """Return whether a type is a model of pydantic.v1, without importing that: it warns on newer Pythons."""
    # pydantic 2.12, v1/main.py.
    return inspect.isclass(wanted) and any(base.__module__.startswith("pydantic.v1.") for base in wanted.__mro__)
