"""Measure the latency while a model is replaced, compared with the latency at other times.

Run `python -m benchmarks.promote [ROUNDS]` from the repository's folder. One server predicts with the model of
`apps/house_price`; this process sends requests over 64 connections without a pause. Each round measures every row once:
`usual` and `usual again` leave the server alone and show the noise. In `swapped`, a process that was started before
promotes the model again, with all its checks, and the server loads, checks and swaps it. (The command
`composer models promote` isn't used: it imports all apps, which uses a processor for two seconds.)
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

from fastapi import FastAPI
from uvloop import run

import composer
from apps import house_price
from benchmarks.environments import REPOSITORY
from benchmarks.predict import ask
from benchmarks.predictors import KEY
from benchmarks.report import Limit, Row, Section, Table, ratios, text
from composer.contrib import auth, models
from composer.contrib.auth import hash_key
from composer.contrib.models import Models
from tests.blocks import BLOCK
from tests.serving import Server, serving

CONNECTIONS, SECONDS, ROUNDS = 64, 4.0, 9
# The variable that sets the folder of the artefacts for the server and the promotions.
FOLDER = "COMPOSER_CORNERSTONES__MODELS__FOLDER"
NAME, FILE = "house_price", REPOSITORY / "artefacts" / "house_price.joblib"
BASE, SWAPPED = "usual", "swapped"
INTRODUCTION = f"""
Latency while a new model replaces the old one: the 99th percentile over {SECONDS:g} seconds in which the model is
replaced once, as a ratio to the same time without a replacement. Lower is better. *usual again* is the noise. The
benchmark fails if any response isn't a 200.
""".strip()


def composed() -> FastAPI:
    """Compose the app that predicts."""
    cornerstones = [
        composer.Cornerstone("auth", auth.create_cornerstone, settings={"keys": [hash_key(KEY)]}),
        composer.Cornerstone("models", models.create_cornerstone, settings={"folder": os.environ[FOLDER]}),
    ]
    return composer.compose([composer.App("predict", "/", house_price.create_app)], cornerstones=cornerstones)


def promote_on_demand() -> None:
    """Promote the model for each line of input, and print a line: the process of the row `swapped`."""
    collection = Models(Path(os.environ[FOLDER]))
    collection.expect(NAME)
    for _ in sys.stdin:
        print(collection.promote(NAME, FILE).file, flush=True)


@contextmanager
def promoter(environment: Mapping[str, str]) -> Iterator[Callable[[], None]]:
    """Start the process of the row `swapped`, and yield the function that triggers a promotion."""
    command = [sys.executable, "-c", "from benchmarks.promote import promote_on_demand as go; go()"]
    pipe = subprocess.PIPE
    # The arguments are constants of the benchmarks.
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdin=pipe, stdout=pipe, text=True) as process:  # noqa: S603
        told, answers = process.stdin, process.stdout
        if told is None or answers is None:
            raise RuntimeError("the process has no pipes")

        def promote() -> None:
            print("go", file=told, flush=True)
            if not answers.readline():
                raise RuntimeError("nothing was promoted")

        promote()
        yield promote
        told.close()


def swaps(server: Server) -> int:
    """Return how often the server has logged a new model."""
    return server.output.count(f"{NAME}: new model loaded")


def measured(server: Server, work: Callable[[], None] | None, seconds: float) -> dict[str, float]:
    """Send requests for some seconds, during which a thread does some work; return the figures.

    Raises RuntimeError if the status of a response wasn't 200, or if the server hasn't swapped when it should have.
    """
    before = swaps(server)
    thread = threading.Thread(target=work)
    thread.start()
    took = run(ask(server.port, BLOCK, CONNECTIONS, seconds))
    thread.join()
    if swaps(server) - before != (work is not None):
        raise RuntimeError(f"swapped {swaps(server) - before} times in {seconds:g} seconds:\n{server.output}")
    return {
        "requests/s": len(took) / seconds,
        "ms": median(took) * 1000,
        "p99 ms": quantiles(took, n=100)[98] * 1000,
        "slowest ms": max(took) * 1000,
    }


def rounds_of(rounds: int, seconds: float) -> list[dict[str, dict[str, float]]]:
    """Measure every row once in each round, after a warm-up round."""
    arguments = ["uvicorn", "--factory", "benchmarks.promote:composed", "--port", "{port}", "--no-access-log"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(shutil.copytree(FILE.parent, Path(name) / "artefacts"))
        added = {FOLDER: str(folder)}
        with (
            serving(arguments, REPOSITORY, Path(name) / "log", added) as server,
            promoter(os.environ | added) as promote,
        ):
            server.wait_until_ready()
            works = {BASE: None, "usual again": None, SWAPPED: promote}
            # It has promoted once, as a warm-up.
            while not swaps(server):
                time.sleep(0.1)
            return [{row: measured(server, work, seconds) for row, work in works.items()} for _ in range(rounds + 1)][
                1:
            ]


def section(rounds: int = ROUNDS, seconds: float = SECONDS) -> Section:
    """Measure."""
    found = rounds_of(rounds, seconds)
    late = [{name: figures["p99 ms"] for name, figures in each.items()} for each in found]
    rows = [
        Row(
            name,
            {figure: median(each[name][figure] for each in found) for figure in found[0][name]},
            ratios(late, name, BASE),
            Limit(2.0) if name == SWAPPED else None,
        )
        for name in found[0]
    ]
    title = f"The 99th percentile; {CONNECTIONS} connections, medians of {rounds} rounds of {seconds:g} s"
    return Section("promote", "A new model without a restart", INTRODUCTION, [Table(title, rows)])


if __name__ == "__main__":
    print(text(section(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)))
