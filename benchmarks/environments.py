"""The environments of what composer is measured beside: `make bench` makes each from benchmarks/requirements/NAME.txt.

`python -m benchmarks.environments NAME ARGUMENTS` becomes `python -m ARGUMENTS` of that environment.
"""

import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
FRAMEWORKS, BENTOML, HIVE = "frameworks", "bentoml", "hive"
OWN = ""


def python_of(environment: str) -> Path:
    """Return the Python of an environment; the nameless one is where this process runs."""
    return REPOSITORY / ".venv-bench" / environment / "bin" / "python" if environment else Path(sys.executable)


def is_there(environment: str) -> bool:
    """Tell whether an environment has been made, down to the last package."""
    return not environment or (REPOSITORY / ".venv-bench" / environment / ".installed").exists()


def main(environment: str, *arguments: str) -> None:
    """Become another Python, in the same process: who started this one can end that one."""
    python = str(python_of(environment))
    os.execv(python, [python, "-m", *arguments])  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
