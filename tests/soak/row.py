"""What one trial says when it is over."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One row of the table: what was done to the server, how often, what was lost, and what else was seen.

    `lost` counts what must never happen: an acknowledged write that is missing, a violation, a hang. It is 0, or the
    trial has failed.
    """

    done: str
    times: int
    lost: int
    seen: str = ""
