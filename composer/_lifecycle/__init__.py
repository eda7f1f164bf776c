"""All lifespans of a composition: cornerstones, then apps side by side; stopped in the mirrored order.

    lifespan < part < apps < run

One lifespan in a task of its own; one part while it runs; the apps, each started when its `startup` says; one run of
everything, as often as a server wants one. Beside them stands `signals`: whether the process was told to stop.
"""
