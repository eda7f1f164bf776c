"""Path → app: the longest prefix of whole path segments, found in a time that doesn't grow with the number of apps."""

from composer._dispatch._around import with_hooks, without_secrets
from composer._dispatch._find import Dispatcher
from composer._dispatch._guests import as_guest
from composer._dispatch._mounted import Mounted
from composer._dispatch._routes import OwnRoutes
from composer._dispatch._shortcut import Root, shortened

__all__ = ["Dispatcher", "Mounted", "OwnRoutes", "Root", "as_guest", "shortened", "with_hooks", "without_secrets"]
