"""What composer knows of Starlette's insides."""

from typing import Any

from starlette.middleware import body_limit

# Starlette 1.10, middleware/exceptions.py: where the scope has the handlers of the app that wraps the routes.
EXCEPTION_HANDLERS = "starlette.exception_handlers"

# Starlette 1.10, routing.py, Router and Mount: what matching a route leaves in the scope.
ROUTING_KEYS = frozenset(["router", "app_root_path", "endpoint", "route", "path_params", EXCEPTION_HANDLERS])


def body_counter_key() -> str | None:
    """Return the scope key of what counts a request's body; None where this release has no such thing.

    A limit inside of another one changes `max_body_size` of what it finds there, and reads its `total_size`.
    """
    # Starlette 1.10, middleware/body_limit.py, RequestBodyLimitResponder.__call__.
    key: Any = getattr(body_limit, "_BODY_LIMIT_RESPONDER_SCOPE_KEY", None)
    responder = getattr(body_limit, "RequestBodyLimitResponder", None)
    try:
        attributes = vars(responder(None, 0)) if responder else {}
    except TypeError:
        return None
    return key if isinstance(key, str) and {"max_body_size", "total_size"} <= attributes.keys() else None
