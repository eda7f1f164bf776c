"""Undocumented facts about pydantic."""

import inspect
from typing import Any, get_args


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
