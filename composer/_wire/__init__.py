"""Types → order of construction → constructed objects; and `Shared`, the same objects inside handlers.

What makes them stands in `_construct` and is imported from there: it takes three times as long to import as the rest,
and modules that need `Shared` don't wait for it.
"""

from composer._wire.deferred import DeferredApp
from composer._wire.order import ordered
from composer._wire.shared import Shared, SharedObjects, shared_dependencies_of

__all__ = ["DeferredApp", "Shared", "SharedObjects", "ordered", "shared_dependencies_of"]
