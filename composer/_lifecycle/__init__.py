"""All lifespans of a composition: cornerstones, then apps side by side; stopped in the mirrored order.

    lifespan < part < apps < run

One lifespan in a task of its own; one part while it runs; the apps, each started when its `startup` says; one run of
everything, as often as a server starts. `signals`, beside them, knows whether the process was asked to stop.
"""
