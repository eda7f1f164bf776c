"""What composer knows of pydantic's insides."""

import inspect
from typing import Any


def is_v1_model(wanted: Any) -> bool:
    """Return whether a type is a model of pydantic.v1, which isn't imported to know it: it warns on newer Pythons."""
    # pydantic 2.12, v1/main.py.
    return inspect.isclass(wanted) and any(base.__module__.startswith("pydantic.v1.") for base in wanted.__mro__)
