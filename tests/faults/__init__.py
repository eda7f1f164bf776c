"""The matrix of faults: every fault at every place of a composition's life, generated from one table.

    cases < parts < run,  cases < oracle,  and on top of both test_matrix, __main__

The cases, from a table of what makes sense; the apps and cornerstones that do it; what must come of it, told without a
look at composer; a server that runs one case.
`python -m tests.faults` prints the figures.
"""
