"""Write the page of the docs with `--write`, or say whether it is out of date."""

import sys

from tests.mistakes import DOCS, page

if "--write" in sys.argv[1:]:
    DOCS.write_text(page(), encoding="utf-8")
elif DOCS.read_text(encoding="utf-8") != page():
    sys.exit("docs/mistakes.md is out of date: run python -m tests.mistakes --write")
