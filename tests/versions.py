"""`python -m tests.versions`: run the core of the suite with several releases of Python, FastAPI and Starlette.

Each cell of the matrix has an environment of its own in .venv-versions/, which later runs use again: with the oldest
releases that pyproject.toml allows, of all that composer depends on, or with the newest of the index.
"""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from xml.etree import ElementTree

import typer

from composer._compat.releases import TESTED

REPOSITORY = Path(__file__).parents[1]
ENVIRONMENTS = REPOSITORY / ".venv-versions"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
PYTHONS = sorted(found for text in PROJECT["classifiers"] if (found := text.rpartition(" :: ")[2]).startswith("3."))
RELEASES = ("oldest", "newest")

# Of the extra dev, what the tests below import.
TESTING = (
    "gunicorn",
    "httpx",
    "httpx2",
    "hypothesis",
    "opentelemetry-sdk",
    "psutil",
    "pydantic-settings",
    "pytest",
    "pytest-xdist",
    "python-multipart",
    "websockets",
)
# What rests on FastAPI, Starlette, AnyIO and Python; those of the command line, of servers and of whole apps don't.
CORE = """
    build built_objects deferred dispatch dispatch_model docs_openapi docs_pages documents fast_path gc guard
    guest_scope lifecycle lifespan limits readiness releases secrets shared threads traces wire
"""
# What a request goes through, once more without the fast path.
WHOLE_PATH = "build dispatch docs_pages fast_path guard guest_scope limits shared traces"
RUNS = {"fast path on": (CORE, True), "fast path off": (WHOLE_PATH, False)}

PACKAGES = ("fastapi", "starlette", "pydantic", "anyio")


@dataclass
class Cell:
    """One run: with which Python and which releases, and what came of it."""

    python: str
    releases: str
    versions: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    passed: bool = True
    seconds: float = 0.0


def interpreter(release: str) -> str | None:
    """Return a Python of a release that can make environments: on the PATH, or of pyenv; None where there is none."""
    for candidate in _candidates(release):
        command = [candidate, "-c", "import ensurepip, venv, sys; print('%d.%d' % sys.version_info[:2])"]
        if _output(command) == release:
            return candidate
    return None


def _candidates(release: str) -> Iterator[str]:
    yield sys.executable
    yield from filter(None, [shutil.which(f"python{release}")])
    if pyenv := shutil.which("pyenv"):
        for installed in _output([pyenv, "versions", "--bare"]).split():
            if installed.startswith(f"{release}."):
                yield f"{_output([pyenv, 'prefix', installed])}/bin/python"


def _output(command: Sequence[str]) -> str:
    """Return what a command prints; "" where it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def lower_bounds() -> list[str]:
    """Return the oldest release of each dependency that pyproject.toml allows, as pip's constraints."""
    requirements = [*PROJECT["dependencies"], *EXTRAS["standard"]]
    bounds = [re.match(r"([\w-]+)(?:\[[\w,-]+\])?>=([\w.]+)$", text) for text in requirements]
    return [f"{bound[1]}=={bound[2]}" for bound in bounds if bound]


def install(cell: Cell, base: str) -> Path | None:
    """Make the cell's environment, or bring it up to date, and return its Python; None where pip can't."""
    place = ENVIRONMENTS / f"{cell.python}-{cell.releases}"
    python = place / "bin" / "python"
    if not python.exists():
        subprocess.run([base, "-m", "venv", "--clear", place], check=True)
    constraints = place / "constraints.txt"
    constraints.write_text("\n".join(lower_bounds() if cell.releases == "oldest" else ()))
    wanted = [text for text in EXTRAS["dev"] if re.split(r"[\[>=]", text)[0] in TESTING]
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--constraint", str(constraints)]
    newest = ["--upgrade", "--upgrade-strategy", "eager"] if cell.releases == "newest" else []
    command = [*pip, *newest, "--editable", ".[standard,metrics,wsgi]", *wanted]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout[-3000:], done.stderr[-3000:], sep="\n", flush=True)
        return None
    return python


def run(cell: Cell, python: Path, name: str, tests: str, fast_path: bool) -> None:
    """Run some tests with the fast path on or off, and note what came of them."""
    report = python.parents[1] / f"{name}.xml"
    report.unlink(missing_ok=True)
    files = [f"tests/test_{test}.py" for test in tests.split()]
    files.append("tests/compat")
    options = ["-q", "--no-header", "--tb=short", "-m", "not slow", "--numprocesses=auto", "--dist=loadfile"]
    command = [str(python), "-m", "pytest", *options, f"--junit-xml={report}", *files]
    environment = {**os.environ, "COMPOSER_FAST_PATH": "1" if fast_path else "0"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    cell.passed = cell.passed and done.returncode == 0
    if done.returncode:
        print(done.stdout[-8000:], done.stderr[-2000:], sep="\n", flush=True)
    cell.runs[name] = _counts(report) if report.exists() else "did not run"


def _counts(report: Path) -> str:
    [suite] = ElementTree.parse(report).getroot()
    tests, failures, errors, skipped = (int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped"))
    return f"{tests - failures - errors - skipped} passed, {failures + errors} failed"


def measured(cell: Cell, base: str) -> Cell:
    """Install and run one cell."""
    start = time.monotonic()
    python = install(cell, base)
    if python is None:
        cell.passed = False
        return cell
    code = f"import platform, importlib.metadata as m; print(platform.python_version(), *map(m.version, {PACKAGES}))"
    cell.versions = dict(zip(["python", *PACKAGES], _output([str(python), "-c", code]).split(), strict=True))
    for name, (tests, fast_path) in RUNS.items():
        run(cell, python, name, tests, fast_path)
    cell.seconds = time.monotonic() - start
    return cell


def table(cells: Sequence[Cell]) -> str:
    """Return the cells as a table, a row each."""
    heads = ["Python", "releases", *PACKAGES, *RUNS, "took"]
    rows = [
        [
            cell.versions.get("python", cell.python),
            cell.releases,
            *(cell.versions.get(name, "?") for name in PACKAGES),
            *(cell.runs.get(name, "not installed") for name in RUNS),
            f"{cell.seconds:.0f} s",
        ]
        for cell in cells
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in [heads, *rows])


def main(
    python: Annotated[list[str] | None, typer.Option(help="This Python only, as 3.12; may be repeated.")] = None,
    releases: Annotated[list[str] | None, typer.Option(help="oldest or newest; may be repeated.")] = None,
) -> None:
    """Run the matrix and print it as a table; exit with 1 where a test failed."""
    found = {release: interpreter(release) for release in python or PYTHONS}
    if missing := [release for release, base in found.items() if base is None]:
        print(f"Not on this machine: Python {', '.join(missing)}.", flush=True)
    cells = []
    for release, base in found.items():
        for which in (releases or RELEASES) if base else ():
            print(f"Python {release}, {which} …", file=sys.stderr, flush=True)
            cells.append(measured(Cell(release, which), str(base)))
    print(table(cells) if cells else "Nothing was run.")
    newest = {name: cell.versions[name] for cell in cells if cell.releases == "newest" for name in TESTED}
    if any(release != TESTED[name][1] for name, release in newest.items()):
        print(f"The newest releases tested, for composer/_compat/releases.py: {newest}.")
    sys.exit(0 if cells and all(cell.passed for cell in cells) else 1)


if __name__ == "__main__":
    typer.run(main)
