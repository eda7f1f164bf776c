"""The keys of composer in an ASGI scope, and the path that an app matches."""

from typing import Final

from starlette.types import Scope

# The shared objects of the composition.
SCOPE_SHARED: Final = "composer.shared"
# The threads of the app that serves the request.
SCOPE_THREADS: Final = "composer.threads"
# What an app raised on the fast path.
SCOPE_RAISED: Final = "composer.raised"
# The record of the request, where it is observed.
SCOPE_RECORD: Final = "composer.request"
# Marks a request of composer's own, for an app's document; no client can set it.
SCOPE_INTERNAL: Final = "composer.internal"
# What lets the request that waits behind a guard pass.
SCOPE_ADMIT: Final = "composer.admit"


def route_path(scope: Scope) -> str:
    """Return the part of a request's path that an app's routes match: without `root_path`, where that comes before it.

    Source: the ASGI specification, HTTP connection scope, `path` and `root_path`; Starlette's routes see the same path.
    """
    path: str = scope["path"]
    root_path = scope.get("root_path", "")
    if not root_path or not path.startswith(root_path):
        return path
    rest = path[len(root_path) :]
    return rest if not rest or rest[0] == "/" else path
