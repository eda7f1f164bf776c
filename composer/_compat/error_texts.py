"""Error texts of other packages; where a release words one differently, only the advice is missing."""


def is_circular_import(error: BaseException, text: str) -> bool:
    """Return whether an error with this text is due to two modules that import each other."""
    # CPython 3.11, Objects/moduleobject.c and Lib/importlib/_bootstrap.py.
    return isinstance(error, ImportError) and "circular import" in text


def is_response_field_error(error: BaseException, text: str) -> bool:
    """Return whether FastAPI refuses a handler's annotation, such as a cornerstone's type without `Shared`."""
    # FastAPI 0.165, utils.py, create_model_field.
    return type(error).__name__ == "FastAPIError" and "Invalid args for response field" in text


def without_advice(message: str) -> str:
    """Return FastAPI's message about an annotation without its advice, which doesn't apply to a composition."""
    # FastAPI 0.165, utils.py, create_model_field.
    return message.partition(" If you are using a return type annotation")[0]
