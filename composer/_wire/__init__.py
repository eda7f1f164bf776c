"""Types → order of construction → constructed objects; and `Shared`, the same objects inside handlers.

What makes them stands in `_construct` and is imported from there: it takes three times as long to import as the rest,
and modules that need `Shared` don't wait for it.
"""

from composer._wire.deferred import LateApp
from composer._wire.order import ordered
from composer._wire.shared import SCOPE_KEY, Shared, SharedObjects, demands_of

__all__ = ["SCOPE_KEY", "LateApp", "Shared", "SharedObjects", "demands_of", "ordered"]
