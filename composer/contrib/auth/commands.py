"""`composer auth`: generate an API key, and print the setting for its hash."""

import typer

from composer.contrib.auth import hash_key, new_key

commands = typer.Typer(help="Manage the API keys of clients.", no_args_is_help=True)


@commands.command("new-key")
def generate_key() -> None:
    """Generate an API key; print it, and the setting for its hash. Nothing is stored."""
    key = new_key()
    print(f"API key for the client (it isn't stored): {key}\n")
    print(f'settings.toml:  [cornerstones.auth]\n                keys = ["{hash_key(key)}"]\n')
    print(f"""environment:    COMPOSER_CORNERSTONES__AUTH__KEYS='["{hash_key(key)}"]'""")
