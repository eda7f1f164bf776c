"""The command line: `composer serve`, `check`, `routes`, `openapi`, `plugins`, and the commands of other packages."""

import sys
from importlib.util import find_spec

# What fastapi-composer[standard] adds and a command imports.
_REQUIRED = ("rich", "structlog", "typer", "uvicorn")


def main() -> None:
    """Run the command line."""
    if missing := [name for name in _REQUIRED if find_spec(name) is None]:
        sys.exit(f"composer: {', '.join(missing)} not installed. Run: pip install 'fastapi-composer[standard]'")
    # Imported here, so that `import composer` stays light.
    from composer._cli.commands import commands

    commands()
