"""Fail if the page of the docs is out of date; with `--write`, rewrite it and all expected texts of errors.

With `--write`, any text of composer counts as right: review the diff.
"""

import subprocess
import sys

from tests.messages import FOLDER
from tests.mistakes import DOCS, page

if "--write" in sys.argv[1:]:
    # Remove the texts of deleted tests.
    for file in FOLDER.rglob("*.txt"):
        file.unlink()
    # pytest has to be the first to import the package of its plugin for AnyIO.
    status = subprocess.run([sys.executable, "-m", "pytest", "--write-messages", "--quiet"], check=False).returncode
    DOCS.write_text(page(), encoding="utf-8")
    sys.exit(status)
if DOCS.read_text(encoding="utf-8") != page():
    sys.exit("docs/mistakes.md is out of date: run python -m tests.mistakes --write")
