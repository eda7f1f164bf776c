"""The result of one trial."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One row of the table: the fault, the number of repetitions, the number of failures, and observations.

    `lost` counts failures: a missing acknowledged write, a violation, a hang. The trial fails unless it is 0.
    """

    done: str
    times: int
    lost: int
    seen: str = ""
