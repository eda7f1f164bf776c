"""Measure the memory of four workers that share a preloaded model, compared with four that each load it.

Run `python -m benchmarks.preload [ROUNDS]` from the repository's folder; it requires Linux and gunicorn (the extra
`preload`). A round serves one random forest of about 240 MiB with `composer serve --workers 4`, once with `--preload`
and twice without, lets every worker predict, and sums up the proportional set size (PSS: a page that n processes share
counts 1/n in each) of all processes. The ratio of a round is between these two sums.
"""

import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median

import httpx
import numpy as np
import psutil
from fastapi import FastAPI, Request
from sklearn.ensemble import RandomForestRegressor

from benchmarks.report import Limit, Row, Section, Table, text
from composer.contrib.models import Models, write_artefact
from tests.serving import serving

WORKERS, ROUNDS, PREDICTIONS = 4, 3, 400
# About 1.8 MiB for each tree: noise is memorised, with a leaf for each row.
TREES, ROWS, COLUMNS = 136, 20_000, 8
GOAL = 1 / 3

INTRODUCTION = """
Memory of four workers that serve one large model: if each worker loads it, and if one process loads it and is then
forked (`composer serve --workers 4 --preload`). A page that several processes share counts once: the figure is the sum
of their PSS.
""".strip()

SETTINGS = """
[composer]
apps = []
cornerstones = []

[cornerstones.models]
factory = "composer.contrib.models:create_cornerstone"
folder = "artefacts"

[apps.forest]
factory = "benchmarks.preload:create_app"
startup_timeout = 300
"""


def create_app(models: Models) -> FastAPI:
    """Construct the app that predicts with the forest."""
    models.expect("forest")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, object]]:
        yield {"forest": await models.load("forest")}

    app = FastAPI(lifespan=lifespan)

    @app.get("/predict")
    def predict(request: Request, seed: int) -> float:
        row = np.random.default_rng(seed).random((1, COLUMNS))
        return float(request.state.forest.predict(row)[0])

    return app


def write_forest(folder: Path) -> float:
    """Train the forest and write it to the project; return the memory of its trees in MiB."""
    rows = np.random.default_rng(0)
    forest = RandomForestRegressor(TREES, max_features=1, n_jobs=-1, random_state=0)
    forest.fit(rows.random((ROWS, COLUMNS)), rows.random(ROWS))
    forest.set_params(n_jobs=None)
    (folder / "artefacts").mkdir()
    write_artefact(folder / "artefacts", "forest", forest, {"title": "Forest"})
    (folder / "settings.toml").write_text(SETTINGS)
    states = [tree.tree_.__getstate__() for tree in forest.estimators_]
    size: float = sum(state["nodes"].nbytes + state["values"].nbytes for state in states) / 2**20
    return size


def processes_of(parent: psutil.Process, workers: int) -> list[psutil.Process]:
    """Return a server's processes after that many of them have responded."""
    children = parent.children(recursive=True)
    if len(children) < workers:
        raise RuntimeError(f"{len(children)} processes, not {workers}")
    return [parent, *children]


def memory(folder: Path, *options: str) -> float:
    """Serve with these options, let all workers predict, and return the PSS of all processes in MiB."""
    command = ["composer", "serve", "--port", "{port}", "--workers", str(WORKERS), *options]
    quiet = {"COMPOSER_ENV": "production"}
    log = folder / "log"
    with serving(command, folder, log, quiet) as server:
        server.wait_until_ready(300)
        end = time.monotonic() + 300
        while server.output.count("Application startup complete") < WORKERS:
            if time.monotonic() > end:
                raise TimeoutError(f"not all workers are up:\n{server.output}")
            time.sleep(0.1)
        for seed in range(PREDICTIONS):
            # One connection for each request, so that every worker gets some.
            httpx.get(f"{server.url}/forest/predict", params={"seed": seed}).raise_for_status()
        every = processes_of(psutil.Process(server.process.pid), WORKERS)
        pss: float = sum(process.memory_full_info().pss for process in every) / 2**20
        return pss


def section(rounds: int = ROUNDS) -> Section:
    """Measure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = write_forest(folder)
        measured = [(memory(folder), memory(folder), memory(folder, "--preload")) for _ in range(rounds)]
    each, again, shared = (median(column) for column in zip(*measured, strict=True))
    rows = [
        Row("each loads it", {"MiB": each}, [1.0] * rounds),
        Row("each loads it, again", {"MiB": again}, [again / each for each, again, _ in measured]),
        Row("--preload", {"MiB": shared}, [shared / each for each, _, shared in measured], Limit(GOAL)),
    ]
    title = f"PSS of all processes, {WORKERS} workers and a random forest of {size:.0f} MiB; {rounds} rounds"
    notes = [f"gunicorn {version('gunicorn')}."]
    plot = {"each loads it": each, "--preload": shared}
    return Section("preload", "Memory of several workers", INTRODUCTION, [Table(title, rows)], notes=notes, plot=plot)


if __name__ == "__main__":
    print(text(section(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)))
