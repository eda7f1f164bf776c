"""Measure the cost of dispatching: a request among N apps, compared with the same app called directly.

Run `python -m benchmarks.finding [ROUNDS]` from the repository's folder. Each way to combine apps has its own
process, and they measure their rounds in turn; see `benchmarks.finding_worker`. Other frameworks are included if
`make bench` has installed them.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

from benchmarks import ways, ways_of_others
from benchmarks.environments import FRAMEWORKS, HIVE, OWN, REPOSITORY, is_there, python_of
from benchmarks.finding_worker import NOISE, UNKNOWN
from benchmarks.report import Limit, Row, Section, Table, text

ROUNDS, SIZES = 15, (1, 100, 1000)
# Modules of the ways to combine apps, and their environments.
WAYS = dict.fromkeys(ways.WAYS, (ways.__name__, OWN)) | {
    name: (ways_of_others.__name__, HIVE if name == "fastapi-hive" else FRAMEWORKS) for name in ways_of_others.WAYS
}
# The targets for composer; for an unknown path they are the same for both.
LIMITS = {"composer": 1.10, "composer, root given": 1.20}
UNKNOWN_LIMIT = 0.50
INTRODUCTION = """
Processor time of a request that is dispatched among N apps, as a ratio to the same app called directly: 1.00 is no
overhead, 2.00 is twice as long. Each app has five routes, and returns a small JSON object. The requests go to the first
app, the middle one and the last one; *unknown* is a path that no app has, compared with an app that responds. Measured
over ASGI, without a socket. Each framework runs in its own process, and they are measured in turn; the direct app uses
the same framework, in the same process and round. *to alone* is the ratio to an app that isn't mounted, called without
a prefix: it matches its routes a little faster. The last table compares the direct app with itself in each process: the
noise. fastapi-hive runs on the last FastAPI whose Starlette had the event handlers that it needs, and without its log.
""".strip()


class Worker:
    """A process that measures one way to combine apps."""

    def __init__(self, way: str, process: "subprocess.Popen[str]") -> None:
        self.way = way
        self._process = process
        told = self._read()
        self.versions = str(told["versions"])
        # For each row and round: an app alone, the app called directly, the request itself.
        self.found: dict[tuple[int, str], list[Sequence[float]]] = {(apps, place): [] for apps, place in told["rows"]}

    def measure(self, counts: bool) -> None:
        """Measure each row once."""
        print(file=self._process.stdin, flush=True)
        for row, figures in zip(self.found.values(), self._read(), strict=True):
            row.extend([figures] if counts else [])

    def row(self, apps: int, place: str) -> Row:
        """Return a row of the table."""
        rounds = self.found[apps, place]
        figures = {"µs": median(asked for _, _, asked in rounds), "to alone": median(a / one for one, _, a in rounds)}
        name = self.way if place == NOISE else f"{self.way}, {apps:,}, {place}"
        ratios = [asked / direct for _, direct, asked in rounds]
        return Row(name, figures, ratios, self._limit(place))

    def _limit(self, place: str) -> Limit | None:
        if self.way not in LIMITS or place == NOISE:
            return None
        return Limit(UNKNOWN_LIMIT if place == UNKNOWN else LIMITS[self.way])

    def _read(self) -> Any:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"the process of {self.way} exited with {self._process.wait()}")
        return json.loads(line)


@contextmanager
def workers(sizes: Sequence[int]) -> Iterator[list[Worker]]:
    """Start a process for each way whose environment exists; each one exits at the end of its input."""
    with ExitStack() as stack:
        started = {}
        for way, (module, environment) in WAYS.items():
            command = [str(python_of(environment)), "-m", "benchmarks.finding_worker", module, way, *map(str, sizes)]
            if is_there(environment):
                # The arguments are constants of the benchmarks.
                process = subprocess.Popen(  # noqa: S603
                    command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
                started[way] = stack.enter_context(process)
        yield [Worker(way, process) for way, process in started.items()]


def tables(made: Sequence[Worker], rounds: int) -> list[Table]:
    """Return the tables of composer, of the other ways, and of the noise."""
    most = max(apps for apps, _ in made[0].found)
    ours = [worker for worker in made if worker.way in LIMITS]
    others = [worker for worker in made if worker.way not in LIMITS]
    compared = [row for row in made[0].found if row[1] == "last" or row == (most, UNKNOWN)]
    return [
        Table(
            f"composer: number of apps, position of the app; medians of {rounds} rounds",
            [worker.row(*row) for worker in ours for row in worker.found if row[1] != NOISE],
        ),
        Table("Other ways, last app", [worker.row(*row) for worker in others for row in compared]),
        Table("Noise: the direct app compared with itself", [worker.row(1, NOISE) for worker in made]),
    ]


def section(rounds: int = ROUNDS, sizes: Sequence[int] = SIZES) -> Section:
    """Measure some rounds, after a warm-up round."""
    with workers(sizes) as made:
        for count in range(rounds + 1):
            for worker in made:
                worker.measure(counts=count > 0)
    ran: dict[str, list[str]] = {}
    for worker in made:
        ran.setdefault(worker.versions, []).append(worker.way)
    notes = [f"{'; '.join(names)}: {told}." for told, names in ran.items()]
    missing = [way for way, (_, environment) in WAYS.items() if not is_there(environment)]
    notes += [f"Not measured, because `make bench` hasn't installed them: {', '.join(missing)}."] if missing else []
    plot = {worker.way: [(apps, worker.row(apps, "last").ratio) for apps in sizes] for worker in made}
    return Section("finding", "Dispatching a request", INTRODUCTION, tables(made, rounds), notes=notes, plot=plot)


if __name__ == "__main__":
    print(text(section(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)))
