"""Run the whole matrix once and print it: how many cases at each place, and how long they took in all.

python -m tests.faults
"""

import asyncio
import logging
import time
from collections import Counter

from composer._lifecycle import apps as lifecycle_apps
from tests.faults.cases import Case, Place, cases
from tests.faults.oracle import expected
from tests.faults.run import run


async def main() -> None:
    """Run each case, and print a row for each place."""
    done: Counter[Place] = Counter()
    wrong: Counter[Place] = Counter()
    begun = time.perf_counter()
    for case in cases():
        done[case.place] += 1
        wrong[case.place] += not await _ends_as_it_must(case)
    seconds = time.perf_counter() - begun
    print("| place | cases | not as they must be |\n|---|---|---|")
    for place in Place:
        print(f"| {place} | {done[place]} | {wrong[place]} |")
    print(f"| all, in {seconds:.1f} s | {done.total()} | {wrong.total()} |")


async def _ends_as_it_must(case: Case) -> bool:
    seen = await run(case)
    # The tests look at more: the journal's order, the log, the errors, the answers.
    left = Counter(entry.what for entry in seen.journal if entry.entered)
    left.subtract(entry.what for entry in seen.journal if not entry.entered)
    return seen.ending == expected(case).ending and not seen.leftover and not any(left.values())


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    lifecycle_apps.FIRST_PAUSE = 30.0
    asyncio.run(main())
