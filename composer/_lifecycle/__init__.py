"""All lifespans of a composition: cornerstones, then apps side by side; stopped in the mirrored order.

    _part < _apps < _run

One part while it runs; the apps, each started when its `startup` says; one run of everything, as often as a server
wants one.
"""

from composer._lifecycle._run import Lifecycle

__all__ = ["Lifecycle"]
