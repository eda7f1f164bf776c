"""The process in which `benchmarks.finding` measures one way to combine apps.

`python -m benchmarks.finding_worker MODULE WAY SIZE...` combines apps and writes a line of JSON with the versions of
the packages and the rows. For each line of input it then measures every row once, and writes a line with three times in
microseconds for each: an app alone, the app called directly, and the request itself.
"""

import asyncio
import gc
import importlib
import json
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp

from benchmarks.calls import Together, receive, scope_of, send, status_of
from benchmarks.report import versions

# Seconds of one measurement, and the minimum number of its requests.
LENGTH, FEWEST = 0.02, 3
UNKNOWN, NOISE = "unknown", "direct again"


@dataclass(frozen=True)
class Place:
    """One row: a path to request, and the direct call with the same response."""

    apps: int
    place: str
    asked: ASGIApp
    path: str
    direct: ASGIApp
    prefix: str
    asked_prefix: str = ""


def places(together: Together) -> Iterator[Place]:
    """Return the rows of some combined apps."""
    last = len(together.apps) - 1
    told = together.prefixes if together.knows_its_prefix else [""] * len(together.prefixes)
    numbers = {"first": 0, "middle": last // 2, "last": last} if last else {"last": last}
    for place, number in numbers.items():
        path = f"{together.prefixes[number]}/0"
        yield Place(last + 1, place, together.root, path, together.apps[number], told[number])
    app = together.apps[last]
    yield Place(last + 1, UNKNOWN, together.root, "/nowhere/0", app, told[last])
    if not last:
        yield Place(1, NOISE, app, "/0", app, told[last], asked_prefix=told[last])


async def microseconds(app: ASGIApp, path: str, root_path: str) -> float:
    """Return the processor time of one request, from as many as fit into the time."""
    once = await time_of(app, path, root_path, 1)
    return await time_of(app, path, root_path, max(FEWEST, int(LENGTH * 1e6 / max(once, 1.0))))


async def time_of(app: ASGIApp, path: str, root_path: str, requests: int) -> float:
    """Return the microseconds of one request, from that many."""
    scopes = [scope_of(path, root_path) for _ in range(requests)]
    start = time.process_time()
    for scope in scopes:
        await app(scope, receive, send)
    return (time.process_time() - start) / requests * 1e6


async def measured(row: Place, alone: ASGIApp) -> tuple[float, float, float]:
    """Measure one row: the app alone, the app called directly, and the request."""
    untouched = await microseconds(alone, "/0", "")
    direct = await microseconds(row.direct, "/0", row.prefix)
    return untouched, direct, await microseconds(row.asked, row.path, row.asked_prefix)


async def started(module: Any, way: str, sizes: list[int], stack: AsyncExitStack) -> list[Place]:
    """Combine the apps, and check the response of each."""
    rows = [row for size in sizes for row in places(await module.together(way, size, stack))]
    for row in rows:
        status = await status_of(row.asked, scope_of(row.path, row.asked_prefix))
        if status != (404 if row.place == UNKNOWN else 200):
            raise RuntimeError(f"{way} of {row.apps} answers {status} to {row.path}")
        if (status := await status_of(row.direct, scope_of("/0", row.prefix))) != 200:
            raise RuntimeError(f"an app of {way} answers {status} when it is called directly")
    return rows


async def main(module_name: str, way: str, sizes: list[int]) -> None:
    """Measure once for each line of input."""
    # The output of other frameworks must not get between the lines of JSON.
    output, sys.stdout = sys.stdout, sys.stderr
    module = importlib.import_module(module_name)
    async with AsyncExitStack() as stack:
        rows = await started(module, way, sizes, stack)
        alone = (await module.together(way, 1, stack)).apps[0]
        # The apps in memory are the same for all rows; only the garbage of requests is to be collected.
        gc.collect()
        gc.freeze()
        told = versions(module.PACKAGES[way])
        print(json.dumps({"versions": told, "rows": [(row.apps, row.place) for row in rows]}), file=output, flush=True)
        while sys.stdin.readline():
            print(json.dumps([await measured(row, alone) for row in rows]), file=output, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], [int(size) for size in sys.argv[3:]]))
