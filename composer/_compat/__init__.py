"""All that composer knows of the insides of other packages: what no release of theirs promises to keep.

A module for each neighbour; each fact is a small function or a constant, with the release and the place that it was
read in. Where a fact doesn't hold any more, the function says so, and its caller takes the general way or leaves that
check out: never a refused app, never an ImportError, never another answer.
"""
