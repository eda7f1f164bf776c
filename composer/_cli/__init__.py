"""What people type: `composer serve`, `check`, `routes` and `openapi`."""


def main() -> None:
    """Run the command line; its libraries are imported only now, so that `import composer` stays light."""
    from composer._cli.commands import commands

    commands()
