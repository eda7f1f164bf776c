"""The keys of composer in an ASGI scope."""

from typing import Final

# The shared objects of the composition.
SCOPE_SHARED: Final = "composer.shared"
# The threads of the app that serves the request.
SCOPE_THREADS: Final = "composer.threads"
# The exception of an app that was called on the fast path.
SCOPE_RAISED: Final = "composer.raised"
# The record of the request, where an observer is installed.
SCOPE_RECORD: Final = "composer.request"
# Marks a request that composer makes itself, for an app's document; no client can set it.
SCOPE_INTERNAL: Final = "composer.internal"
# The app behind a guard, with its request, until the guard lets it in.
SCOPE_BEHIND: Final = "composer.behind"
