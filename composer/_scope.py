"""The keys of composer in an ASGI scope."""

from typing import Final

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
