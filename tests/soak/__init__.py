"""Long trials of the real server: each is done many times, and a row of a table says what was lost.

`python -m tests.soak` runs them all; `make test` runs none of them.
"""
