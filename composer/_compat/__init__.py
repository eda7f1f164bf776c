"""Undocumented facts about other packages, which any of their releases may change.

One module for each package. Each fact is a small function or a constant, with the release and the file in which it was
read. Where a fact no longer holds, the function reports so, and its caller takes the general path or skips that check:
never a refused app, never an ImportError, never another answer.
"""
