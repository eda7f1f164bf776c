"""Types → order of construction → constructed objects; and `Shared`, the same objects inside handlers."""

from composer._wire._construct import check_root_demands, wire
from composer._wire._order import ordered
from composer._wire._shared import SCOPE_KEY, Shared, SharedObjects, demands_of

__all__ = ["SCOPE_KEY", "Shared", "SharedObjects", "check_root_demands", "demands_of", "ordered", "wire"]
