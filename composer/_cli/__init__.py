"""The command line: `composer serve`, `check`, `routes`, `openapi` and `plugins`."""


def main() -> None:
    """Run the command line."""
    # Imported here, so that `import composer` stays light.
    from composer._cli.commands import commands

    commands()
