"""The keys under which composer keeps what is its own in an ASGI scope."""

from typing import Final

# The shared objects of the composition.
SCOPE_SHARED: Final = "composer.shared"
# The threads of the app that serves the request.
SCOPE_THREADS: Final = "composer.threads"
# What an app raised that was called on the fast path.
SCOPE_RAISED: Final = "composer.raised"
# The record of the request, where somebody observes it.
SCOPE_RECORD: Final = "composer.request"
# Marks a request that composer makes itself, for an app's document; no client can set it.
SCOPE_INTERNAL: Final = "composer.internal"
# What waits behind a guard for the guard's answer.
SCOPE_BEHIND: Final = "composer.behind"
