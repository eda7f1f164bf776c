"""The environments of frameworks to compare with; `make bench` creates them from benchmarks/requirements/NAME.txt.

`python -m benchmarks.environments NAME ARGUMENTS` runs `python -m ARGUMENTS` in that environment.
"""

import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
FRAMEWORKS, BENTOML, HIVE = "frameworks", "bentoml", "hive"
OWN = ""


def python_of(environment: str) -> Path:
    """Return the Python of an environment; the empty name is this process's environment."""
    return REPOSITORY / ".venv-bench" / environment / "bin" / "python" if environment else Path(sys.executable)


def is_there(environment: str) -> bool:
    """Return whether an environment is completely installed."""
    return not environment or (REPOSITORY / ".venv-bench" / environment / ".installed").exists()


def main(environment: str, *arguments: str) -> None:
    """Replace this process with another Python, so that the parent process can stop it."""
    python = str(python_of(environment))
    os.execv(python, [python, "-m", *arguments])  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
